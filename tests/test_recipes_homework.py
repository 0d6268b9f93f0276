"""The lecture's homework in recipes/: each program runs on small files of the real form, and refuses bad ones."""

import csv
import os
import random
import subprocess

import pytest
from conftest import PYTHON, ROOT

CLASSES = [f"Class_{number}" for number in range(1, 10)]
WORDS = ["awful", "weak", "plain", "good", "great"]  # one for each sentiment
CSV, TSV = ["train.csv", "test.csv"], ["train.tsv", "test.tsv"]
TABS = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}


def write(path, columns, rows, **form):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, **form).writerows([columns, *rows])


def make_titanic(folder):
    """Made passengers of whom all women survive; cabins, and some ages, fares and ports are missing."""
    rows = []
    for number in range(120):
        woman = number % 2
        name, sex = [("Made, Mr. Otto", "male"), ('Made, Mrs. Anna "Nan"', "female")][woman]
        age, fare, port = ("", "", "") if number % 5 == 0 else (number % 60, number / 4, "CQS"[number % 3])
        rows.append([number, woman, number % 3 + 1, name, sex, age, 0, 0, f"A/{number}", fare, "", port])
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


def make_kaggle_reviews(folder):
    """Made phrases, four to a sentence; a word tells the sentiment, in every fifth sentence another one."""
    rows = []
    for number in range(400):
        sentence, sentiment = number // 4, number % 5
        told = (sentiment + 1) % 5 if sentence % 5 == 0 else sentiment
        rows.append([number, sentence, f'A {WORDS[sentiment]} " film', told])
    test_rows = [[500 + number, 200, f"a {word.upper()} film"] for number, word in enumerate(WORDS)]
    columns = ["PhraseId", "SentenceId", "Phrase"]
    write(folder / "train.tsv", [*columns, "Sentiment"], rows, **TABS)
    write(folder / "test.tsv", columns, [[600, 201, " "], *test_rows], **TABS)
    return [[str(row[0]), str(number)] for number, row in enumerate(test_rows)]


MAKE = {"titanic": make_titanic, "otto": make_otto, "kaggle_reviews": make_kaggle_reviews}


def run(folder, name, *arguments):
    """Runs a recipe as a user does; returns what the folder then has, and the result."""
    command = [*PYTHON, str(ROOT / "recipes" / f"{name}.py"), *arguments]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8")
    return {path.name: path.read_bytes() for path in folder.iterdir()}, result


@pytest.mark.parametrize(("name", "files"), [("titanic", CSV), ("otto", CSV), ("kaggle_reviews", TSV)])
def test_from_train_and_test_to_a_submission(tmp_path, name, files):
    expected = MAKE[name](tmp_path)
    (tmp_path / "submission.csv").write_text("mine")
    written, result = run(tmp_path, name, *files, "--output", "new.csv", "--epochs", "40")
    assert (result.returncode, result.stderr) == (0, "")
    assert set(written) == {*files, "submission.csv", "new.csv"}
    assert written["submission.csv"] == b"mine"

    heading, *rows = csv.reader(written["new.csv"].decode().splitlines())
    if name == "titanic":
        assert heading == ["PassengerId", "Survived"]
        assert "women survive is right for 100.00 %" in result.stdout
    elif name == "otto":
        assert heading == ["id", *CLASSES]
        for row in rows:
            probabilities = [float(text) for text in row[1:]]
            assert min(probabilities) > 0
            assert sum(probabilities) == pytest.approx(1)
            row[1:] = [CLASSES[probabilities.index(max(probabilities))]]
    else:
        assert heading == ["PhraseId", "Sentiment"]
        assert rows.pop(0)[0] == "600"  # the empty phrase
        assert result.stdout.endswith("accuracy 0.00 %\n")  # every fifth sentence is held out, with all its phrases
    assert rows == expected


@pytest.mark.parametrize(
    ("name", "arguments", "old", "new", "words"),
    [
        ("titanic", ["none.csv", "test.csv"], "", "", "none.csv cannot be read"),
        ("titanic", CSV, "PassengerId", "Id", "train.csv cannot be read after 0 passengers: KeyError: 'PassengerId'"),
        ("titanic", CSV, "7,1,2,", "7,1,two,", "train.csv cannot be read after 7 passengers"),
        ("titanic", [*CSV, "--output", "none/../test.csv"], "", "", "test.csv cannot be written: it is read"),
        ("otto", ["train.csv", "."], "", "", "Is a directory"),
        ("otto", CSV, "feat_93", "feat_94", "'feat_93'"),
        ("otto", CSV, ",30,", ",many,", "'many'"),
        ("otto", CSV, "id,", "PK\3\4\xff", "utf-8"),  # as .xlsx and .zip begin
        ("otto", [*CSV, "--output", "none/new.csv"], "", "", "none/new.csv cannot be written"),
        ("kaggle_reviews", TSV, "Sentiment", "Rating", "'Sentiment'"),
        ("kaggle_reviews", TSV, "film\t3", "film\t7", "train.tsv: each Sentiment must be from 0 to 4"),
        ("kaggle_reviews", TSV, "600\t", "last\t", "test.tsv cannot be read after 0 phrases"),
        ("optimizers", ["--plot", "picture.txt"], "", "", "picture.txt must be a .png"),
        ("long_memory", ["--plot", "none/picture.png"], "", "", "none/picture.png must be a .png"),
    ],
)
def test_what_is_bad_is_one_line(tmp_path, name, arguments, old, new, words):
    MAKE.get(name, make_otto)(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(old.encode(), new.encode("latin-1")))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written, result = run(tmp_path, name, *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert words in result.stderr
    assert written == before


def test_one_learning_rate_for_all_and_one_for_each(tmp_path):
    written, result = run(tmp_path, "optimizers", "--plot", "nine.png", "--epochs", "30")
    assert (result.returncode, result.stderr) == (0, "")
    same, best = {}, {}
    for line in result.stdout.splitlines():
        name, *words = line.split()
        same[name], best[name] = float(words[3]), float(words[-1])
    assert len(same) == 9
    assert same["SGD"] < same["Adam"] < same["Adagrad"]
    assert best["Adagrad"] < best["SGD"]
    assert written["nine.png"].startswith(b"\x89PNG")


def test_gates_remember(tmp_path):
    written, result = run(tmp_path, "long_memory", "--plot", "memory.png", "--seeds", "1", "--batches", "300")
    assert (result.returncode, result.stderr) == (0, "")
    summary = [line.split()[:2] for line in result.stdout.splitlines()[-3:]]
    assert summary == [["RNN:", "0"], ["LSTM:", "1"], ["GRU:", "1"]]
    assert written["memory.png"].startswith(b"\x89PNG")
