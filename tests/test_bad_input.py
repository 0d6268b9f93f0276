"""What is wrong with the input is said in one line on standard error, with status 2; `refused` checks that."""

import gzip
import os

import pytest
import torch
from conftest import SCRIPTS, load
from PIL import Image

OF_EVERY_SCRIPT = "--epochs=0 --epochs=1.5 --epochs=ten --lr=0 --lr=-1 --lr=nan --lr=inf --device=moon --device=cuda:99"
OF_EVERY_SCRIPT += " --seed=-1 --seed=x --seed=99999999999999999999 --epoch=1 --no-such x"
OF_ONE_SCRIPT = {
    "01_linear": "--optimizer=Newton --fast --save=line.pt",
    "02_logistic": "--plot=picture.xyz --plot=picture --plot=missing/picture.png --plot=",
    "03_diabetes": "--activation=tanh --workers=-1 --batch-size=0 --csv=missing.csv --csv=. --plot=picture.png",
    "04_mnist_mlp": "--csv=one.csv --activation=tanh --fast",
    "05_mnist_cnn": "--model=best --save=missing/cnn.pt --save=. --save= --load=missing.pt --load=. --load=",
    "07_resnet": "--block=thick --batch-size=x",
    "08_rnn_hello": "--model=transformer",
    "09_names_gru": "--predict= --predict=42 --predict=王",
    "10_reviews_gru": "--model=lstm --csv=one.csv --predict=xyzzy --predict=",
    "11_poems_gru": "--first=愛 --acrostic=春A --acrostic=春春春春春 --temperature=0 --count=0 --poems=missing.txt",
}


@pytest.mark.parametrize("option", OF_EVERY_SCRIPT.split())
def test_option_of_every_script(refused, option):
    for name in SCRIPTS:
        assert option.split("=")[0] in refused(name, option)


@pytest.mark.parametrize("name", OF_ONE_SCRIPT)
def test_option_of_one_script(refused, few, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for word in OF_ONE_SCRIPT[name].split():
        option, _, value = word.partition("=")
        message = refused(name, word)
        assert option in message or f"{value}: each line must be" in message


def bad_files(row):
    """Returns contents of bad CSV files, by name; `row` is good."""
    rows = 3 * (row + "\n")
    zipped = gzip.compress(999 * rows.encode())
    texts = {
        "blank.csv": "\n\r\n",
        "too few columns.csv": rows.replace(row, row[2:]),
        "one longer row.csv": rows + row + ",0\n",
        "text.csv": rows + row.replace("0", "zero", 1),
        "nan.csv": rows + row.replace("0", "nan", 1),
        "semicolons.csv": rows.replace(",", ";"),
        "label 2 or pixel 256.csv": rows + row.replace("0,0", "0,256", 1)[:-1] + "2",
        "no gzip.csv.gz": rows,
    }
    return {name: text.encode() for name, text in texts.items()} | {
        "empty.csv": b"",
        "binary.csv": bytes(range(256)),
        "truncated.csv.gz": zipped[: len(zipped) // 2],
        "damaged.csv.gz": zipped[:20] + b"\0\0\0\0" + zipped[24:],
    }


PATIENTS, DIGITS = bad_files("0,0,0,0,0,0,0,0,1"), bad_files("1" + ",0" * 784)


@pytest.mark.parametrize("name", PATIENTS)
def test_csv(refused, tmp_path, name):
    good, bad = tmp_path / "good.csv", tmp_path / name
    bad.write_bytes(PATIENTS[name])
    assert f"{name}: each line must be eight features and a label" in refused("03_diabetes", "--csv", bad)
    good.write_text("1" + ",0" * 784)
    bad.write_bytes(DIGITS[name])
    for files in (good, bad), (bad, good):
        assert f"{name}: each line must be a label of 0 to 9" in refused("04_mnist_mlp", "--csv", *files)


NAMES = b"Wu,Chinese\nSmith,English\n"
BAD_NAMES = {
    "empty": b"",
    "one column": NAMES + b"Li\n",
    "three columns": b"Wu,Chinese,1\n",
    "not Latin": NAMES + "山田,Japanese\n".encode(),
    "no name": NAMES + b",Chinese\n",
    "no letters": NAMES + b"42,Chinese\n",
    "binary": bytes(range(256)),
    "UTF-16": NAMES.decode().encode("utf-16"),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names(refused, tmp_path, case):
    (tmp_path / "names_train.csv").write_bytes(BAD_NAMES[case])
    message = refused("09_names_gru", "--names-dir", tmp_path)
    assert "names_train.csv: each line must be a name, a comma and a label" in message
    assert case != "not Latin" or "pinyin" in message
    files = [tmp_path / "names_train.csv"] * 2
    assert "each line must be a sentence, a comma and a rating" in refused("10_reviews_gru", "--csv", *files)
    assert "each line must be a poem of at most 99 characters" in refused("11_poems_gru", "--poems", files[0])


def test_names_that_are_missing_or_no_gzip_or_of_a_new_country(refused, tmp_path):
    assert "names_train.csv.gz: each line" in refused("09_names_gru", "--names-dir", tmp_path)
    (tmp_path / "names_train.csv.gz").write_bytes(NAMES)
    assert "names_train.csv.gz: each line" in refused("09_names_gru", "--names-dir", tmp_path)
    (tmp_path / "names_train.csv").write_bytes(NAMES)
    (tmp_path / "names_test.csv").write_text("Wu,Utopian\n")
    assert "does not know: Utopian" in refused("09_names_gru", "--names-dir", tmp_path)


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("name", ["05_mnist_cnn", "09_names_gru"])
def test_damaged_or_harmful_weights(refused, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    script, path = load(name), tmp_path / "bad.pt"
    state = (script.ImprovedCNN() if name == "05_mnist_cnn" else script.NameGRU(["Italian", "Polish"])).state_dict()
    torch.save(state, path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:1000], whole[: len(whole) // 2], whole[:-100], bytes(1000)):
        path.write_bytes(content)
        assert "--load: " in refused(name, "--load", path)
    other = load("04_mnist_mlp").MLP(torch.relu).state_dict()
    for value in ([1, 2], {}, state | {"more": torch.zeros(1)}, state | {"_extra_state": 18}, other, Harmful()):
        torch.save(value, path)
        assert "bad.pt is missing, damaged, or has the weights of another network" in refused(name, "--load", path)
    assert not os.path.exists("executed")


@pytest.mark.parametrize("case", ["empty", "text", "truncated", "blank"])
def test_a_picture_without_a_digit(refused, few, tmp_path, case):
    path = tmp_path / "digit.png"
    Image.new("L", (50, 50), 200).save(path)
    path.write_bytes({"empty": b"", "text": b"7", "truncated": path.read_bytes()[:60]}.get(case, path.read_bytes()))
    assert "digit.png is not a picture of a digit" in refused("05_mnist_cnn", "--epochs", 1, "--predict", path)
