"""The data are what data/README.md says."""

import hashlib
import re

import torch
from conftest import load
from torchvision.datasets import MNIST

from common import DATA, mnist

CHECKSUMS = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
QUATRAIN = re.compile(r"(?:\w{5}，\w{5}。){2}|(?:\w{7}，\w{7}。){2}")  # four lines of five or of seven characters


def test_every_file_has_its_checksum():
    files = {path.relative_to(DATA).as_posix(): path for path in [*DATA.glob("*.gz"), *DATA.glob("MNIST/raw/*")]}
    assert sorted(files) == sorted(name for _, name in CHECKSUMS)
    for checksum, name in CHECKSUMS:
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == checksum


def test_torchvision_finds_mnist_and_downloads_nothing(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    assert len(MNIST(DATA, train=True, download=True)) == 60_000


def test_mnist():
    for train, count in (True, 60_000), (False, 10_000):
        images, labels = mnist(train).tensors
        assert (images.shape, images.dtype) == ((count, 1, 28, 28), torch.float32)
        assert (labels.shape, labels.unique().tolist()) == ((count,), list(range(10)))
        assert abs(images.mean()) < 0.01
        assert abs(images.std() - 1) < 0.01


def test_rows():
    names, reviews = load("09_names_gru").read_names, load("10_reviews_gru").read_reviews
    for read, kind, counts in (names, "names", (12_560, 6_237)), (reviews, "reviews", (8_566, 2_000)):
        train, test = (read(DATA / f"{kind}_{part}.csv.gz")[0] for part in ("train", "test"))
        assert (len(train), len(test)) == counts
        assert not set(train) & set(test)
    poems = [poem for part in load("11_poems_gru").read_poems(DATA / "poems.txt.gz") for poem in part]
    assert len(poems) == len(set(poems)) == 13_377
    assert all(QUATRAIN.fullmatch(poem) for poem in poems)
