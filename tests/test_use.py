"""What --save, --load, --predict and --plot do, and the options that name your own data."""

import csv
import gzip
import importlib.util
import itertools
import os
import re
import resource
import shlex
import stat
import subprocess
import threading
import unicodedata
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import SCRIPTS, command, load
from PIL import Image, ImageFilter, ImageOps

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
    printed = lines("09_names_gru", "--load", weights, "--predict", "Strauß", " Kowalski ", "Łukasz")[-3:]
    assert [line.split(":")[0] for line in printed] == ["Strauß (Strauss)", "Kowalski", "Łukasz (Lukasz)"]
    assert "Polish" in printed[1]


FOLDED = {
    "Guðmundsson": "Gudmundsson",
    "Þórsson": "Thorsson",
    "Lecœur": "Lecoeur",
    "O‘Neill": "O'Neill",
    "Kaʻahumanu": "Ka'ahumanu",
    "Ħaż-Żebbuġ": "Haz-Zebbug",
    "STRAUẞ": "STRAUSS",
    "Æbelø": "Aebelo",
    "Nguyễn": "Nguyen",
    "Yıldız": "Yildiz",
    "Əliyev": "Eliyev",
    "Smith–Jones": "Smith-Jones",
    "Ɗangote": "Dangote",
    "Gal·la": "Galla",
}


@pytest.mark.parametrize("name", FOLDED)
def test_09_folds_letters_that_have_a_latin_form(name):
    for text in (name, unicodedata.normalize("NFD", name), f" {name}\t"):
        assert load("09_names_gru").ascii_name(text) == FOLDED[name]


def test_09_strips_blanks_around_names_and_labels(lines, tmp_path):
    clean = "Smith,English\nWu,Chinese\nJones,English\nLi,Chinese\n"
    untidy = '\ufeffSmith, English\r\n\r\nWu ,Chinese \r\n"Jones",English\r\n\tLi,\tChinese\r\n \r\n'
    printed = []
    for text in clean, untidy:
        for part in "train", "test":
            (tmp_path / f"names_{part}.csv").write_bytes(text.encode())
        printed.append(lines("09_names_gru", "--names-dir", tmp_path, "--epochs", 1))
    assert printed[0] == printed[1]
    assert printed[0][0] == "4 and 4 names; 2 labels: Chinese, English"


def test_10_load_takes_the_words_from_the_file(lines, tmp_path):
    (tmp_path / "train.csv").write_text(30 * "A moving film!,2.5\nA dull and stupid film.,-2\nNothing,0\n")
    (tmp_path / "other.csv").write_text("moving,1\ndull,-1\n")
    weights, films, other = (tmp_path / name for name in ("films.pt", "train.csv", "other.csv"))
    lines("10_reviews_gru", "--csv", films, films, "--epochs", 20, "--save", weights)
    sentences = "MOVING, unheard-of", "xyzzy", "!", "dull"
    printed = lines("10_reviews_gru", "--load", weights, "--csv", other, other, "--predict", *sentences)
    assert printed[1] == "test accuracy 100.00 %"
    assert re.fullmatch(r"MOVING, unheard-of: positive \(\d+\.\d %\)", printed[2])
    assert printed[3] == "xyzzy: none of its words occurs twice in the training sentences"
    assert printed[4] == "!: none of its words occurs twice in the training sentences"
    assert re.fullmatch(r"dull: negative \(\d+\.\d %\)", printed[5])


def test_10_says_what_it_read(lines, tmp_path):
    path = tmp_path / "films.csv"
    path.write_text(
        '\ufeff"A moving, ""good"" film!",2.5\r\n\r\nA dull film.,-2\r\nNothing,0\r\n ,1\r\n', encoding="utf-8"
    )
    first = lines("10_reviews_gru", "--csv", path, path, "--epochs", 1)[0]
    assert (
        first == "2 and 2 sentences; 1 and 1 positive, 1 and 1 negative, 2 and 2 left out (rating 0, no words); 3 words"
    )


def test_10_takes_each_chinese_character_for_a_word_and_our_words_as_before(lines, tmp_path):
    split = load("10_reviews_gru").split
    assert split("这部电影NOT好看！") == ["这", "部", "电", "影", "not", "好", "看", "！"]
    for sentence in load("10_reviews_gru").read_reviews(f"{common.DATA}/reviews_train.csv.gz")[0]:
        assert split(sentence) == re.findall(r"\w+(?:'\w+)?|[^\w\s]", sentence.lower().replace("’", "'"))
    praise = [f"{noun}真{word}，推荐" for noun in ("电影", "故事", "演员", "画面") for word in ("好", "棒", "美", "妙")]
    blame = [f"{noun}太{word}，别看" for noun in ("电影", "故事", "演员", "画面") for word in ("差", "烂", "假", "丑")]
    rows = [f"{sentence},1" for sentence in praise] + [f"{sentence},-1" for sentence in blame]
    (tmp_path / "train.csv").write_text("\n".join(rows), encoding="utf-8")
    files = tmp_path / "train.csv", tmp_path / "train.csv"
    printed = lines(
        "10_reviews_gru", "--csv", *files, "--epochs", 10, "--batch-size", 4, "--predict", "美妙的电影，推荐"
    )
    assert re.fullmatch(r"美妙的电影，推荐: positive \(\d+\.\d %\)", printed[-1])


@pytest.fixture(scope="module")
def poet(tmp_path_factory):
    """The weights of a small network that 11 has learned from 112 poems of five characters a line."""
    folder = tmp_path_factory.mktemp("poet")
    poems = load("11_poems_gru").read_poems(common.DATA / "poems.txt.gz")[0]
    five = [poem for poem in poems if len(poem) == 24][:112]
    (folder / "poems.txt").write_text("\n".join(five), encoding="utf-8")
    small = "--epochs", 20, "--lr", 0.01, "--batch-size", 16, "--poems", folder / "poems.txt", "--count", 20
    process = command("11_poems_gru", *small, "--save", folder / "poems.pt")
    printed = subprocess.run(process, cwd=folder, capture_output=True, encoding="utf-8", check=True).stdout
    (folder / "printed.txt").write_text(printed, encoding="utf-8")
    return folder


def poems(lines):
    """Returns the poems among printed lines, each without its line breaks."""
    return ["".join(poem.split("\n")) for poem in "\n".join(lines).strip("\n").split("\n\n")]


def test_11_writes_poems_of_the_right_form(lines, poet):
    used = "11_poems_gru", "--load", poet / "poems.pt", "--poems", "missing.txt"  # it reads no poems
    written = poems(lines(*used, "--count", 20))
    assert (poet / "printed.txt").read_text(encoding="utf-8").endswith("\n".join(lines(*used, "--count", 20)) + "\n")
    right = [poem for poem in written if re.fullmatch(r"(\w{5}，\w{5}。){2}", poem)]
    assert len(right) >= 15
    assert len({poem[0] for poem in written}) > 5  # the first character is sampled
    assert all(poem.startswith("秋") for poem in poems(lines(*used, "--first", "秋")))
    for poem in poems(lines(*used, "--acrostic", "春月秋花")):
        assert [line[:1] for line in re.split(r"[，。？！]", poem)][:4] == list("春月秋花")


def test_11_other_first_characters_bring_other_poems(lines, poet):
    used = "11_poems_gru", "--load", poet / "poems.pt", "--count", 5, "--temperature", 3  # nearly all are as likely
    ways = [("--first", first) for first in "秋月山花"] + [("--acrostic", given) for given in ("秋月", "月秋")]
    written = [poems(lines(*used, *way)) for way in ways]
    assert written == [poems(lines(*used, *way)) for way in ways]  # the same command, the same poems
    for one, other in itertools.combinations(written, 2):
        pairs = [pair for texts in zip(one, other, strict=True) for pair in zip(*texts, strict=False)]
        pairs = [(a, b) for a, b in pairs if a not in "，。" and b not in "，。"]
        same = sum(a == b for a, b in pairs)
        assert same <= 0.1 * len(pairs)


def test_11_rhymes_by_what_it_noted():
    script = load("11_poems_gru")
    characters = ["", "\n", "□", *"，。？！春夏秋冬天地人和"]
    texts = [
        "春春，夏春。秋夏，冬夏。",
        "春春，天春？人人，地天！",
        "春夏，秋冬。",
        "春，，夏，秋。",
        "春，山。秋，水。",
    ]
    rhymes = script.noted_rhymes(texts, characters)
    assert rhymes == {"春": "夏天", "夏": "春", "天": "春"}
    weights = script.rhyme_weights("和和，地春。人人，和", characters, rhymes)
    allowed = {characters[row]: weight for row, weight in enumerate(weights.tolist()) if weight}
    assert allowed == {"夏": 1, "天": 1}
    for poem in (
        "",
        "和和，地春。人人，",
        "和和，地春。人人，和夏",
        "和和，地地。人人，和",
        "和和，地春。人",
        "和和，地春",
    ):
        assert torch.equal(script.rhyme_weights(poem, characters, rhymes), torch.ones(len(characters)))


def test_11_names_begin_with_capitals(lines, tmp_path):
    """Texts of any kind, one a line: the first character is learned, too, and no mark is needed."""
    names = load("09_names_gru").read_names(f"{common.DATA}/names_train.csv")[0][::20]
    (tmp_path / "names.txt").write_text("\r\n".join(names), encoding="utf-8-sig")
    options = "--epochs", 10, "--lr", 0.01, "--batch-size", 16, "--count", 20
    printed = lines("11_poems_gru", "--poems", tmp_path / "names.txt", *options)
    assert re.fullmatch(r"\d+ and \d+ texts; \d+ characters", printed[0])
    written = printed[11:]
    assert len(written) == 20
    assert all(name[0].isupper() and len(name) < 30 for name in written)


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


def test_save_or_load_and_plot_with_one_name_are_refused(refused, tmp_path):
    (tmp_path / "link.png").symlink_to("cnn.png")
    message = refused("05_mnist_cnn", "--save", tmp_path / "cnn.png", "--plot", tmp_path / "link.png")
    assert "--save and --plot" in message
    message = refused("05_mnist_cnn", "--load", tmp_path / "cnn.png", "--plot", tmp_path / "link.png")
    assert "--load and --plot" in message


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
    assert "epoch 1/1  loss " in closed.stdout


def brought(digit):
    """Returns the forms in which people bring a digit of MNIST: pictures by the names of their files."""
    large = Image.fromarray(digit).resize((280, 280), Image.Resampling.BICUBIC)
    night = ImageOps.expand(large, border=(90, 30))
    paper = ImageOps.invert(night)
    transparent = Image.new("RGBA", night.size, "black")
    transparent.putalpha(night)
    light = np.linspace(0.4, 1, paper.width)  # from the side: the left edge gets 40 % of it
    corner = paper.copy()
    corner.putpixel((0, 0), 0)
    box = large.point(lambda level: 255 * (level > 127)).getbbox()
    return {
        "light-on-dark.png": night,
        "dark-on-light.jpg": paper,
        "colour.png": ImageOps.colorize(paper, "#203080", "#f0ead0"),
        "transparent.png": transparent,
        "thin.png": paper.filter(ImageFilter.MaxFilter(9)).point(lambda level: 255 * (level > 170)),
        "deep.png": Image.fromarray(np.asarray(paper).astype(np.uint16) * 257),  # 16 bits
        "shadow.jpg": Image.fromarray((np.asarray(paper) * light).astype(np.uint8)),
        "corner.png": corner,
        "tight.png": ImageOps.invert(large.crop(box)),
    }


def test_05_predict_reads_digits_as_people_bring_them(lines, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, labels = common.mnist("cpu", raw=True)[2:]
    names = []
    for number in range(100):
        for form, picture in brought(images[number, 0].byte().numpy()).items():
            names.append(f"{number}-{form}")
            picture.save(names[-1])
    printed = lines("05_mnist_cnn", "--load", trained / "05_mnist_cnn.pt", "--predict", *names)[1:]
    right = Counter()
    for name, line in zip(names, printed, strict=True):
        number, form = name.split("-", 1)
        found = re.fullmatch(rf"{name}: (\d) \(\d+\.\d %\)", line)
        right[form] += int(found[1]) == labels[int(number)]
    assert len(right) == 9
    assert min(right.values()) >= 95, right
    assert right["tight.png"] >= right["dark-on-light.jpg"]


def test_05_predict_reads_a_straight_stroke(lines, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    strokes = [(280, 1), (280, 2), (280, 3), (280, 5), (1000, 10)]
    for side, width in strokes:
        picture = Image.new("L", (side, side), 255)
        picture.paste(0, (side // 2, side // 5, side // 2 + width, side * 4 // 5))
        picture.save(f"{width}.png")
    names = [f"{width}.png" for side, width in strokes]
    printed = lines("05_mnist_cnn", "--load", trained / "05_mnist_cnn.pt", "--predict", *names)[1:]
    assert [line[: line.index("(")] for line in printed] == [f"{name}: 1 " for name in names]


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


def test_03_takes_any_number_of_features_and_hints_at_their_scale(lines, capsys, run, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("# age, fare, class\n22,7.25,3,0\n38,71.28,1,1\n\n26,7.92,3,1\n")
    result = run("03_diabetes", "--csv", path, "--epochs", 1)
    assert result.returncode == 0
    assert result.stdout.startswith("3 rows of 3 features from 1 to 71.28; label 0: 1, label 1: 2\nepoch 1/1  loss ")
    assert re.fullmatch("hint: scale each feature .+\n", result.stderr)
    path.write_text("-0.5,0\n0.5,1\n")
    assert lines("03_diabetes", "--csv", path, "--epochs", 1)[0].startswith("2 rows of 1 features")
    assert capsys.readouterr().err == ""


def test_04_csv(lines, few, tmp_path):
    """Files of digits give the numbers that --raw gives."""
    *train, images, labels = common.mnist("cpu", True)
    files = tmp_path / "train.csv.gz", tmp_path / "test.csv"
    for path, digits, targets in zip(files, (train[0], images), (train[1], labels), strict=True):
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
            csv.writer(file).writerows(torch.cat([targets[:, None], digits.flatten(1).long()], dim=1).tolist())
    read, *printed = lines("04_mnist_mlp", "--csv", *files)
    labels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert read == f"2000 and 500 images, pixels from 0 to 255; labels {labels} and {labels}"
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
