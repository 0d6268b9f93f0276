"""What is wrong with an option or a file is said in one line, before anything is trained; `refused` checks that."""

import gzip
import os
import shutil

import pytest
import torch
from conftest import SCRIPTS, load
from PIL import Image

import common

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
    "10_reviews_gru": "--model=lstm --csv=one.csv",
    "11_poems_gru": "--temperature=0 --count=0 --plot=poems.png",
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
        assert any(words in message for words in (option, f"{value} cannot be read", f"{value!r} is missing"))


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
    }
    return {name: text.encode() for name, text in texts.items()} | {
        "empty.csv": b"",
        "binary.csv": bytes(range(256)),
        "truncated.csv.gz": zipped[: len(zipped) // 2],
        "damaged.csv.gz": zipped[:20] + b"\0\0\0\0" + zipped[24:],
    }


PATIENTS, DIGITS = bad_files("0,0,0,0,0,0,0,0,1"), bad_files("1" + ",0" * 783 + ",255")
LINES = {"one longer row": 4, "text": 4, "nan": 4, "semicolons": 1, "label 2 or pixel 256": 4}


@pytest.mark.parametrize("name", PATIENTS)
def test_csv(refused, tmp_path, name):
    good, bad = tmp_path / "good.csv", tmp_path / name
    line = LINES.get(bad.stem)
    place = f"{name}, line {line}: " if line else name
    bad.write_bytes(PATIENTS[name])
    assert place in refused("03_diabetes", "--csv", bad)
    good.write_text("".join(f"{label}" + ",0" * 783 + ",255\n" for label in range(10)))
    bad.write_bytes(DIGITS[name])
    for files in (good, bad), (bad, good):
        assert place in refused("04_mnist_mlp", "--csv", *files)


def test_a_line_is_named_though_comments_and_blank_lines_stand_before_it(refused, tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("# eight features, label\n\n" + 2 * ("0," * 8 + "1\r\n") + "0," * 8 + "2\n")
    message = refused("03_diabetes", "--csv", path)
    assert "patients.csv, line 5: the last number, the label, must be 0 or 1" in message


NAMES = b"Wu,Chinese\nSmith,English\n"
BAD_NAMES = {  # contents, and what the line says
    "empty": (b"", "it has no names"),
    "one column": (NAMES + b"Li\n", "line 3: "),
    "three columns": (NAMES + b"Wu,Chinese,1\n", "line 3: "),
    "not Latin": (NAMES + "山田,Japanese\n".encode(), "line 3: '山田' is not a name in Latin letters"),
    "no name": (b"\n" + NAMES + b",Chinese\n", "line 4: "),
    "no letters": (NAMES + b"42,Chinese\n", "line 3: "),
    "open quotation mark": (b'"Li,Chinese\n' + 3 * NAMES, "line 1: "),
    "binary": (bytes(range(256)), "save it as UTF-8"),
    "UTF-16": (NAMES.decode().encode("utf-16"), "save it as UTF-8"),
    "a heading": (b"Name,Country\n" + NAMES, "line 1: it looks like a heading"),
    "a label with a space of no width": (NAMES + "Li,Chinese\u200b\n".encode(), "line 3: the label is empty, or has"),
    "an empty label": (NAMES + b"Li, \n", "line 3: the label is empty"),
    "a label with a line break": (NAMES + b'Li,"Chi\nnese"\n', "line 3: a field of several lines"),
    "Greek": (NAMES + "Παπαδόπουλος,Greek\n".encode(), "line 3: 'Παπαδόπουλος' is not a name in Latin letters"),
    "a name of 101 letters": (NAMES + 101 * b"a" + b",Polish\n", "line 3: a name of more than 100 letters"),
    "a long text": (NAMES + ("и" * 5000 + ",Russian\n").encode(), "line 3: "),
    "one label only": (b"Wu,Chinese\nLi, Chinese\n", "all labels are 'Chinese'; is the label the second column?"),
    "GBK": ("王,Chinese\n".encode("gbk"), "save it as UTF-8"),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names(refused, tmp_path, case):
    content, words = BAD_NAMES[case]
    path = tmp_path / "names_train.csv"
    path.write_bytes(content)
    (tmp_path / "names_test.csv").write_bytes(NAMES)
    message = refused("09_names_gru", "--names-dir", tmp_path)
    assert "names_train.csv" in message
    assert words in message
    assert ("pinyin" in message) == (case == "not Latin")
    assert "names_train.csv" in refused("10_reviews_gru", "--csv", path, path)
    assert "names_train.csv" in refused("11_poems_gru", "--poems", path)


REVIEWS = "A moving film.,2.5\nA dull film.,-2\n"
BAD_REVIEWS = {
    "no number": (REVIEWS + "A film.,good\n", "line 3: the rating"),
    "nan": (REVIEWS + "\nA film.,nan\n", "line 4: the rating"),
    "three columns": (REVIEWS + "A film, good,1\n", "line 3: "),
    "a quotation mark that is not closed": (
        REVIEWS + '"A film.,1\n' + 9 * REVIEWS,
        "line 3: a field of several lines; was a quotation mark",
    ),
    "a quotation mark that the next one closes": (
        REVIEWS + '"A film.,1\nA "good" film.,1\n',
        "line 3: a field of several",
    ),
    "a rating of two lines": (REVIEWS + 'A film.,"1\nA film.,-1\n', "line 3: a field of several"),
    "larger than a field of csv may be": (REVIEWS + '"A film.,1\n' + 5000 * REVIEWS, "line 3: "),
    "no word twice": ("A film.,1\nThe moving picture!,-2\n", None),
    "UTF-16 without a mark": (REVIEWS.encode("utf-16-le").decode(), "save it as UTF-8"),
    "a sentence of 2,001 words": (REVIEWS + 2001 * "so " + ",1\n", "line 3: a sentence of more than 2,000 words"),
    "zeros only": ("A film.,0\n", "no sentence with a rating"),
}


@pytest.mark.parametrize("case", BAD_REVIEWS)
def test_reviews(refused, tmp_path, case):
    content, words = BAD_REVIEWS[case]
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(REVIEWS)
    bad.write_text(content)
    if words is None:  # of the training file
        assert "bad.csv: no word occurs twice" in refused("10_reviews_gru", "--csv", bad, good)
        return
    for files in (good, bad), (bad, good):
        message = refused("10_reviews_gru", "--csv", *files)
        assert "bad.csv" in message
        assert words in message


@pytest.mark.parametrize("ratings", [(0, 1), (1, 2), (1, 2, 3, 4, 5), (0, -1), (0, 1, 2, 3, 4)])
def test_ratings_on_one_side_are_refused(refused, tmp_path, ratings):
    """Labels of 0 and 1, or stars: once the zeros are left out, all are positive (or negative)."""
    path = tmp_path / "stars.csv"
    path.write_text("".join(f"A film of {rating} stars.,{rating}\n" for rating in 9 * ratings))
    message = refused("10_reviews_gru", "--csv", path, path)
    assert "stars.csv: " in message
    assert "subtract the middle of the scale" in message


def test_one_label_only_is_refused(refused, tmp_path):
    patients, digits = tmp_path / "patients.csv", tmp_path / "digits.csv"
    patients.write_text(9 * "0.5,1,1\n")
    assert "patients.csv: all labels are 1; is the label the last column?" in refused("03_diabetes", "--csv", patients)
    digits.write_text("".join("0," * 783 + f"255,{label}\n" for label in range(10)))  # the label in the last column
    assert "digits.csv: all labels are 0; is the label the first" in refused("04_mnist_mlp", "--csv", digits, digits)
    digits.write_text("".join(f"{label}" + ",0,1" * 392 + "\n" for label in range(10)))
    assert "digits.csv: the pixels end at 1" in refused("04_mnist_mlp", "--csv", digits, digits)


def test_poems(refused, tmp_path):
    path = tmp_path / "poems.txt"
    path.write_text(30 * "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n" + 100 * "春", encoding="utf-8")
    assert "poems.txt, line 31: " in refused("11_poems_gru", "--poems", path)
    path.write_text(13 * "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n", encoding="utf-8")
    assert "it has 13" in refused("11_poems_gru", "--poems", path)
    path.write_text("\n".join("赵钱孙李周吴郑王冯陈褚卫蒋沈韩"), encoding="utf-8")
    assert "no character occurs twice" in refused("11_poems_gru", "--poems", path)
    assert "missing.txt cannot be read" in refused("11_poems_gru", "--poems", "missing.txt")


POEM_OPTIONS = {
    "--first=愛": "do not have '愛' twice or more; our own poems have simplified characters only",
    "--acrostic=春Aa": "do not have 'Aa' twice",
    "--acrostic=春夏秋冬春": "--acrostic: more characters than the four lines",
    "--acrostic=春，": "--acrostic: a line cannot begin with a mark",
    "--first=春 --acrostic=春": "not allowed with argument",
}


@pytest.mark.parametrize("words", POEM_OPTIONS)
def test_what_a_poem_begins_with(refused, words):
    assert POEM_OPTIONS[words] in refused("11_poems_gru", *words.split())


def test_an_acrostic_of_texts_without_lines_is_refused(refused, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text(10 * "Kowalski\nMüller\n", encoding="utf-8")
    assert "--acrostic: none of ，。？！ ends a line" in refused("11_poems_gru", "--poems", path, "--acrostic", "Mü")


def test_names_that_are_missing_or_no_gzip_or_of_a_new_country(refused, tmp_path):
    assert "names_train.csv.gz cannot be read" in refused("09_names_gru", "--names-dir", tmp_path)
    (tmp_path / "names_train.csv.gz").write_bytes(b"\x1f\x8b" + NAMES)
    assert "names_train.csv.gz cannot be read" in refused("09_names_gru", "--names-dir", tmp_path)
    (tmp_path / "names_train.csv").write_bytes(NAMES)
    (tmp_path / "names_test.csv").write_text("Wu,Utopian\n")
    assert "names_train.csv does not have: Utopian" in refused("09_names_gru", "--names-dir", tmp_path)


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("name", ["05_mnist_cnn", "09_names_gru"])
def test_damaged_or_harmful_weights(refused, few, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    script, path = load(name), tmp_path / "bad.pt"
    if name == "05_mnist_cnn":
        state = script.ImprovedCNN().state_dict()
    else:
        countries = sorted(set(script.read_names(f"{common.DATA}/names_train.csv")[1]))
        state = script.NameGRU(len(countries)).state_dict() | {"countries": countries}
    torch.save(state, path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:1000], whole[: len(whole) // 2], whole[:-100], bytes(1000)):
        path.write_bytes(content)
        assert "bad.pt' is missing or damaged" in refused(name, *few(name), "--load", path)
    for value in ([1, 2], {}, state | {"more": torch.zeros(1)}, Harmful()):
        torch.save(value, path)
        assert "bad.pt" in refused(name, *few(name), "--load", path)
    assert not os.path.exists("executed")


def test_weights_that_are_nan(refused, tmp_path):
    state = load("07_resnet").ResNet().state_dict()
    state["linear.bias"][0] = torch.nan
    torch.save(state, tmp_path / "nan.pt")
    assert "nan.pt' has weights that are nan" in refused("07_resnet", "--load", tmp_path / "nan.pt")


def test_weights_of_another_network(refused, few, tmp_path):
    path = tmp_path / "other.pt"
    for name, options, network in (
        ("05_mnist_cnn", ["--model", "simple"], load("05_mnist_cnn").ImprovedCNN()),
        ("06_inception", [], load("07_resnet").ResNet()),
        ("09_names_gru", [], load("05_mnist_cnn").SimpleCNN()),
        ("10_reviews_gru", [], load("09_names_gru").NameGRU(2)),
        ("11_poems_gru", [], load("05_mnist_cnn").SimpleCNN()),
    ):
        torch.save(network.state_dict(), path)
        assert "other.pt" in refused(name, *few(name), *options, "--load", path)
    resnet = load("07_resnet")
    for saved in resnet.BLOCKS:
        torch.save(resnet.ResNet(resnet.BLOCKS[saved]).state_dict(), path)
        for block in resnet.BLOCKS:
            if block != saved:
                message = refused("07_resnet", "--block", block, "--load", path)
                assert "other.pt' has the weights of another network" in message


ENTRIES = {"09_names_gru": "countries", "10_reviews_gru": "words", "11_poems_gru": "characters"}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_of_the_weights_that_is_missing_or_no_list_of_texts(refused, few, tmp_path, name):
    networks = {"09_names_gru": "NameGRU", "10_reviews_gru": "ReviewNet", "11_poems_gru": "PoemGRU"}
    weights = getattr(load(name), networks[name])(4).state_dict()
    path = tmp_path / "weights.pt"
    for entry in ({}, {ENTRIES[name]: 4}, {ENTRIES[name]: [1, 2, 3, 4]}, {ENTRIES[name]: "text"}):
        torch.save(weights | entry, path)
        assert f"it has no {ENTRIES[name]}" in refused(name, *few(name), "--load", path)


@pytest.mark.parametrize(
    "damage", ["missing", "cut", "empty", "text", "zeros", "labels of the other part", "a label of 99"]
)
def test_mnist_that_is_missing_or_damaged(tmp_path, monkeypatch, damage):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(common.DATA / "MNIST" / "raw", raw)
    labels = raw / "train-labels-idx1-ubyte"
    content = labels.read_bytes()
    changed = {
        "cut": content[:-100],
        "empty": b"",
        "text": b"not a file of MNIST\n",
        "zeros": content[:8] + bytes(len(content) - 8),
        "labels of the other part": (raw / "t10k-labels-idx1-ubyte").read_bytes(),
        "a label of 99": content[:-1] + b"\x63",
    }
    if damage == "missing":
        labels.unlink()
    else:
        labels.write_bytes(changed[damage])
    monkeypatch.setattr(common, "DATA", tmp_path)
    with pytest.raises(SystemExit, match=r"^.+raw: a file of MNIST is missing or damaged.+$"):
        common.mnist("cpu")


@pytest.mark.parametrize("case", ["empty", "text", "truncated", "blank", "noise", "a shadow alone"])
def test_a_picture_without_a_digit(refused, few, tmp_path, case):
    path = tmp_path / "digit.png"
    Image.new("L", (50, 50), 200).save(path)
    if case == "noise":
        level = 200 + 2 * torch.randn(50, 50, generator=torch.Generator().manual_seed(0))
        Image.fromarray(level.byte().numpy()).save(path)
    if case == "a shadow alone":
        Image.fromarray(torch.linspace(80, 200, 50).byte().expand(50, 50).numpy()).save(path)
    path.write_bytes({"empty": b"", "text": b"7", "truncated": path.read_bytes()[:60]}.get(case, path.read_bytes()))
    assert "digit.png is not a picture of a digit" in refused("05_mnist_cnn", "--predict", path)
