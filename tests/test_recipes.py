"""Every recipe can be made, runs, and does what only it does."""

import re
import runpy
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import PYTHON, ROOT
from torchvision.transforms.functional import to_pil_image

from common import evaluate, mnist

RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.diff"))
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture
def make(tmp_path):
    """Makes a recipe in a copy of the repository; returns the path of the script that it has changed."""

    def make(name):
        for path in ROOT.glob("*.py"):
            shutil.copy(path, tmp_path)
        for folder in ("assets", "data"):
            (tmp_path / folder).symlink_to(ROOT / folder)
        apply = ["git", "apply", ROOT / "recipes" / f"{name}.diff"]
        result = subprocess.run(apply, cwd=tmp_path, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
        (changed,) = [path for path in tmp_path.glob("*.py") if path.read_bytes() != (ROOT / path.name).read_bytes()]
        return changed

    return make


@pytest.fixture
def use(monkeypatch, capsys):
    """Runs a script in this process, in its folder; returns the names that it leaves and the lines that it prints."""

    def use(script, *arguments):
        monkeypatch.chdir(script.parent)
        monkeypatch.setattr(sys, "argv", [script.name, *map(str, arguments)])
        names = runpy.run_path(str(script), run_name="__main__")
        return names, capsys.readouterr().out.splitlines()

    return use


def accuracy(line):
    """Returns the accuracy in a line, in %."""
    return float(re.search(r"accuracy +(\S+) %", line)[1])


def draw(folder, digits, count):
    """Writes a folder of pictures for each digit: test images of MNIST, larger and in colours."""
    _, _, images, labels = mnist("cpu", raw=True)
    for digit in digits:
        (folder / f"digit {digit}").mkdir(parents=True)
        for number, image in enumerate(images[labels == digit][:count]):
            picture = to_pil_image(image.byte()).resize((50, 40)).convert("RGB")
            picture.save(folder / f"digit {digit}" / f"{number}.png")


@pytest.mark.parametrize("name", RECIPES)
def test_words_stand_before_the_diff(name):
    words, _, diff = (ROOT / "recipes" / f"{name}.diff").read_text(encoding="utf-8").partition("diff --git ")
    assert f"    git apply recipes/{name}.diff\n" in words
    assert len(words.split()) > 50
    assert "FIGURE" not in words
    assert "\n@@ " in diff


def test_a_third_convolution(make, use, few, tmp_path):
    use(make("05_deeper"), "--fast", "--save", "deeper.pt")
    assert torch.load(tmp_path / "deeper.pt", weights_only=True)["conv3.weight"].shape == (64, 32, 3, 3)


def test_as_many_outputs_as_folders(make, use, tmp_path):
    script = make("05_own_pictures")
    draw(tmp_path / "train", [0, 1, 7], 30)
    draw(tmp_path / "test", [0, 1, 7], 10)
    pictures = "--pictures", "train", "test"
    fast = "--fast", "--epochs", 20
    names, (head, *epochs, last) = use(script, *pictures, *fast, "--save", "own.pt", "--plot", "own.png")
    assert head == "90 and 30 pictures; 3 classes: digit 0, digit 1, digit 7"
    assert accuracy(last) > 80  # chance: 33.33
    assert torch.load(tmp_path / "own.pt", weights_only=True)["linear3.bias"].shape == (3,)
    assert (tmp_path / "own.png").exists()
    names, lines = use(script, *pictures, "--load", "own.pt", "--predict", "test/digit 1/0.png")
    assert lines[:2] == [head, last]
    assert lines[2].startswith("test/digit 1/0.png: digit 1 (")


def test_folders_that_nothing_is_learned_from(make, use, tmp_path):
    script = make("05_own_pictures")
    for folder, digits, count in [("two", [0, 1], 2), ("others", [0, 2], 2), ("one", [0], 2), ("empty", [0, 1], 0)]:
        draw(tmp_path / folder, digits, count)
    shutil.copytree(tmp_path / "two", tmp_path / "damaged")
    (tmp_path / "damaged/digit 1/0.png").write_bytes(b"no picture")
    no_folders = "must have a folder of pictures for each class: .+"
    for train, test, message in [
        ("two", "nowhere", f"nowhere {no_folders}"),
        ("two", "empty", f"empty {no_folders}"),
        ("one", "one", "one has one folder only; it must have one for each class"),
        ("two", "others", "others must have the folders of two: digit 0, digit 1"),
        ("damaged", "two", "damaged/digit 1/0.png is not a picture"),
    ]:
        with pytest.raises(SystemExit) as end:
            use(script, "--pictures", train, test)
        assert re.fullmatch(message, end.value.code)


def test_two_processes_print_and_learn_as_one(make, use, tmp_path):
    script = make("05_torchrun")
    command = [*TORCHRUN, script, "--fast", "--save", "two.pt", "--predict", "assets/digit.png"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    epoch, last, predicted = result.stdout.splitlines()
    assert epoch.startswith("epoch 1/1  loss ")
    assert predicted.startswith("assets/digit.png: 7 (")
    names, lines = use(script, "--load", "two.pt")  # in one process; the file has no "module." in it
    assert abs(accuracy(lines[0]) - accuracy(last)) < 0.05
    names, lines = use(script, "--fast")
    assert abs(accuracy(lines[1]) - accuracy(last)) < 2


def test_the_epoch_kept_is_the_best(make, use, few, tmp_path):
    options = *few("09_names_gru"), "--epochs", 6, "--lr", 0.02, "--save", "best.pt"
    names, (head, *epochs, best, last) = use(make("09_best_weights"), *options)
    accuracies = [accuracy(line) for line in epochs]
    number = int(re.match(r"best epoch (\d): held-out accuracy ", best)[1])
    assert accuracies[number - 1] == accuracy(best) == max(accuracies)

    state = torch.load(tmp_path / "best.pt", weights_only=True)
    assert state.pop("countries") == names["countries"]
    model, device = names["model"], names["device"]
    model.load_state_dict(state)
    assert abs(100 * evaluate(model, names["held_out_batches"], device)[1] - accuracy(best)) < 0.006
    assert abs(100 * evaluate(model, names["test_batches"], device)[1] - accuracy(last)) < 0.006


def test_reviews_of_kaggle(use, tmp_path):
    phrases = {'a "good" film': 3, "it 's good": 4, "film": 2, 'a "bad film': 1, "it 's bad": 0}
    rows = ["PhraseId\tSentenceId\tPhrase\tSentiment"]
    for sentence in range(1, 21):
        rows += [f"{len(rows)}\t{sentence}\t{phrase}\t{sentiment}" for phrase, sentiment in phrases.items()]
    kaggle, file = [*PYTHON, ROOT / "recipes" / "kaggle_reviews.py", "train.tsv"], tmp_path / "train.tsv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    result = subprocess.run(kaggle, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout == "my_train.csv: 80 rows\nmy_test.csv: 20 rows\n"
    assert '"a ""good"" film",1\n' in (tmp_path / "my_train.csv").read_text(encoding="utf-8")
    shutil.copy(ROOT / "10_reviews_gru.py", tmp_path)
    names, lines = use(tmp_path / "10_reviews_gru.py", "--csv", "my_train.csv", "my_test.csv", "--epochs", 1)
    assert len(names["train_sentences"]) == 4 * len(names["test_sentences"]) == 64  # film is neutral

    file.write_text(rows[0] + "\n1\t1\tgood\n", encoding="utf-8")  # a column is missing
    result = subprocess.run(kaggle, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("train.tsv, line 2: it must have PhraseId, SentenceId, ")
