"""What --save, --load, --predict and --plot do, own data, and what is refused in one line."""

import gzip

import pytest
import torch
from conftest import SCRIPTS, load

import common


def test_05_saves_a_state_dict_and_09_the_countries_too(lines, few, tmp_path):
    cnn, names, link = tmp_path / "cnn.pt", tmp_path / "names.pt", tmp_path / "link.pt"
    link.symlink_to(cnn)
    *_, last = lines("05_mnist_cnn", "--epochs", 1, "--save", link)
    assert link.is_symlink()
    load("05_mnist_cnn").ImprovedCNN().load_state_dict(torch.load(cnn, weights_only=True))
    assert lines("05_mnist_cnn", "--load", cnn, "--plot", tmp_path / "cnn.png") == [last]
    files = few("09_names_gru")
    *_, last = lines("09_names_gru", *files, "--epochs", 1, "--save", names)
    state = torch.load(names, weights_only=True)
    assert len(state["countries"]) == 18
    *_, tested, predicted = lines("09_names_gru", *files, "--load", names, "--predict", " Müller ")
    assert tested == last
    assert predicted.strip().startswith("Müller")
    torch.save(state["weights"] | {"countries": state["countries"]}, names)  # as it was saved before
    with pytest.raises(SystemExit, match=r"names.pt cannot be read: "):
        lines("09_names_gru", *files, "--load", names)


@pytest.mark.parametrize("name", SCRIPTS)
def test_plot(lines, few, tmp_path, name):
    lines(name, *few(name), "--epochs", 1, "--plot", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_chinese_words_and_dollars_are_drawn_without_a_warning(lines, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text('\ufeffWu, 中国\r\n\r\n"Smith","a$b$"\r\n', encoding="utf-8")
    printed = lines("09_names_gru", "--csv", path, path, "--epochs", 1, "--plot", tmp_path / "names.png")
    assert printed[0] == "2 and 2 names; 2 labels: a$b$, 中国"


FOLDED = {"Guðmundsson": "Gudmundsson", "Þórsson": "Thorsson", "Lecœur": "Lecoeur", "O‘Neill": "O'Neill"}
FOLDED |= {"Kaʻahumanu": "Ka'ahumanu", "Ħaż-Żebbuġ": "Haz-Zebbug", "Nguyễn": "Nguyen", "Yıldız": "Yildiz", "王": ""}


def test_09_folds_letters():
    assert {name: load("09_names_gru").ascii_name(f" {name}") for name in FOLDED} == FOLDED


def test_03_reads_what_spreadsheets_write(lines, tmp_path):
    text = gzip.decompress((common.DATA / "diabetes.csv.gz").read_bytes())
    (tmp_path / "own.csv").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n").replace(b",", b'","', 0))
    assert lines("03_diabetes", "--csv", tmp_path / "own.csv", "--epochs", 2) == lines("03_diabetes", "--epochs", 2)
    (tmp_path / "own.csv").write_text('# age, fare\n"22","7.25",0\n\n38,71.28,1\n')
    assert "hint: scale" in lines("03_diabetes", "--csv", tmp_path / "own.csv", "--epochs", 1)[1]


BAD = {
    "03_diabetes": ["", "1;0\n", "1,2\n", "1,1\n2,1\n", "nan,0\n1,1\n", "1,0\n2,3,1\n"],
    "09_names_gru": [
        "",
        "Wu\n",
        "Wu,Chinese,1\n",
        "山田,Japanese\n",
        "Wu,\n",
        '"Wu,Chinese\nLi,Chinese\n',
        "Wu,Chinese\n",
    ],
    "10_reviews_gru": ["", "good,x\n", "good,nan\n", "good, bad,1\n", "good,0\n", "good,1\nbad,2\n", '"good\nbad",1\n'],
    "04_mnist_mlp": [
        "",
        "1,2,3\n",
        "1" + 784 * ",1" + "\n",
        "11" + 784 * ",255" + "\n",
        2 * ("1" + 784 * ",255" + "\n"),
    ],
    "11_poems_gru": ["", 13 * "春眠不觉晓\n"],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_line(lines, tmp_path, name):
    path = tmp_path / "own.csv"
    files = [path, path] if name[:2] in ("04", "09", "10") else [path]
    option = "--poems" if name == "11_poems_gru" else "--csv"
    contents = [text.encode() for text in BAD[name]] + [b"PK\x03\x04\xff\xfe", "Wu,1\n".encode("utf-16")]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(SystemExit) as end:
            lines(name, option, *files)
        assert str(path) in str(end.value.code), content
        assert "\n" not in str(end.value.code)


def test_what_is_typed_wrongly_is_refused_before_the_training(refused, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "missing" / "cnn.pt", tmp_path / "file" / "cnn.pt", "/dev/full", "", 256 * "a"):
        assert "--save" in refused("05_mnist_cnn", "--save", path)
    for word in ("--epochs=0", "--lr=nan", "--device=moon", "--seed=-1", "--plot=cnn.txt", "--load=missing.pt"):
        refused("05_mnist_cnn", word)
    assert "pinyin" in refused("09_names_gru", "--predict", "张三")
    assert "--first" in refused("11_poems_gru", "--first", "。")


def test_11_keeps_a_character_that_it_does_not_know(lines, few, tmp_path):
    printed = lines("11_poems_gru", *few("11_poems_gru"), "--epochs", 1, "--first", "我 龘,", "--count", 1)
    assert any(line.startswith("我龘，") for line in printed)
