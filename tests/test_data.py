"""The data are what data/README.md says."""

import hashlib
import re

from conftest import load

from common import DATA

CHECKSUMS = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
QUATRAIN = re.compile(r"(?:\w{5}，\w{5}。){2}|(?:\w{7}，\w{7}。){2}")  # four lines of five or of seven characters


def test_every_file_has_its_checksum():
    files = {path.relative_to(DATA).as_posix(): path for path in [*DATA.glob("*.gz"), *DATA.glob("MNIST/raw/*")]}
    assert sorted(files) == sorted(name for _, name in CHECKSUMS)
    for checksum, name in CHECKSUMS:
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == checksum


def test_no_row_of_the_training_is_in_the_test():
    names, reviews = load("09_names_gru").read_names, load("10_reviews_gru").read_reviews
    for read, kind, counts in (names, "names", (12_560, 6_237)), (reviews, "reviews", (8_566, 2_000)):
        train, test = (read(DATA / f"{kind}_{part}.csv.gz")[0] for part in ("train", "test"))
        assert (len(train), len(test)) == counts
        assert not set(train) & set(test)
    poems = [poem for part in load("11_poems_gru").read_poems(DATA / "poems.txt.gz") for poem in part]
    assert len(poems) == len(set(poems)) == 13_377
    assert all(QUATRAIN.fullmatch(poem) for poem in poems)
