"""What is wrong with the input is said in one line, with exit status 2."""

import gzip
import re

import pytest
from conftest import SCRIPTS, load

import common

OPTIONS = [
    *("--epochs=-1", "--epochs=1.5", "--epochs=ten", "--epochs=nan", "--epochs=99999999999999999999", "--epochs="),
    *("--lr=0", "--lr=-1", "--lr=nan", "--lr=inf", "--lr=1e38", "--lr=fast", "--lr="),
    *("--seed=-1", "--seed=x", "--seed=1e3", "--seed=99999999999999999999"),
    *("--device=moon", "--device=cuda:99", "--device=meta", "--device=", "--no-such", "x"),
    *("--plot=/no/such/folder/a.png", "--plot=a.xyz", "--plot=a", "--plot="),
]
MORE = [
    ("01_linear", "--epochs=0"),
    ("01_linear", "--optimizer=Newton"),
    ("02_logistic", "--epochs=0"),
    ("03_diabetes", "--predict 1 2 3 4 5 6 7"),
    ("03_diabetes", "--predict 1 2 3 4 5 6 7 nan"),
    ("03_diabetes", "--predict 1 2 3 4 5 6 7 much"),
    ("03_diabetes", "--save=/no/such/folder/a.pt"),
    ("04_mnist_mlp", "--save=."),
    ("04_mnist_mlp", "--dataset=CIFAR10"),
    ("05_mnist_cnn", "--load=missing.pt"),
    ("05_mnist_cnn", "--load=."),
    ("05_mnist_cnn", "--predict=missing.png"),
    ("05_mnist_cnn", "--predict"),
    ("07_resnet", "--block=thick"),
    ("08_rnn_hello", "--epochs=0"),
    ("09_names_gru", "--predict="),
    ("09_names_gru", "--predict=山田"),
    ("09_names_gru", "--predict=42"),
    ("03_diabetes", "--activation=tanh"),
    ("03_diabetes", "--workers=-1"),
    ("03_diabetes", "--batch-size=0"),
    ("03_diabetes", "--csv=missing.csv"),
    ("03_diabetes", "--csv=."),
    ("04_mnist_mlp", "--csv=only-one.csv"),
    ("04_mnist_mlp", "--csv missing.csv missing.csv"),
    ("04_mnist_mlp", "--csv . . --dataset KMNIST"),
    ("01_linear", "--fast"),
    ("03_diabetes", "--predict 1 2 3 4 5 6 7 inf"),
    ("03_diabetes", "--workers=x"),
    ("04_mnist_mlp", "--batch-size=nan"),
    ("06_inception", "--load="),
    ("07_resnet", "--save="),
    ("09_names_gru", "--save=missing/names.pt"),
    ("04_mnist_mlp", "--activation=tanh"),
    ("05_mnist_cnn", "--model=best"),
    ("06_inception", "--batch-size=x"),
    ("07_resnet", "--batch-size=-5"),
    ("08_rnn_hello", "--model=transformer"),
    ("09_names_gru", "--names-dir=missing"),
]


def refused(capsys, name, *arguments):
    """Runs main with input that it must refuse; returns the line on standard error."""
    with pytest.raises(SystemExit) as stop:
        load(name).main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    assert stop.value.code == 2
    assert output.out == ""
    assert output.err.count("\n") == 1
    return output.err


@pytest.mark.parametrize("option", OPTIONS)
def test_option_of_every_script(capsys, option):
    for name in SCRIPTS:
        assert option.split("=")[0] in refused(capsys, name, option)


@pytest.mark.parametrize(("name", "option"), MORE)
def test_option_of_one_script(capsys, name, option):
    message = refused(capsys, name, *option.split())
    assert option.partition("=")[0].split()[0] in message or "cannot be read" in message


def test_command_line(run):
    result = run("05_mnist_cnn", "--lr", "-1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "05_mnist_cnn.py: error: argument --lr: '-1' is not a number above 0 and below 10**18\n"


GOOD = "0,0,0,0,0,0,0,0,1\n0,0,0,0,0,0,0,0,0\n"
BAD_CSV = {  # a file, and what the message says after its name
    "empty": (b"", " is empty: expected lines of eight features"),
    "blank lines": (b"\n\r\n", " is empty"),
    "a column too few": (b"0,0,0,0,0,0,0,1\n", ", line 1: expected eight features and a label of 0 or 1"),
    "a column too many": ((GOOD + "0,0,0,0,0,0,0,0,0,1").encode(), ", line 3: expected eight features"),
    "text": ((GOOD + "0,0,0,0,0,0,0,zero,1\n").encode(), ", line 3: "),
    "text after a blank line": (("\n" + GOOD + "0,0,0,0,0,0,0,zero,1\n").encode(), ", line 4: "),
    "nothing between commas": ((GOOD + "0,0,0,,0,0,0,0,1\n").encode(), ", line 3: "),
    "a heading": (("a,b,c,d,e,f,g,h,label\n" + GOOD).encode(), ", line 1: "),
    "semicolons": (
        GOOD.replace(",", ";").encode(),
        ", line 1: expected eight features and a label of 0 or 1, separated",
    ),
    "nan": ((GOOD + "0,0,0,0,0,0,0,nan,1\n").encode(), ", line 3: "),
    "inf": ((GOOD + "0,0,0,0,0,0,0,inf,1\n").encode(), ", line 3: "),
    "too large": ((GOOD + "0,0,0,0,0,0,0,1e99,1\n").encode(), ", line 3: "),
    "label 2": ((GOOD + "0,0,0,0,0,0,0,0,2\n").encode(), ", line 3: "),
    "one class": (GOOD[:18].encode(), ": all labels are the same"),
    "binary": (bytes(range(256)), " cannot be read: "),
    "UTF-16": (GOOD.encode("utf-16"), " cannot be read: "),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_diabetes_file(capsys, tmp_path, case):
    path = tmp_path / "bad.csv"
    content, message = BAD_CSV[case]
    path.write_bytes(content)
    assert f"bad.csv{message}" in refused(capsys, "03_diabetes", "--csv", path)


def test_truncated_and_false_gzip(capsys, tmp_path):
    path = tmp_path / "bad.csv.gz"
    whole = gzip.compress((GOOD * 999).encode())
    for content in (whole[:40], whole[:-4], whole[:20] + b"\0\0\0\0" + whole[24:], b"", GOOD.encode()):
        path.write_bytes(content)
        assert re.search(r"bad.csv.gz (cannot be read|is empty): ", refused(capsys, "03_diabetes", "--csv", path))


@pytest.mark.parametrize(
    "row", ["10" + ",0" * 784, "0.5" + ",0" * 784, "1" + ",256" * 784, "1" + ",-1" * 784, "1" + ",0" * 783]
)
def test_digits_file(capsys, tmp_path, row):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("1" + ",0" * 784 + "\n" + "2" + ",0" * 784 + "\n")
    bad.write_text(good.read_text() + row + "\n")
    for files in ((good, bad), (bad, good)):
        message = refused(capsys, "04_mnist_mlp", "--csv", *files)
        assert "bad.csv, line 3: expected a label of 0 to 9 and 784 pixels of 0 to 255" in message


def test_digits_of_one_class(capsys, tmp_path):
    path = tmp_path / "ones.csv"
    path.write_text("1" + ",0" * 784 + "\n")
    assert "ones.csv: all labels are the same" in refused(capsys, "04_mnist_mlp", "--csv", path, path)


TWO = "Wu,Chinese\nSmith,English\n"
BAD_NAMES = {  # the training file, the test file, and what the message says
    "empty file": ("", TWO, "names_train.csv.gz is empty: expected lines of a name"),
    "no country": (TWO + "Wu\n", TWO, "names_train.csv.gz, line 3: expected a name in ASCII letters, a comma"),
    "empty country": (TWO + "Wu,\n", TWO, "names_train.csv.gz, line 3: "),
    "no name": (TWO + ",Chinese\n", TWO, "names_train.csv.gz, line 3: "),
    "three columns": (TWO + "Wu,Chinese,1\n", TWO, "names_train.csv.gz, line 3: "),
    "not ASCII": (TWO, TWO + "Müller,German\n", "names_test.csv.gz, line 3: "),
    "NUL": (TWO, TWO + "W\0u,German\n", "names_test.csv.gz, line 3: "),
    "one country": ("Wu,Chinese\n", "Li,Chinese\n", "names_train.csv.gz: only Chinese"),
    "country only in the test file": (TWO, "Li,Chinese\nAlfa,Greek", "names_t*.csv.gz: not known from training: Greek"),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names_file(capsys, tmp_path, case):
    *files, message = BAD_NAMES[case]
    for which, text in zip(("train", "test"), files, strict=True):
        (tmp_path / f"names_{which}.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert message in refused(capsys, "09_names_gru", "--names-dir", tmp_path)


def test_names_file_that_is_not_gzip(capsys, tmp_path):
    (tmp_path / "names_train.csv.gz").write_text(TWO)
    assert "names_train.csv.gz cannot be read: Not a gzipped file" in refused(
        capsys, "09_names_gru", "--names-dir", tmp_path
    )


@pytest.mark.parametrize(
    "damage", ["truncated", "labels of 200", "a label too few", "of another kind", "empty", "missing"]
)
def test_damaged_mnist(capsys, tmp_path, monkeypatch, damage):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (common.DATA / "MNIST" / "raw").iterdir():
        content = path.read_bytes()
        if "t10k-labels" in path.name:
            content = {
                "truncated": content[:1000],
                "labels of 200": content[:-1] + b"\xc8",
                "a label too few": content[:4] + (9999).to_bytes(4, "big") + content[8:-1],
                "of another kind": (raw.parent.parent / "MNIST").as_posix().encode() * 9,
                "empty": b"",
                "missing": None,
            }[damage]
        if content is not None:
            (raw / path.name).write_bytes(content)
    monkeypatch.setattr(common, "DATA", tmp_path)
    assert "git checkout data" in refused(capsys, "05_mnist_cnn")
