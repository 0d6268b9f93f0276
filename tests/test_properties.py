"""What must hold for all inputs: the readers never end in a traceback, and batches() loses no sample."""

import argparse
import contextlib
import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import common

always_the_same = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)
names = st.text(st.characters(codec="ascii", categories=("L", "Nd", "P", "Zs")), min_size=1).filter(str.strip)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def read(reader, *arguments):
    """Returns what a reader returns, or None where it ends the program as it does for bad input."""
    try:
        return reader(*arguments)
    except SystemExit as stop:
        return None if stop.code == 2 else stop


@always_the_same
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 20), st.just(4)), elements=finite), st.booleans())
def test_numbers_come_back_from_a_csv_file(tmp_path, rows, zipped):
    path = tmp_path / ("rows.csv.gz" if zipped else "rows.csv")
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    assert torch.equal(common.read_csv(path, 4, "", valid=lambda row: True), torch.from_numpy(rows))


@always_the_same
@given(st.binary() | st.text(alphabet="0123456789.,-+einfa \n\r\t\ufeff").map(str.encode), st.booleans())
def test_any_file_is_numbers_or_a_message(tmp_path, content, zipped):
    path = tmp_path / ("rows.csv.gz" if zipped else "rows.csv")
    path.write_bytes(gzip.compress(content) if zipped else content)
    rows = read(common.read_csv, path, 2, "", lambda row: True)
    assert rows is None or (rows.shape[1] == 2 and rows.isfinite().all())


@always_the_same
@given(st.lists(st.tuples(names, names), min_size=1, max_size=20))
def test_names_come_back(tmp_path, rows):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    path = tmp_path / "names.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    assert load("09_names_gru").read_names(path) == [list(column) for column in zip(*rows, strict=True)]


@always_the_same
@given(st.binary() | st.text().map(str.encode))
def test_any_file_is_names_or_a_message(tmp_path, content):
    path = tmp_path / "names.csv.gz"
    path.write_bytes(gzip.compress(content))
    rows = read(load("09_names_gru").read_names, path)
    assert rows is None or all(name.isascii() and country for name, country in zip(*rows, strict=True))


@always_the_same
@given(st.lists(names, min_size=1, max_size=20))
def test_encoded_names_can_be_read_again(words):
    characters, lengths = load("09_names_gru").encode(words)
    assert characters.shape == (len(words), max(map(len, words)))
    for word, row, length in zip(words, characters.tolist(), lengths.tolist(), strict=True):
        assert bytes(row[:length]).decode() == word
        assert not any(row[length:])


@always_the_same
@given(st.binary() | arrays.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(4))))
def test_any_image_is_a_digit_or_a_message(tmp_path, content):
    path = str(tmp_path / "digit.png")
    if isinstance(content, bytes):
        Path(path).write_bytes(content)
    else:
        Image.fromarray(content).save(path)
    with contextlib.suppress(argparse.ArgumentTypeError):
        _, digit, _ = common.read_digit(path)
        assert digit.shape == (1, 28, 28)
        assert 0 <= digit.min() < digit.max() <= 1


@always_the_same
@given(
    samples=st.integers(1, 300),
    batch_size=st.integers(1, 400),
    world=st.integers(1, 8),
    seed=st.integers(0, 2**63 - 1),
    shuffle=st.booleans(),
)
def test_each_sample_is_in_one_batch_and_in_one_share_of_it(samples, batch_size, world, seed, shuffle):
    numbers = torch.arange(samples)

    def drawn(rank, world):
        """Returns the batches of one process."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(common, "processes", lambda: (rank, world))
            torch.manual_seed(seed)
            loader = common.batches(numbers, -numbers, batch_size=batch_size, shuffle=shuffle)
            return [number.tolist() for number, negative in loader if torch.equal(number, -negative)]

    whole = drawn(0, 1)
    assert [len(batch) for batch in whole[:-1]] == [batch_size] * (len(whole) - 1)
    assert sorted(number for batch in whole for number in batch) == list(range(samples))
    shares = [drawn(rank, world) for rank in range(world)]
    if not shuffle:  # testing shares out whole batches
        assert shares == [whole] * world
        return
    for batch, *parts in zip(whole, *shares, strict=True):
        together = [number for part in parts for number in part]
        assert set(together) == set(batch)
        assert all(parts)
        assert len(together) == max(len(batch), world)  # a rest smaller than `world` is given to several
