"""What --save, --load and --plot do, and what becomes of your own data."""

import csv
import gzip
import os
import re
import subprocess
import time
import unicodedata

import pytest
import torch
from conftest import PYTHON, ROOT, SCRIPTS, command, load, own
from torchvision.datasets import MNIST

import common

SAVED = {
    "09_names_gru": {"weights", "countries"},
    "10_reviews_gru": {"weights", "words"},
    "11_poems_gru": {"weights", "characters", "rhymes"},
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_plot_and_save_and_load(lines, few, tmp_path, name):
    saves = ["--save", tmp_path / "weights.pt"] if name[:2] in ("04", "05", "06", "07", "09", "10", "11") else []
    first = lines(name, "--epochs", 1, "--plot", tmp_path / "picture.png", *saves)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert first == lines(name, "--epochs", 1)  # the same seed
    if saves:
        state = torch.load(tmp_path / "weights.pt")
        assert SAVED.get(name, set(state)) == set(state)
        assert all(isinstance(value, torch.Tensor) for value in state.get("weights", state).values())
        loaded = lines(name, "--load", *saves[1:], *saves, "--plot", tmp_path / "loaded.svg")
        assert loaded == [line for line in first if not line.startswith("epoch")]
    if name == "05_mnist_cnn":
        more = lines(name, "--load", *saves[1:], "--epochs", 1)
        losses = re.findall(r"  loss (\S+)", "\n".join(first + more))
        assert float(losses[0]) > float(losses[1])  # it goes on from there


def test_chinese_labels_and_dollars_are_drawn(run, tmp_path):
    (tmp_path / "own.csv").write_text("Wang,中国\nSmith,a$b$\n", encoding="utf-8")
    result = run("09_names_gru", "--csv", "own.csv", "own.csv", "--epochs", 1, "--plot", "own.svg")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("2 and 2 names; 2 labels: a$b$, 中国\n")


def test_save_replaces_what_a_link_points_to_and_a_full_disk_leaves_the_old_file(tmp_path):
    (tmp_path / "link.pt").symlink_to("target.pt")
    common.save(torch.ones(9), tmp_path / "link.pt")
    assert (tmp_path / "link.pt").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link.pt", "target.pt"]
    resource = pytest.importorskip("resource")  # not on Windows
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # no file can be larger
    try:
        with pytest.raises((OSError, RuntimeError)):
            common.save(torch.zeros(9999), tmp_path / "link.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.load(tmp_path / "target.pt").sum() == 9


def test_a_kill_leaves_an_old_file(tmp_path):
    text = "import torch, common\nprint(flush=True)\nwhile True: common.save(torch.ones(9_000_000), 'old.pt')"
    common.save(torch.ones(9_000_000), tmp_path / "old.pt")
    settings = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "stdout": subprocess.PIPE}
    with subprocess.Popen([*PYTHON, "-c", text], **settings) as process:
        process.stdout.readline()
        time.sleep(0.5)
        process.kill()
    assert torch.load(tmp_path / "old.pt").sum() == 9_000_000


ROWS = b"22,7.25,1\n-0.5,1,0\n1,1,1\n"
READ = "3 rows of 2 features from -0.5 to 22; 2 of them have label 1\nhint: scale each feature "
NAMES = 'Müller,German\nWu,"Chinese, Han"\n'
UNTIDY = '\ufeff"Müller", German\r\n\r\n Wu , "Chinese, Han" \r\n,\r\n'.encode()
LABELS = "2 and 2 names; 2 labels: Chinese, Han, German\n"
FILMS = 20 * '好看，"真好看",2.5\r\n"难看, ""太难看""",-2\r\n一般,0\r\n\r\n'
POEM = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n"
OWN = [  # script, contents of its file, how the printed lines begin
    ("03_diabetes", b"\xef\xbb\xbf" + ROWS.replace(b"\n", b"\r\n"), READ),
    ("03_diabetes", re.sub(rb"[\d.-]+", rb'"\g<0>"', ROWS), READ),
    ("03_diabetes", ROWS.replace(b"\n", b"\r"), READ),
    ("03_diabetes", b"# age, fare, label\n\n" + ROWS.replace(b"\n", b"\n\n").replace(b",", b" , "), READ),
    ("03_diabetes", gzip.compress(b"\xef\xbb\xbf" + ROWS), READ),
    ("09_names_gru", NAMES.encode(), LABELS),
    ("09_names_gru", UNTIDY, LABELS),
    ("09_names_gru", gzip.compress(UNTIDY), LABELS),
    ("10_reviews_gru", FILMS.encode("utf-8-sig"), "40 and 40 sentences, 20 and 20 of them positive\n8 different words"),
    ("11_poems_gru", (14 * POEM + 100 * "春").encode(), "1 texts of more than 99 characters are left out\n13 and 1 "),
    ("11_poems_gru", 14 * "明月松间照，清泉石上流。\n".encode(), "13 and 1 texts; 12 characters\nhint: no text "),
]


@pytest.mark.parametrize(("name", "content", "beginning"), OWN, ids=range(len(OWN)))
def test_own_data(lines, tmp_path, name, content, beginning):
    path = tmp_path / ("own.csv.gz" if content.startswith(b"\x1f\x8b") else "own.csv")
    path.write_bytes(content)
    assert "\n".join(lines(name, *own(name, path), "--epochs", 1)).startswith(beginning)


def test_04_csv_gives_the_numbers_that_raw_gives(lines, few, tmp_path):
    files = tmp_path / "train.csv", tmp_path / "test.csv"
    for path, train in zip(files, (True, False), strict=True):
        digits = MNIST(common.DATA, train=train)
        with path.open("w") as file:
            csv.writer(file).writerows(torch.cat([digits.targets[:, None], digits.data.flatten(1)], dim=1).tolist())
    read, *printed = lines("04_mnist_mlp", "--csv", *files)
    assert read.endswith("for training labels [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], pixels from 0 to 255")
    assert printed == lines("04_mnist_mlp", "--raw")
    assert len(printed) == 21
    files[1].write_text(files[1].read_text().split("\n")[0])  # a test of one digit is no fault
    assert lines("04_mnist_mlp", "--csv", *files, "--epochs", 1)[0].startswith("2000 and 1 images")


FOLDED = "Guðmundsson Gudmundsson Þórsson Thorsson Lecœur Lecoeur O‘Neill O'Neill Kaʻahumanu Ka'ahumanu Łódź Lodz "
FOLDED += "Ħaż-Żebbuġ Haz-Zebbug STRAUSS Strauss Strauß Strauss Æbelø Aebelo Nguyễn Nguyen Yıldız Yildiz"


def test_09_folds_accents():
    names = FOLDED.split()
    for name, plain in zip(names[::2], names[1::2], strict=True):
        for text in (name, unicodedata.normalize("NFD", name), f" {name}\t"):
            assert load("09_names_gru").ascii_name(text) == plain.lower()


def test_what_was_learned_from_own_data(lines, few, refused, tmp_path):
    path, weights = tmp_path / "own.csv", ["--load", tmp_path / "own.pt"]
    path.write_text(NAMES, encoding="utf-8")
    lines("09_names_gru", "--csv", path, path, "--epochs", 1, "--save", *weights[1:])
    *_, one, two = lines("09_names_gru", "--csv", path, path, *weights, "--predict", "Łukasz", "LUKASZ")
    assert re.fullmatch(r"Łukasz: (German|Chinese, Han) \(\d\d\.\d %\)", one)
    assert one.partition(": ")[2] == two.partition(": ")[2]  # whatever the case
    assert "it knows other countries" in refused("09_names_gru", *weights)
    path.write_bytes(FILMS.encode())
    options = "--epochs", 20, "--batch-size", 8, "--save", *weights[1:], "--predict", "真好看！", "太难看"
    *_, one, two = lines("10_reviews_gru", "--csv", path, path, *options)
    assert one.startswith("真好看！: positive (")
    assert two.startswith("太难看: negative (")
    assert lines("10_reviews_gru", "--csv", path, path, *weights, "--predict", "unseen")[-1].endswith(
        "no word of it is known"
    )
    known = re.search(r"which are (\S+) % of", lines("10_reviews_gru", *weights)[1])  # of English sentences
    assert float(known[1]) < 20


@pytest.fixture(scope="module")
def poet(tmp_path_factory):
    """What runs 11 with the weights that it has learned from 112 poems of five characters a line."""
    folder = tmp_path_factory.mktemp("poet")
    poems = load("11_poems_gru").read_poems(common.DATA / "poems.txt.gz")[0]
    five = [poem for poem in poems if len(poem) == 24][:112]
    (folder / "poems.txt").write_text("\n".join(five), encoding="utf-8")
    small = "--epochs", 20, "--lr", 0.01, "--batch-size", 16, "--poems", "poems.txt", "--save", "poems.pt"
    subprocess.run(command("11_poems_gru", *small), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return ["11_poems_gru", "--poems", folder / "poems.txt", "--load", folder / "poems.pt"]


def test_11_writes_poems_that_begin_as_they_must(lines, poet):
    def poems(*arguments):
        return "\n".join(lines(*poet, *arguments)[1:]).strip().replace("\n\n", " ").replace("\n", "").split()

    written = poems("--count", 20)
    assert len([poem for poem in written if re.fullmatch(r"(\w{5}，\w{5}。){2}", poem)]) >= 15
    assert len({poem[0] for poem in written}) > 5  # the first character is sampled
    noted = torch.load(poet[-1])["rhymes"]
    ends = [(poem[10], poem[22]) for poem in written if re.fullmatch(r"(\w{5}，\w{5}。){2}", poem)]
    assert [pair for pair in ends if pair[0] in noted and pair[1] not in noted[pair[0]]] == []
    for typed, beginning in {"我爱你": "我爱你", "明 月,": "明月，", "秋": "秋", "山": "山"}.items():
        written = poems("--first", typed)
        assert [poem[: len(beginning)] for poem in written] == 3 * [beginning]  # 你 is not known
    assert not {poem[1:] for poem in written} & {poem[1:] for poem in poems("--first", "秋")}
    for poem in poems("--acrostic", "春月秋花"):
        assert [line[:1] for line in re.split(r"[，。？！]", poem)][:4] == list("春月秋花")


def test_11_rhymes_by_what_it_noted():
    noted, weights = load("11_poems_gru").noted_rhymes, load("11_poems_gru").rhyme_weights
    rhymes = noted(["春春，夏春。秋夏，冬夏。", "春春，天春？人人，地天！", "春夏，秋冬。", "春，，夏，秋。"])
    assert rhymes == {"春": "夏天", "夏": "春", "天": "春"}
    vocabulary = ["", "\n", "□", "春", "夏", "天"]
    assert weights("和和，地春。人人，和", vocabulary, rhymes).tolist() == [0, 0, 0, 0, 1, 1]
    for poem in ("", "和和，地春。人人，", "和和，地春。人人，和夏", "和和，地地。人人，和", "和和，地春。人"):
        assert weights(poem, vocabulary, rhymes | {"地": "□"}).tolist() == [1] * 6
