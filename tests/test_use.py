"""What --plot, --save, --load, --predict, --summary and --dataset do with the trained network."""

import gzip
import os
import re
import sys

import numpy as np
import pytest
import torch
from conftest import MNIST_SCRIPTS, ROOT, SCRIPTS, load
from PIL import Image, ImageOps
from test_bad_input import refused

import common


@pytest.mark.parametrize("name", SCRIPTS)
def test_plot(lines, few, tmp_path, name):
    for ending in ("png", "svg"):
        lines(name, "--epochs", 2, "--plot", tmp_path / f"picture.{ending}")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width >= 350
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 10
    assert "<svg" in (tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_plot_without_matplotlib(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install matplotlib" in refused(capsys, "01_linear", "--plot", "a.png")


@pytest.mark.parametrize("fast", ["", "--fast"])
def test_a_model_that_had_all_its_epochs_is_only_used(lines, few, tmp_path, fast):
    path, again = tmp_path / "cnn.pt", tmp_path / "again.pt"
    trained = lines("05_mnist_cnn", "--model", "simple", *fast.split(), "--epochs", 1, "--save", path)
    for arguments in ([], ["--epochs", 0]):
        assert lines("05_mnist_cnn", "--load", path, "--save", again, *arguments) == trained[-1:]
        first, second = (torch.load(file, weights_only=True) for file in (path, again))
        assert all(torch.equal(first["model"][name], second["model"][name]) for name in first["model"])
        assert first["history"] == second["history"]


def test_no_epochs_evaluate_the_first_weights(lines):
    (line,) = lines("04_mnist_mlp", "--epochs", 0)
    assert 2 < float(re.fullmatch(r"test accuracy (\S+) % after 0 epochs", line)[1]) < 30


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Files of --save: a model of 04, of 05 (both good at digits), and of 09."""
    folder = tmp_path_factory.mktemp("saved")
    for name, arguments in (
        ("04_mnist_mlp", ["--fast", "--epochs", "1"]),
        ("05_mnist_cnn", ["--fast", "--epochs", "1"]),
    ):
        load(name).main([*arguments, "--save", str(folder / f"{name}.pt")])
    load("09_names_gru").main(["--fast", "--epochs", "1", "--save", str(folder / "09_names_gru.pt")])
    return folder


def test_a_file_that_does_not_fit(capsys, lines, tmp_path, saved):
    assert "Softmax and many classes" in refused(capsys, "05_mnist_cnn", "--load", saved / "04_mnist_mlp.pt")
    assert "other options" in refused(capsys, "05_mnist_cnn", "--load", saved / "05_mnist_cnn.pt", "--model", "simple")
    assert "began" in refused(capsys, "05_mnist_cnn", "--load", saved / "05_mnist_cnn.pt", "--epochs", 3)
    content = torch.load(saved / "09_names_gru.pt", weights_only=True)
    content["options"]["countries"].append("Utopia")
    torch.save(content, tmp_path / "more.pt")
    assert "other data" in refused(capsys, "09_names_gru", "--load", tmp_path / "more.pt")


def test_a_damaged_file(capsys, tmp_path, saved):
    whole = (saved / "09_names_gru.pt").read_bytes()
    bad = tmp_path / "bad.pt"
    for content in (b"", whole[:1000], whole[: len(whole) // 2], whole[:-100], b"\0" * 1000, b"text"):
        bad.write_bytes(content)
        assert "bad.pt" in refused(capsys, "09_names_gru", "--load", bad)
    torch.save({"model": {}}, bad)
    assert "bad.pt" in refused(capsys, "09_names_gru", "--load", bad)
    torch.save([1, 2], bad)
    assert "bad.pt" in refused(capsys, "09_names_gru", "--load", bad)
    content = torch.load(saved / "09_names_gru.pt", weights_only=True)
    for part in ("model", "optimizer", "history", "random", "options"):
        for damaged in ({name: value for name, value in content.items() if name != part}, content | {part: [1, 2]}):
            torch.save(damaged, bad)
            assert "--load" in refused(capsys, "09_names_gru", "--load", bad, "--epochs", 3)


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_file_that_would_run_code(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Harmful(), "bad.pt")
    assert "bad.pt" in refused(capsys, "05_mnist_cnn", "--load", "bad.pt")
    assert not (tmp_path / "executed").exists()
    torch.load("bad.pt", weights_only=False)
    assert (tmp_path / "executed").exists()  # it would have


def test_an_unwritable_file_is_noticed_before_training(capsys, tmp_path):
    for option in ("--save", "--plot"):
        assert option in refused(capsys, "05_mnist_cnn", option, tmp_path / "missing" / "a.png")
    assert list(tmp_path.iterdir()) == []


def variants(digit):
    """Yields a digit of MNIST (28×28, light on dark) as people bring it: large, inverted, in other modes."""
    large = Image.fromarray(digit).resize((280, 280), Image.Resampling.BICUBIC)
    paper = ImageOps.expand(ImageOps.invert(large), border=(200, 90), fill=255)
    yield "plain.png", Image.fromarray(digit)
    yield "large.png", large
    yield "paper.jpg", paper
    yield "colour.png", ImageOps.colorize(paper, "#203080", "#f0ead0")
    yield "palette.gif", paper.convert("P")
    yield "bits.png", paper.point(lambda level: 255 * (level > 127)).convert("1")
    yield "grey.bmp", paper.point(lambda level: 100 + level // 3)
    yield "deep.png", Image.fromarray(np.asarray(large).astype(np.uint16) * 256)
    clear = Image.new("RGBA", large.size, "black")
    clear.putalpha(large)
    yield "clear.png", clear


@pytest.mark.parametrize("name", ["04_mnist_mlp", "05_mnist_cnn"])
def test_predict_digits(lines, tmp_path, monkeypatch, saved, name):
    monkeypatch.chdir(tmp_path)
    images, labels = common.mnist(raw=True)[1]
    paths, expected = [], []
    for index in range(4):
        for path, image in variants(images[index, 0].byte().numpy()):
            paths.append(f"{index}-{path}")
            image.save(paths[-1])
            expected.append((paths[-1], str(labels[index].item())))
    printed = lines(name, "--load", saved / f"{name}.pt", "--predict", *paths)[1:]
    read = [
        re.fullmatch(r"(\S+): (\d) \(\S+ %\), read as (dark on light|light on dark)", line).groups() for line in printed
    ]
    assert [(path, digit) for path, digit, _ in read] == expected
    for path, _, form in read:
        assert form == ("light on dark" if re.search("plain|large|deep", path) else "dark on light")


def test_digits_from_files_are_read_as_well_as_those_of_mnist(tmp_path, saved):
    images, labels = common.mnist(raw=True)[1]
    model = load("05_mnist_cnn").ImprovedCNN()
    model.load_state_dict(torch.load(saved / "05_mnist_cnn.pt", weights_only=True)["model"])
    read = []
    for image in images[:500]:
        paper = ImageOps.expand(ImageOps.invert(Image.fromarray(image[0].byte().numpy())).resize((112, 112)), 30, 255)
        paper.save(tmp_path / "digit.png")
        read.append(common.read_digit(str(tmp_path / "digit.png"))[1])
    probabilities = common.probabilities(model, (torch.stack(read) - 0.1307) / 0.3081)
    assert (probabilities.argmax(dim=1) == labels[:500]).float().mean() > 0.97


@pytest.mark.parametrize("case", ["empty", "text", "truncated", "blank"])
def test_not_a_digit(capsys, tmp_path, case):
    path = tmp_path / "digit.png"
    Image.new("L", (50, 50), 200).save(path)
    content = {"empty": b"", "text": b"seven", "truncated": path.read_bytes()[:60], "blank": path.read_bytes()}[case]
    path.write_bytes(content)
    assert "digit.png" in refused(capsys, "05_mnist_cnn", "--predict", path)


def test_predict_names(lines, saved):
    printed = lines(
        "09_names_gru", "--load", saved / "09_names_gru.pt", "--predict", "Yamada", "Kowalski", " Müller", "Łukasz"
    )
    assert [line.split(":")[0] for line in printed[1:]] == ["Yamada", "Kowalski", "Muller", "Lukasz"]
    for line in printed[1:]:
        chances = [float(chance) for chance in re.findall(r"(\S+) %", line)]
        assert len(chances) == 3
        assert sum(chances) <= 100.1
        assert chances == sorted(chances, reverse=True)
    assert printed[2].startswith("Kowalski: Polish")


def test_predict_diabetes(lines):
    rows = common.read_csv(common.DATA / "diabetes.csv.gz", 9, "", valid=lambda row: True)
    features = [f"{value:.6g}" for value in rows[0, :8].tolist()]
    last = lines("03_diabetes", "--activation", "relu", "--lr", 0.1, "--predict", *features)[-1]
    assert rows[0, 8] == 1
    assert float(re.fullmatch(r"probability of diabetes: (\S+) %", last)[1]) > 50


SUMMARIES = {
    "03_diabetes": ("linear3 1×1 5", 87),
    "04_mnist_mlp": ("linear5 1×10 650", 575_050),
    "05_mnist_cnn": ("conv2 1×20×8×8 5,020", 104_554),
    "06_inception": ("inception2.branch3x3_3 1×24×4×4 5,208", 97_298),
    "07_resnet": ("block2.conv2 1×32×4×4 9,248", 41_514),
    "09_names_gru": ("linear 1×18 3,618", 318_818),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary(lines, name):
    printed = [" ".join(line.split()) for line in lines(name, "--epochs", 0, "--summary")]
    row, total = SUMMARIES[name]
    assert printed[0] == "layer output parameters"
    assert row in printed
    assert printed[-2] == f"total {total:,}"


def test_summary_of_a_recurrent_network(lines):
    printed = [" ".join(line.split()) for line in lines("08_rnn_hello", "--model", "gru", "--summary")]
    assert "recurrent 1×5×8 912" in printed


def test_summary_does_not_change_the_run(lines):
    plain = lines("03_diabetes", "--epochs", 3)
    assert lines("03_diabetes", "--epochs", 3, "--summary")[-len(plain) :] == plain


def fake_download(folder, dataset):
    """Lays MNIST's test images where torchvision looks for another data set's files."""
    raw = folder / dataset / "raw"
    raw.mkdir(parents=True)
    mnist = ROOT / "data" / "MNIST" / "raw"
    images, labels = ((mnist / f"t10k-{part}-ubyte").read_bytes() for part in ("images-idx3", "labels-idx1"))
    for part in ("train", "test" if dataset == "QMNIST" else "t10k"):
        prefix = f"qmnist-{part}" if dataset == "QMNIST" else part
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(images)
        if dataset == "QMNIST":
            rows = np.zeros((10_000, 8), ">i4")
            rows[:, 0] = np.frombuffer(labels[8:], np.uint8)
            header = np.array([0x00000C02, 10_000, 8], ">i4").tobytes()
            (raw / f"{prefix}-labels-idx2-int").write_bytes(header + rows.tobytes())
            for name in ("images-idx3-ubyte", "labels-idx2-int"):
                (raw / f"{prefix}-{name}.gz").write_bytes(gzip.compress(b""))
        else:
            (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)


@pytest.mark.parametrize("dataset", ["FashionMNIST", "KMNIST", "QMNIST"])
def test_another_dataset(lines, tmp_path, monkeypatch, dataset):
    fake_download(tmp_path, dataset)
    monkeypatch.setattr(common, "DATA", tmp_path)
    (train, labels), _ = common.mnist(dataset=dataset)
    assert abs(train.mean()) < 0.001
    assert abs(train.std() - 1) < 0.001
    assert labels.shape == (10_000,)
    accuracy = re.search(r"accuracy (\S+) %", lines("04_mnist_mlp", "--dataset", dataset, "--fast", "--epochs", 1)[-1])
    assert float(accuracy[1]) > 85


@pytest.mark.parametrize("dataset", ["FashionMNIST", "KMNIST", "QMNIST"])
def test_no_network(elsewhere, dataset):
    result = elsewhere("05_mnist_cnn", "--dataset", dataset)
    assert result.returncode == 2
    line = result.stderr.splitlines()[-1]
    assert line.startswith("05_mnist_cnn.py: error: argument --dataset: ")
    assert "internet" in line
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("block", load("07_resnet").BLOCKS)
def test_block(block):
    resnet = load("07_resnet")
    torch.manual_seed(0)
    x = torch.rand(2, 16, 12, 12, requires_grad=True)
    y = resnet.BLOCKS[block](16)(x)
    assert y.shape == x.shape
    y.sum().backward()
    assert x.grad.abs().sum() > 0


def test_every_script_offers_what_it_should(capsys):
    for name in SCRIPTS:
        with pytest.raises(SystemExit):
            load(name).main(["--help"])
        text = capsys.readouterr().out
        digits = name in MNIST_SCRIPTS
        trains = digits or name in ("03_diabetes", "09_names_gru")
        assert "--plot" in text
        assert ("--save" in text, "--load" in text, "--predict" in text) == (trains, trains, trains)
        assert ("--summary" in text) == (trains or name == "08_rnn_hello")
        assert ("--dataset" in text) == digits
