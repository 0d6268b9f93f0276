"""What is wrong with the input is said in one line, with exit status 2."""

import gzip

import pytest
from conftest import SCRIPTS, load

import common

OPTIONS = ["--epochs=-1", "--epochs=1.5", "--epochs=ten", "--lr=0", "--lr=-1", "--lr=nan", "--lr=inf"]
OPTIONS += [
    "--lr=fast",
    "--seed=-1",
    "--seed=x",
    "--device=moon",
    "--device=cuda:99",
    "--device=meta",
    "--no-such",
    "x",
]
OPTIONS += ["--plot=/no/such/folder/a.png", "--plot=a.xyz", "--plot=a", "--plot="]
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
    refused(capsys, name, *option.split())


def test_command_line(run):
    result = run("05_mnist_cnn", "--lr", "-1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "05_mnist_cnn.py: error: argument --lr: '-1' is not a number above 0\n"


GOOD = "0,0,0,0,0,0,0,0,1\n"
BAD_CSV = {
    "empty": b"",
    "a column too few": b"0,0,0,0,0,0,0,1\n",
    "columns differ": (GOOD + "0,1\n").encode(),
    "text": (GOOD + "0,0,0,0,0,0,0,zero,1\n").encode(),
    "nan": (GOOD + "0,0,0,0,0,0,0,nan,1\n").encode(),
    "inf": (GOOD + "0,0,0,0,0,0,0,inf,1\n").encode(),
    "label 2": (GOOD + "0,0,0,0,0,0,0,0,2\n").encode(),
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_diabetes_file(capsys, tmp_path, case):
    path = tmp_path / "bad.csv"
    path.write_bytes(BAD_CSV[case])
    assert "bad.csv" in refused(capsys, "03_diabetes", "--csv", path)


def test_truncated_and_false_gzip(capsys, tmp_path):
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(gzip.compress((GOOD * 999).encode())[:40])
    assert "bad.csv.gz" in refused(capsys, "03_diabetes", "--csv", path)
    path.write_bytes(GOOD.encode())
    assert "bad.csv.gz" in refused(capsys, "03_diabetes", "--csv", path)


@pytest.mark.parametrize(
    "row", ["10" + ",0" * 784, "0.5" + ",0" * 784, "1" + ",256" * 784, "1" + ",-1" * 784, "1" + ",0" * 783]
)
def test_digits_file(capsys, tmp_path, row):
    path = tmp_path / "bad.csv"
    path.write_text(row + "\n")
    assert "bad.csv" in refused(capsys, "04_mnist_mlp", "--csv", path, path)


BAD_NAMES = {
    "empty file": ("", "Wu,Chinese"),
    "no country": ("Wu\n", "Wu,Chinese"),
    "empty country": ("Wu,\n", "Wu,Chinese"),
    "no name": (",Chinese\n", "Wu,Chinese"),
    "not ASCII": ("Müller,German\n", "Wu,German"),
    "country only in the test file": ("Wu,Chinese\n", "Li,Chinese\nSmith,English"),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names_file(capsys, tmp_path, case):
    for which, text in zip(("train", "test"), BAD_NAMES[case], strict=True):
        (tmp_path / f"names_{which}.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert "names_t" in refused(capsys, "09_names_gru", "--names-dir", tmp_path)


def test_damaged_mnist(capsys, tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (common.DATA / "MNIST" / "raw").iterdir():
        (raw / path.name).write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(common, "DATA", tmp_path)
    assert "git checkout data" in refused(capsys, "05_mnist_cnn")
    monkeypatch.setattr(common, "DATA", tmp_path / "missing")
    assert "git checkout data" in refused(capsys, "05_mnist_cnn")
