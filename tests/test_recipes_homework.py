"""The lecture's homework in recipes/: each program runs on small files of the real form, and refuses bad ones."""

import csv
import random
import re
import runpy
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
from conftest import ROOT
from torch.nn.modules.loss import _Loss
from torch.utils.data import RandomSampler

CLASSES = [f"Class_{number}" for number in range(1, 10)]
WORDS = ["awful", "weak", "plain", "good", "great"]  # one for each sentiment
TABS = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
FOLDERS = {"titanic": "titanic", "otto": "otto", "kaggle_reviews": "reviews"}


def write(path, columns, rows, **form):
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, **form).writerows([columns, *rows])


def make_titanic(folder):
    """Made passengers of whom all women survive; cabins, and some ages, fares and ports are missing."""
    rows = []
    for number in range(120):
        woman = number % 2
        name, sex = [("Made, Mr. Otto", "male"), ('Made, Mrs. Anna "Nan"', "female")][woman]
        age, fare, port = ("", "", "") if number % 5 == 0 else (number % 60, number / 4, "CQS"[number % 3])
        cabin = "" if woman and number > 80 else f"A/{number}"
        rows.append([number, woman, number % 3 + 1, name, sex, age, 0, 0, "113", fare, cabin, port])
    columns = ["Pclass", "Name", "Sex", "Age", "SibSp", "Parch", "Ticket", "Fare", "Cabin", "Embarked"]
    write(folder / "train.csv", ["PassengerId", "Survived", *columns], rows[:80])
    write(folder / "test.csv", ["PassengerId", *columns], [row[:1] + row[2:] for row in rows[80:]])
    return [[str(row[0]), str(row[1])] for row in rows[80:]]


def make_otto(folder):
    """Made products; the class is the one of the first nine features that is large."""
    rows = []
    for number in range(270):
        features = random.Random(number).choices([0, 1, 2], k=93)
        features[number % 9] = 30
        rows.append([number, *features, CLASSES[number % 9]])
    columns = ["id", *[f"feat_{number}" for number in range(1, 94)]]
    write(folder / "train.csv", [*columns, "target"], rows[:180])
    write(folder / "test.csv", columns, [row[:-1] for row in rows[180:]])
    return [[str(row[0]), row[-1]] for row in rows[180:]]


def make_reviews(folder):
    """Made phrases, four to a sentence; a word tells the sentiment, in every fifth sentence another one."""
    rows = []
    for number in range(400):
        sentence, sentiment = number // 4, number % 5
        told = (sentiment + 1) % 5 if sentence % 5 == 0 else sentiment
        rows.append([number, sentence, f'A {WORDS[sentiment]} " film', told])
    test_rows = [[500 + number, 200, f"a {word.upper()} film"] for number, word in enumerate(WORDS)]
    columns = ["PhraseId", "SentenceId", "Phrase"]
    write(folder / "train.tsv", [*columns, "Sentiment"], rows, **TABS)
    write(folder / "test.tsv", columns, [*test_rows, [600, 201, " "]], **TABS)
    return [[str(row[0]), str(number)] for number, row in enumerate(test_rows)]


MAKE = {"titanic": make_titanic, "otto": make_otto, "kaggle_reviews": make_reviews}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def copy(name, **settings):
    """Returns the text of a recipe in which the lines of some settings are replaced, as a user changes them."""
    text = (ROOT / "recipes" / f"{name}.py").read_text(encoding="utf-8")
    for setting, value in settings.items():
        text, count = re.subn(f"^{setting} = .*$", f"{setting} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1, setting
    return text


def run(name, *arguments, **settings):
    """Runs such a copy as a user does, in this process; returns the names that the program then has."""
    with open(f"{name}.py", "w", encoding="utf-8") as file:
        file.write(copy(name, **settings))
    with mock.patch.object(sys, "argv", [f"{name}.py", *arguments]):
        return runpy.run_path(f"{name}.py", run_name="__main__")


def paste(name, **settings):
    """Runs such a copy as PyCharm's console does: with arguments of its own and without __file__."""
    with mock.patch.object(sys, "argv", ["/lib/pydevconsole.py", "--mode=client", "--port=1"]):
        exec(copy(name, **settings), {"__name__": "builtins"})


@pytest.mark.parametrize("name", FOLDERS)
def test_from_train_and_test_to_a_submission(tmp_path, capsys, name):
    expected = MAKE[name](tmp_path / FOLDERS[name])
    modes = set()  # are gradients off, and is the network in train()? A loss_fn is a module, too

    def note(module, x, out):
        if not isinstance(module, _Loss):
            modes.add((torch.is_inference_mode_enabled(), module.training))

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    names = run(name, EPOCHS=40)
    hook.remove()
    assert modes == {(False, True), (True, False)}
    assert isinstance(names["train_loader"].sampler, RandomSampler)

    output = capsys.readouterr().out
    with open(f"{FOLDERS[name]}/submission.csv") as file:
        heading, *rows = csv.reader(file)
    if name == "titanic":
        assert heading == ["PassengerId", "Survived"]
        assert output.startswith("titanic/train.csv: 80 rows\ntitanic/test.csv: 40 rows\n16 held out; ")
        assert '"women survive" is right for 100.00 % of them\n' in output
    elif name == "otto":
        assert heading == ["id", *CLASSES]
        for row in rows:
            probabilities = [float(text) for text in row[1:]]
            assert min(probabilities) > 0
            assert sum(probabilities) == pytest.approx(1)
            row[1:] = [CLASSES[probabilities.index(max(probabilities))]]
        assert "the frequencies alone: log loss 2." in output  # ln 9 = 2.197
    else:
        assert heading == ["PhraseId", "Sentiment"]
        assert rows.pop()[0] == "600"  # the empty phrase
        assert "held-out accuracy 0.00 %\nreviews/sub" in output  # every fifth sentence, with all its phrases
    assert rows == expected


def test_padding_counts_for_nothing():
    names = runpy.run_path(str(ROOT / "recipes" / "kaggle_reviews.py"))
    torch.manual_seed(0)
    model = names["PhraseGRU"](vocabulary_size=9).eval()
    phrases = [{"numbers": torch.arange(1, 1 + length), "label": 0} for length in (2, 7)]
    x, lengths, labels = names["collate"](phrases)
    assert (x.shape, lengths.tolist()) == ((2, 7), [2, 7])  # to the longest of its batch
    torch.testing.assert_close(model(x, lengths)[:1], model(x[:1, :2], lengths[:1]))


def test_missing_values_spelled_in_words(tmp_path):
    expected = make_titanic(tmp_path / "titanic")
    path = tmp_path / "titanic" / "test.csv"
    path.write_text(re.sub("(?<=,)(?=,|$)", "NaN", path.read_text(), flags=re.MULTILINE))
    paste("titanic", EPOCHS=20)
    with open("titanic/submission.csv") as file:
        assert list(csv.reader(file))[1:] == expected


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("titanic", "PassengerId", "Id", "titanic/train.csv, line 1: no column PassengerId: the columns are ['Id', "),
        ("titanic", ",", ";", "no column PassengerId: the columns are ['PassengerId;Survived;"),
        ("titanic", "\r\n7,1,2,", "\r\n7,1,two,", "titanic/train.csv, line 9: Pclass is 'two', not one of"),
        ("titanic", ",7,0,0,", ",inf,0,0,", "titanic/train.csv, line 9: one of ['Age', 'SibSp', 'Parch', 'Fare'] is "),
        ("titanic", "\r\n82,", "\r\n82.0,", "titanic/test.csv, line 4: invalid literal for int() with base 10: '82.0'"),
        ("titanic", ",A/6,C", "", "line 8: this row has more or fewer fields"),
        ("otto", ",30,", ",many,", "line 2: could not convert string to float: 'many'"),
        ("otto", ",30,", ",nan,", "line 2: a feature is not a number, infinite or too large"),
        ("otto", ",30,", ",-1e300,", "line 2: a feature is not a number, infinite or too large"),
        ("otto", "id,", "PK\3\4\xff", "utf-8"),  # as .xlsx and .zip begin
        ("kaggle_reviews", "Sentiment", "Rating", "train.tsv, line 1: no column Sentiment: the columns are "),
        ("kaggle_reviews", "film\t3", "film\t7", "Sentiment is '7', not a number from 0 to 4"),
        ("kaggle_reviews", "600\t", "last\t", "reviews/test.tsv, line 7: invalid literal for int()"),
        ("kaggle_reviews", "plain", "plain\t", "line 4: this row has more or fewer fields than the heading"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, capsys, name, old, new, words):
    folder = tmp_path / FOLDERS[name]
    MAKE[name](folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(old.encode(), new.encode("latin-1")))
    with pytest.raises(SystemExit) as end:
        run(name)
    assert re.fullmatch(".{20,500}", end.value.code)  # sys.exit() prints a text, and the status is 1
    assert words in end.value.code
    assert "epoch" not in capsys.readouterr().out
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("name", [*FOLDERS, "optimizers", "long_memory"])
def test_what_cannot_be_run_is_one_line(tmp_path, name):
    with pytest.raises(SystemExit, match="takes no options: change the capital names"):
        run(name, "--epochs", "3")
    if name not in FOLDERS:
        with pytest.raises(SystemExit, match=r"none/picture.png must end in .png"):
            run(name, PICTURE="none/picture.png")
        return
    with pytest.raises(SystemExit, match="cannot be read: No such file"):
        run(name)
    MAKE[name](tmp_path / FOLDERS[name])
    with pytest.raises(SystemExit, match="cannot be written: it is a folder"):
        run(name, SUBMISSION=FOLDERS[name])
    submission = tmp_path / FOLDERS[name] / "submission.csv"
    submission.write_text("mine")
    with mock.patch("os.replace", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        run(name, EPOCHS=1)  # Ctrl-C at the last moment
    assert submission.read_text() == "mine"
    train = next(submission.parent.glob("train.*"))
    train.write_text("".join(train.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(SystemExit, match="must have "):
        run(name)


def test_one_learning_rate_for_all_and_one_for_each(capsys):
    optimizers = ["SGD", "Adam", "Adagrad", "NAdam"]  # a row of three panels, and one more
    paste("optimizers", OPTIMIZERS=optimizers, EPOCHS=30, PICTURE="four.png")
    *lines, picture = capsys.readouterr().out.splitlines()
    words = [line.split() for line in lines]
    same = {name: float(loss) for name, _, _, _, loss, *_ in words}
    best = {name: float(loss) for name, *_, loss in words}
    assert list(best) == optimizers
    assert same["SGD"] < same["Adam"] < same["Adagrad"]
    assert max(best.values()) < min(same.values())
    assert Path(picture).read_bytes().startswith(b"\x89PNG")


def test_gates_remember(capsys):
    names = run("long_memory", SEEDS=[0], BATCHES=300, PICTURE="memory.png")
    output = capsys.readouterr().out
    for line in ("RNN: 0", "GRU: 1"):  # LSTM: nine of ten seeds
        assert f"\n{line} of 1 runs reach 100 letters\n" in output
    assert min(names["own"]) > 50  # of GRU, after 5 to 150 letters
    assert min(names["fresh"]) > 90
    assert Path("memory.png").read_bytes().startswith(b"\x89PNG")
