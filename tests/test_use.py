"""What --save, --load, --predict and --plot do, and the options that name your own data."""

import csv
import gzip
import importlib.util
import os
import re
import resource
import shlex
import stat
import subprocess
import threading

import pytest
import torch
from conftest import SCRIPTS, command, load
from PIL import Image, ImageOps

import common


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with what 05 and 09 --save after an epoch of --fast, and what they printed at the end."""
    folder = tmp_path_factory.mktemp("trained")
    for name in ("05_mnist_cnn", "09_names_gru"):
        process = command(name, "--fast", "--epochs", 1, "--save", f"{name}.pt")
        printed = subprocess.run(process, cwd=folder, capture_output=True, text=True, check=True).stdout
        (folder / f"{name}.txt").write_text(printed.splitlines()[-1])
    return folder


def test_a_saved_file_is_a_state_dict_and_one_more_entry(trained):
    cnn = load("05_mnist_cnn").ImprovedCNN()
    cnn.load_state_dict(torch.load(trained / "05_mnist_cnn.pt", weights_only=True))
    state = torch.load(trained / "09_names_gru.pt", weights_only=True)
    countries = state.pop("countries")
    assert len(countries) == 18
    load("09_names_gru").NameGRU(len(countries)).load_state_dict(state)


@pytest.mark.parametrize("name", ["05_mnist_cnn", "09_names_gru"])
def test_load_tests_the_weights_that_were_saved(lines, trained, tmp_path, name):
    picture, weights = tmp_path / "picture.png", trained / f"{name}.pt"
    before = weights.read_bytes()
    *_, last = printed = lines(name, "--load", weights, "--save", weights, "--plot", picture)
    assert last == (trained / f"{name}.txt").read_text()
    assert not any(line.startswith("epoch") for line in printed)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert weights.read_bytes() == before


def test_load_with_epochs_trains_on(lines, few, trained):
    printed = lines("05_mnist_cnn", "--load", trained / "05_mnist_cnn.pt", "--epochs", 2)
    assert [line[:11] for line in printed[:2]] == ["epoch 1/2  ", "epoch 2/2  "]
    assert float(re.search(r"test accuracy (\S+) %", printed[0])[1]) > 96  # 2,000 images alone do not bring that


def write_names(folder, rows, zipped=False):
    for part in ("train", "test"):
        path = f"{folder}/names_{part}.csv{'.gz' if zipped else ''}"
        with (gzip.open if zipped else open)(path, "wt", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)


def test_09_load_takes_the_countries_from_the_file(lines, refused, trained, tmp_path):
    write_names(tmp_path, [("Rossi", "Italian"), ("Ivanov", "Russian")])
    weights = trained / "09_names_gru.pt"
    printed = lines("09_names_gru", "--load", weights, "--names-dir", tmp_path)
    assert printed[0].startswith("2 and 2 names; 18 labels: ")
    assert printed[-1] == "test accuracy 100.00 %"
    write_names(tmp_path, [("Rossi", "Italian"), ("Alfa", "Utopian")])
    message = refused("09_names_gru", "--load", weights, "--names-dir", tmp_path)
    assert "does not know: Utopian" in message
    assert "repeat the --names-dir" in message


def test_09_predict_folds_accents(lines, trained):
    weights = trained / "09_names_gru.pt"
    printed = lines("09_names_gru", "--load", weights, "--predict", "Müller", " Kowalski ", "Łukasz")[-3:]
    assert [line.split(":")[0] for line in printed] == ["Muller", "Kowalski", "Lukasz"]
    assert "Polish" in printed[1]


def test_10_load_takes_the_words_from_the_file(lines, tmp_path):
    (tmp_path / "train.csv").write_text(30 * "A moving film!,2.5\nA dull and stupid film.,-2\nNothing,0\n")
    (tmp_path / "other.csv").write_text("moving,1\ndull,-1\n")
    weights, films, other = (tmp_path / name for name in ("films.pt", "train.csv", "other.csv"))
    lines("10_reviews_gru", "--csv", films, films, "--epochs", 20, "--save", weights)
    sentences = "MOVING, unheard-of", "xyzzy", "dull"
    printed = lines("10_reviews_gru", "--load", weights, "--csv", other, other, "--predict", *sentences)
    assert printed[0] == "test accuracy 100.00 %"
    assert re.fullmatch(r"MOVING, unheard-of: positive \(\d+\.\d %\)", printed[1])
    assert printed[2] == "xyzzy: no word of it occurs twice in the training sentences"
    assert re.fullmatch(r"dull: negative \(\d+\.\d %\)", printed[3])


def test_11_writes_poems_of_the_right_form(lines, refused, tmp_path):
    poems, weights = tmp_path / "poems.txt", tmp_path / "poems.pt"
    quatrains = [poem for poem in load("11_poems_gru").read_poems(f"{common.DATA}/poems.txt.gz")[0] if len(poem) == 24]
    poems.write_text("\n".join(quatrains[:112]), encoding="utf-8")
    small = "--epochs", 20, "--lr", 0.01, "--batch-size", 16, "--poems", poems, "--save", weights, "--count", 20
    printed = "\n".join(lines("11_poems_gru", *small)[20:]).split("\n\n")
    right = [poem for poem in printed if re.fullmatch(r"(\w{5}，\w{5}。\n?){2}", poem)]
    assert len(right) >= 15
    used = "11_poems_gru", "--load", weights, "--poems", "missing.txt"  # it reads no poems
    assert lines(*used, "--count", 20)[:-1] == "\n\n".join(printed).splitlines()
    assert all(poem.startswith("秋") for poem in "\n".join(lines(*used, "--first", "秋")).split("\n\n"))
    for poem in "\n".join(lines(*used, "--acrostic", "春月秋花")).split("\n\n"):
        assert [line[:1] for line in re.split(r"[，。\n]+", poem)][:4] == list("春月秋花")
    assert "unknown, traditional, or more than four: 愛" in refused(*used, "--first", "愛")


def test_save_replaces_what_a_link_points_to(lines, few, tmp_path):
    target, link = tmp_path / "target.pt", tmp_path / "link.pt"
    target.write_text("old")
    link.symlink_to(target)
    lines("05_mnist_cnn", "--epochs", 1, "--save", link)
    assert link.is_symlink()
    assert "conv1.weight" in torch.load(target, weights_only=True)


def test_save_spares_what_is_no_regular_file(refused, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in ("/dev/full", str(tmp_path / "fifo"), str(tmp_path)):
        before = stat.S_IFMT(os.stat(path).st_mode)
        assert f"--save: {path!r} is not a file" in refused("05_mnist_cnn", "--save", path)
        assert stat.S_IFMT(os.stat(path).st_mode) == before


def test_save_touches_no_other_file(lines, few, tmp_path):
    """What is not finished was once called cnn.part.pt: that file may be the user's, or be a folder."""
    (tmp_path / "cnn.part.pt").write_text("mine")
    (tmp_path / "other.part.pt").mkdir()
    for name in "cnn.pt", "other.pt", 247 * "a" + ".pt":
        lines("05_mnist_cnn", "--epochs", 1, "--save", tmp_path / name)
        assert "conv1.weight" in torch.load(tmp_path / name, weights_only=True)
    assert (tmp_path / "cnn.part.pt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 5


def test_a_name_that_is_too_long_is_refused(refused, tmp_path):
    assert "--save: " in refused("05_mnist_cnn", "--save", tmp_path / (256 * "a"))


def test_two_that_save_to_one_file_at_a_time(tmp_path):
    path, states = tmp_path / "model.pt", [{"weight": torch.full((1000, 1000), value)} for value in (1.0, 2.0)]
    writers = [threading.Thread(target=lambda s=s: [common.save_weights(path, s) for _ in range(20)]) for s in states]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(torch.load(path, weights_only=True)["weight"].unique()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


def test_save_and_plot_with_one_name_are_refused(refused, tmp_path):
    (tmp_path / "link.png").symlink_to("cnn.png")
    message = refused("05_mnist_cnn", "--save", tmp_path / "cnn.png", "--plot", tmp_path / "link.png")
    assert "--save and --plot" in message


def test_a_full_disk_leaves_the_old_file(lines, few, tmp_path):
    path = tmp_path / "old.pt"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # no file can be larger
        with pytest.raises(SystemExit, match=r"^.*old.pt cannot be written; is the disk full\? .+$"):
            lines("05_mnist_cnn", "--epochs", 1, "--save", path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.pt", "old")]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk"])
def test_a_console_that_lacks_a_character_gets_a_question_mark(run, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    calls = [(name, "--help") for name in SCRIPTS] + [("08_rnn_hello", "--epochs", 1)]
    for call in calls if encoding == "ascii" else calls[-3:]:
        result = run(*call, env=environment, encoding=encoding)
        assert (result.returncode, result.stderr) == (0, ""), call
    assert encoding == "gbk" or result.stdout.splitlines()[-1].startswith("hello ? ")  # →


@pytest.mark.parametrize("name", ["05_mnist_cnn", "11_poems_gru"])
def test_a_closed_standard_error(few, tmp_path, name):
    words = command(name, *few(name), "--epochs", 1)
    if name == "05_mnist_cnn":
        words.append("--fast")
    closed = subprocess.run(["sh", "-c", f"{shlex.join(words)} 2>&-"], cwd=tmp_path, capture_output=True, text=True)
    assert closed.returncode == 0
    assert closed.stdout.startswith("epoch 1/1  loss ")


def brought(digit):
    """Yields a digit of MNIST, light on dark, as people bring it: large, on paper, inverted, coloured, transparent."""
    large = Image.fromarray(digit).resize((112, 112), Image.Resampling.BICUBIC)
    night = ImageOps.expand(large, border=(90, 30))
    paper = ImageOps.invert(night)
    yield "light-on-dark.png", night
    yield "dark-on-light.jpg", paper
    yield "colour.png", ImageOps.colorize(paper, "#203080", "#f0ead0")
    transparent = Image.new("RGBA", night.size, "black")
    transparent.putalpha(night)
    yield "transparent.png", transparent


def test_05_predict_reads_digits_as_people_bring_them(lines, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, labels = common.mnist("cpu", raw=True)[2:]
    expected = {}
    for index, label in enumerate(labels[:300].tolist()):
        name, picture = list(brought(images[index, 0].byte().numpy()))[index % 4]
        picture.save(f"{index}-{name}")
        expected[f"{index}-{name}"] = str(label)
    printed = lines("05_mnist_cnn", "--load", trained / "05_mnist_cnn.pt", "--predict", *expected)[1:]
    read = dict(re.fullmatch(r"(\S+): (\d) \(\d+\.\d %\)", line).groups() for line in printed)
    assert read.keys() == expected.keys()
    wrong = [path for path in expected if read[path] != expected[path]]
    assert len(wrong) <= 0.05 * len(expected), wrong


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name[:2] not in ("03", "04", "11")])
def test_plot(lines, few, tmp_path, name):
    lines(name, *few(name), "--epochs", 1, "--plot", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_plot_without_matplotlib(refused, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install matplotlib" in refused("01_linear", "--plot", "line.png")


def test_03_csv(lines, tmp_path):
    """A file as spreadsheets write it gives the numbers that data/ gives."""
    text = gzip.decompress((common.DATA / "diabetes.csv.gz").read_bytes())
    (tmp_path / "own.csv").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    assert lines("03_diabetes", "--csv", tmp_path / "own.csv", "--epochs", 2) == lines("03_diabetes", "--epochs", 2)


def test_04_csv(lines, few, tmp_path):
    """Files of digits give the numbers that --raw gives."""
    *train, images, labels = common.mnist("cpu", True)
    files = tmp_path / "train.csv.gz", tmp_path / "test.csv"
    for path, digits, targets in zip(files, (train[0], images), (train[1], labels), strict=True):
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
            csv.writer(file).writerows(torch.cat([targets[:, None], digits.flatten(1).long()], dim=1).tolist())
    printed = lines("04_mnist_mlp", "--csv", *files)
    assert len(printed) == 21
    assert printed == lines("04_mnist_mlp", "--raw")


@pytest.mark.parametrize("zipped", [False, True])
def test_09_names_dir(lines, tmp_path, zipped):
    rows = [("Łukasz Wójcik", "Utopia"), (" O'Neill-Smith", "Atlantis, north"), ("Nguyễn", "Utopia")]
    write_names(tmp_path, rows, zipped)
    printed = lines("09_names_gru", "--names-dir", tmp_path, "--epochs", 1)
    assert printed[0] == "3 and 3 names; 2 labels: Atlantis, north, Utopia"
    names, labels = load("09_names_gru").read_names(f"{tmp_path}/names_train.csv")
    assert names == ["Lukasz Wojcik", "O'Neill-Smith", "Nguyen"]
    assert labels == ["Utopia", "Atlantis, north", "Utopia"]
