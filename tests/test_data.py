"""The data are what data/README.md says."""

import hashlib
import re

import pytest
import torch
from conftest import QUATRAIN, load
from torchvision.datasets import MNIST

from common import DATA, mnist

CHECKSUMS = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_file_has_a_checksum():
    files = {path.relative_to(DATA).as_posix() for path in [*DATA.glob("*.gz"), *DATA.glob("MNIST/raw/*")]}
    assert files == {name for _, name in CHECKSUMS}


@pytest.mark.parametrize(("checksum", "name"), CHECKSUMS)
def test_checksum(checksum, name):
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == checksum


def test_torchvision_finds_mnist_and_downloads_nothing(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    assert len(MNIST(DATA, train=True, download=True)) == 60_000


def test_mnist():
    tensors = mnist(torch.device("cpu"))
    for images, labels, count in (*tensors[:2], 60_000), (*tensors[2:], 10_000):
        assert (images.shape, images.dtype) == ((count, 1, 28, 28), torch.float32)
        assert (labels.shape, labels.dtype) == ((count,), torch.int64)
        assert labels.unique().tolist() == list(range(10))
        assert abs(images.mean()) < 0.01
        assert abs(images.std() - 1) < 0.01
    raw = mnist(torch.device("cpu"), raw=True)[2]
    assert (raw.min(), raw.max()) == (0, 255)


def test_diabetes():
    dataset = load("03_diabetes").DiabetesDataset(DATA / "diabetes.csv.gz")
    assert (dataset.features.shape, dataset.labels.shape) == ((768, 8), (768, 1))
    assert (dataset.features.abs().max(), dataset.labels.sum()) == (1, 268)


def test_names():
    train, test = (load("09_names_gru").read_names(f"{DATA}/names_{part}.csv") for part in ("train", "test"))
    assert (len(train[0]), len(test[0])) == (12_560, 6_237)
    assert len(set(train[1])) == 18
    assert not set(train[0]) & set(test[0])


def test_reviews():
    train, test = (load("10_reviews_gru").read_reviews(f"{DATA}/reviews_{part}.csv.gz") for part in ("train", "test"))
    assert (len(train[0]), len(test[0])) == (8_566, 2_000)
    assert (train[1].sum(), test[1].sum()) == (4_284, 957)
    assert (train[2], test[2]) == (0, 0)
    assert not set(train[0]) & set(test[0])


def test_poems():
    poems = [poem for part in load("11_poems_gru").read_poems(f"{DATA}/poems.txt.gz") for poem in part]
    assert len(poems) == len(set(poems)) == 13_377
    assert all(QUATRAIN.fullmatch(poem) for poem in poems)
