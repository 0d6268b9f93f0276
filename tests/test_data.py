"""The data are what data/README.md says."""

import hashlib
import re
import subprocess

import pytest
import torch
from conftest import ROOT, load
from torchvision.datasets import MNIST

from common import DATA, mnist, read_csv

CHECKSUMS = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_file_has_a_checksum():
    files = {path.relative_to(DATA).as_posix() for path in [*DATA.glob("*.gz"), *DATA.glob("MNIST/raw/*")]}
    assert files == {name for _, name in CHECKSUMS}
    assert len(files) == 7


@pytest.mark.parametrize(("checksum", "name"), CHECKSUMS)
def test_checksum(checksum, name):
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == checksum


def test_the_command_of_the_readme_checks_the_data():
    (command,) = re.findall(r"^    (cd data && .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    printed = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split(": ") for line in printed.splitlines()] == [[name, "OK"] for _, name in CHECKSUMS]


def test_torchvision_finds_mnist_and_downloads_nothing(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    assert len(MNIST(ROOT / "data", train=True, download=True)) == 60_000


@pytest.mark.parametrize(("train", "count"), [(True, 60_000), (False, 10_000)])
def test_mnist(train, count):
    images, labels = mnist()[0 if train else 1]
    assert (images.shape, images.dtype) == ((count, 1, 28, 28), torch.float32)
    assert (labels.shape, labels.dtype) == ((count,), torch.int64)
    assert labels.unique().tolist() == list(range(10))
    assert abs(images.mean().item()) < 0.01
    assert abs(images.std().item() - 1) < 0.01


def test_mnist_raw():
    images, _ = mnist(raw=True)[1]
    assert (images.min().item(), images.max().item()) == (0, 255)


def test_diabetes():
    rows = read_csv(DATA / "diabetes.csv.gz", 9, "", valid=lambda row: True)
    assert rows.shape == (768, 9)
    assert rows[:, -1].sum() == 268
    assert rows[:, -1].unique().tolist() == [0, 1]
    assert rows[:, :-1].abs().max() == 1


def test_names():
    read_names = load("09_names_gru").read_names
    train_names, train_countries = read_names(DATA / "names_train.csv.gz")
    test_names, test_countries = read_names(DATA / "names_test.csv.gz")
    assert (len(train_names), len(test_names)) == (12_560, 6_237)
    assert len(set(train_countries)) == 18
    assert set(test_countries) == set(train_countries)
    assert not set(train_names) & set(test_names)
    assert all(re.fullmatch("[A-Za-z '-]{2,}", name) for name in train_names + test_names)
    for country in set(train_countries):
        share = test_countries.count(country) / (test_countries.count(country) + train_countries.count(country))
        assert 0.29 < share < 0.36
