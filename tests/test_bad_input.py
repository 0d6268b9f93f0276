"""What is wrong with an option or a file is said in one line, before anything is trained; `refused` checks that."""

import gzip
import os
import re
import shutil

import pytest
import torch
from conftest import SCRIPTS, load, own

import common

OF_EVERY_SCRIPT = "--epochs=0 --epochs=1.5 --epochs=ten --lr=0 --lr=-1 --lr=nan --lr=inf --device=moon --device=cuda:99"
OF_EVERY_SCRIPT += " --seed=-1 --seed=99999999999999999999 --no-such=x --plot=a.xyz --plot=missing/a.png --plot="
OF_ONE_SCRIPT = {
    "01_linear": "--optimizer=Newton --fast --save=line.pt",
    "03_diabetes": "--activation=tanh --workers=-1 --batch-size=0",
    "04_mnist_mlp": "--csv=one.csv --activation=tanh --fast",
    "05_mnist_cnn": "--model=best --predict=digit.png --load=missing.pt --load=.",
    "07_resnet": "--block=thick --batch-size=x --depth=0",
    "08_rnn_hello": "--model=transformer",
    "09_names_gru": "--predict= --predict=张三",
    "10_reviews_gru": "--model=lstm --csv=one.csv",
    "11_poems_gru": f"--temperature=0 --count=0 --first=。 --acrostic=,春 --acrostic={13 * '春'}",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_option(refused, tmp_path, monkeypatch, script):
    monkeypatch.chdir(tmp_path)
    for option in f"{OF_EVERY_SCRIPT} {OF_ONE_SCRIPT.get(script, '')}".split():
        name, _, value = option.partition("=")
        message = refused(script, option)
        assert re.search(f"{name}|no device {value}|^{re.escape(value)} cannot be read", message)
        assert ("pinyin" in message) == (name == "--predict" and script == "09_names_gru")


@pytest.mark.parametrize("path", ["missing/cnn.pt", ".", "/dev/full", "file/cnn.pt", "", 256 * "a", "read-only.pt"])
def test_save(refused, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "read-only.pt").touch(mode=0o444)
    if path == "read-only.pt" and os.access(path, os.W_OK):
        pytest.skip("root may write everywhere")
    assert "cannot be written" in refused("05_mnist_cnn", "--save", path)
    assert sorted(os.listdir()) == ["file", "read-only.pt"]


def test_plot_without_matplotlib_or_with_an_unknown_backend(run, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('no matplotlib')")
    for change in {"MPLBACKEND": "nonsense"}, {"PYTHONPATH": str(tmp_path)}:
        result = run("01_linear", "--plot", "line.png", env=os.environ | change)
        assert (result.returncode, result.stdout) == (2, "")
        assert "pip install matplotlib" in result.stderr.splitlines()[-1]


ZIPPED = gzip.compress(999 * b"0.5,1\n")
UNREADABLE = {  # contents, and what the line says
    "blank.csv": (b"\n\r\n", ""),
    "excel.xlsx": (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0\xb5\xd6\xff\n", "in Excel as CSV UTF-8"),
    "UTF-16.csv": ("0.5,1\n".encode("utf-16"), "in Excel as CSV UTF-8"),
    "truncated.csv.gz": (ZIPPED[: len(ZIPPED) // 2], "EOFError"),
    "not zipped.csv.gz": (b"0.5,1\n", "BadGzipFile"),
    "missing.csv": (None, "FileNotFoundError"),
    ".": (None, "IsADirectoryError"),
}


@pytest.mark.parametrize("file", UNREADABLE)
def test_a_file_that_no_script_can_read(refused, tmp_path, file):
    content, words = UNREADABLE[file]
    if content is not None:
        (tmp_path / file).write_bytes(content)
    for script in "03_diabetes", "04_mnist_mlp", "09_names_gru", "10_reviews_gru", "11_poems_gru":
        message = refused(script, *own(script, tmp_path / file))
        assert message.startswith(f"{tmp_path / file} cannot be read") or "UTF-8" in message
        assert words in message


PIXELS = ",0" * 783 + ",255\n"
NAMES, REVIEWS = "Wu,Chinese\nSmith,English\n", "A moving film.,2.5\nA dull film.,-2\n"
BAD = [  # script, contents of its file, what the line says
    ("03_diabetes", "", "no data"),
    ("03_diabetes", "1;2;1\n3;4;0\n", "1;2;1"),
    ("03_diabetes", "1,2,1\n3,four,0\n", "four"),
    ("03_diabetes", "1,2,1\n3,4,1\n", "both labels must occur"),
    ("03_diabetes", "1,nan,1\n3,4,0\n", "features and a label of 0 or 1"),
    ("03_diabetes", "1,2,1\n3,4,0\n3,4,2\n", "features and a label of 0 or 1"),
    ("03_diabetes", "1,2,1\n3,4,0\n3,4,5,1\n", "row 3"),
    ("04_mnist_mlp", 9 * ("7" + PIXELS), "all labels are 7; is the label the first column?"),
    ("04_mnist_mlp", "7" + ",0,1" * 392 + "\n", "784 pixels of 0 to 255"),
    ("04_mnist_mlp", PIXELS[1:], "784 pixels of 0 to 255"),
    ("04_mnist_mlp", "7,-1" + PIXELS[2:], "784 pixels of 0 to 255"),
    ("04_mnist_mlp", "10" + PIXELS, "a label of 0 to 9"),
    ("09_names_gru", NAMES + "Li\n", "line 3 must be a name"),
    ("09_names_gru", NAMES + "\nLi,Chinese,1\n", "line 4 must be a name"),
    ("09_names_gru", NAMES + "山田,Japanese\n", "line 3 must be a name in Latin letters (Chinese ones in pinyin)"),
    ("09_names_gru", NAMES + "Li, \n", "line 3 must be"),
    ("09_names_gru", '"Li,Chinese\n' + 3 * NAMES, "must be a name"),
    ("09_names_gru", "Wu,Chinese\nLi, Chinese\n", "is the label the second column?"),
    ("10_reviews_gru", REVIEWS + "A film.,good\n", "line 3 must be a sentence, a comma and a rating"),
    ("10_reviews_gru", REVIEWS + "\nA film.,nan\n", "line 4 must be"),
    ("10_reviews_gru", REVIEWS + "A film, good,1\n", "line 3 must be"),
    ("10_reviews_gru", REVIEWS + '"A film.,1\nA "good" film.,1\n', "line 4 must be"),
    ("10_reviews_gru", REVIEWS + '"A film.,1\n' + 5000 * REVIEWS, "field larger than field limit"),
    ("10_reviews_gru", "A film.,0\n", "no sentence with a rating above or below 0"),
    ("10_reviews_gru", "One star.,1\nFive stars.,5\nNone.,0\n", "subtract the middle of the scale"),
    ("11_poems_gru", 13 * "春眠不觉晓，处处闻啼鸟。\n" + 100 * "春", "14 poems or more"),
]


@pytest.mark.parametrize(("script", "content", "words"), BAD, ids=range(len(BAD)))
def test_own_file(refused, tmp_path, script, content, words):
    (tmp_path / "own.csv").write_text(content, encoding="utf-8")
    message = refused(script, *own(script, tmp_path / "own.csv"))
    assert message.startswith(f"{tmp_path / 'own.csv'}")
    assert words in message


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    "script", ["04_mnist_mlp", "05_mnist_cnn", "07_resnet", "09_names_gru", "10_reviews_gru", "11_poems_gru"]
)
def test_weights(refused, few, tmp_path, monkeypatch, script):
    monkeypatch.chdir(tmp_path)
    other = load("07_resnet").ResNet(load("07_resnet").PlainBlock).state_dict()
    torch.save(other, "bad.pt")
    whole = (tmp_path / "bad.pt").read_bytes()
    countries = sorted(set(load("09_names_gru").read_names(common.DATA / "names_train.csv.gz")[1]))
    flat = load("09_names_gru").NameGRU(len(countries)).state_dict() | {"countries": countries}  # as 09 once saved it
    for value in (
        other,
        flat,
        {"weights": other, "countries": countries, "words": ["a"]},
        [1, 2],
        {},
        {1: torch.ones(1)},
        Harmful(),
    ):
        torch.save(value, "bad.pt")
        assert refused(script, "--load", "bad.pt").startswith("bad.pt cannot be read: ")
    for content in (b"", b"text", whole[: len(whole) // 2], bytes(1000)):
        (tmp_path / "bad.pt").write_bytes(content)
        assert refused(script, "--load", "bad.pt").startswith("bad.pt cannot be read: ")
    assert not os.path.exists("executed")


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "labels of the other part"])
def test_mnist_that_is_damaged(refused, small_data, tmp_path, monkeypatch, damage):
    shutil.copytree(small_data.parent, tmp_path / "clone")
    labels = tmp_path / "clone" / "data" / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    other = labels.with_name("t10k-labels-idx1-ubyte").read_bytes()
    labels.write_bytes({"cut": labels.read_bytes()[:-100], "empty": b"", "text": b"no digits\n"}.get(damage, other))
    monkeypatch.setattr(common, "DATA", tmp_path / "clone" / "data")
    assert "MNIST cannot be read" in refused("05_mnist_cnn")
