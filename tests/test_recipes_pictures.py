"""The recipes that look at pictures: each runs as a user runs it, learns, and says in one line what it cannot use."""

import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from conftest import PYTHON, ROOT
from PIL import Image, ImageFilter, ImageOps
from torchvision import datasets

RECIPES = ROOT / "recipes"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
MNIST = Path("data/MNIST/raw")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "error")  # for the processes that torchrun starts


def run(*words, status=0):
    """Runs a program as a user does; returns what it prints, or what it says of its errors."""
    result = subprocess.run(words, capture_output=True, encoding="utf-8")
    assert (result.returncode, bool(result.stderr)) == (status, status > 0), result.stderr
    return result.stderr if status else result.stdout


def refused(name, *words):
    """Runs a recipe, in this process, with what it must refuse; returns the one line that it ends with."""
    with mock.patch.object(sys, "argv", [name, *words]), pytest.raises(SystemExit) as end:
        runpy.run_path(str(RECIPES / f"{name}.py"), run_name="__main__")
    assert re.fullmatch(".{20,}", end.value.code)  # sys.exit() prints a text, and the status is 1
    return end.value.code


def write_tenth():
    """Writes a tenth of MNIST to data/, in files of the same form."""
    MNIST.mkdir(parents=True)
    for path in (ROOT / MNIST).iterdir():
        content = path.read_bytes()
        head, size = (16, 784) if "images" in path.name else (8, 1)  # bytes 4 to 7 say how many there are
        count = len(content) // size // 10
        (MNIST / path.name).write_bytes(content[:4] + count.to_bytes(4, "big") + content[8 : head + count * size])


@pytest.mark.parametrize(("start", "name", "epochs"), [(PYTHON, "cnn_one_file", 3), (TORCHRUN, "torchrun_cnn", 1)])
def test_the_saved_network_has_the_printed_accuracy(start, name, epochs):
    write_tenth()
    *_, last = run(*start, RECIPES / f"{name}.py", "--epochs", str(epochs), "--save", "cnn.pt").splitlines()
    model = runpy.run_path(str(RECIPES / f"{name}.py"))["CNN"]()
    model.load_state_dict(torch.load("cnn.pt", weights_only=True))
    test_set = datasets.MNIST("data", train=False)
    predicted = model((test_set.data.unsqueeze(1) / 255 - 0.1307) / 0.3081).argmax(dim=1)
    correct = (predicted == test_set.targets).sum().item()  # of 1,000
    assert re.fullmatch(rf"epoch  {epochs}/{epochs}  loss \d\.\d{{4}}  test accuracy {correct / 10:.2f} %", last)
    assert correct > 800


def test_mnist_that_cannot_be_read_or_saved():
    write_tenth()
    said = run(*TORCHRUN, RECIPES / "torchrun_cnn.py", "--save", "nowhere/cnn.pt", status=1)
    assert said.count("nowhere/cnn.pt'\n") == 1  # one process fails, torchrun ends the other
    assert refused("torchrun_cnn").startswith("start it with torchrun")
    assert "nowhere/cnn.pt" in refused("cnn_one_file", "--save", "nowhere/cnn.pt")
    (MNIST / "t10k-images-idx3-ubyte").write_bytes(b"<html>no images</html>")
    assert refused("cnn_one_file").startswith("data/MNIST cannot be read")
    MNIST.rename("old")
    MNIST.touch()  # a file: nothing can be downloaded to it
    assert refused("cnn_one_file").startswith("data/MNIST cannot be read")


def write_halves(folder, level):
    """Writes pictures as cameras and programs do: those in top/ are dark at the top, those in bottom/ at the bottom."""
    levels = np.full((90, 120), 210 + level, np.uint8)
    levels[:45] = 30 + level
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    for name, picture in (("top", Image.fromarray(levels)), ("bottom", Image.fromarray(levels[::-1]))):
        path = Path(folder, name)
        path.mkdir(parents=True, exist_ok=True)
        dark = picture.point(lambda level: 255 * (level < 128))
        palette = ImageOps.invert(picture)
        palette.putpalette([255 - number for number in range(256) for channel in range(3)])
        picture.rotate(180).save(path / f"{level}-turned.jpg", exif=exif)
        picture.convert("CMYK").save(path / f"{level}-cmyk.jpg")
        palette.save(path / f"{level}-palette.png")
        Image.fromarray(np.asarray(picture).astype(np.uint16) * 257).save(path / f"{level}-16-bits.png")
        Image.merge("LA", (picture, dark)).save(path / f"{level}-dark-ink.png")  # opaque where it is dark
        Image.merge("LA", (picture, ImageOps.invert(dark))).save(path / f"{level}-light-ink.png")


def test_own_pictures():
    recipe = [*PYTHON, RECIPES / "own_pictures.py"]
    for level in (0, 10, 20, 30):
        write_halves("train", level)
    write_halves("new", 15)
    Path("train/.ipynb_checkpoints").mkdir()
    Path("train/__MACOSX").mkdir()
    Path("train/top/._0.heic").touch()
    Path("train/top/._0.jpg").touch()
    head, *epochs = run(*recipe, "train", "--epochs", "8").splitlines()
    assert head == "pictures: {'bottom': 24, 'top': 24}; not read, by type: {'.heic': 1, '.jpg': 1}"
    paths = sorted(Path("new").rglob("*.*"))
    printed = re.findall(r"(.+): (\w+) \(\d+\.\d %\)\n", run(*recipe, "--predict", *paths))
    assert printed == [(str(path), path.parent.name) for path in paths]


def test_own_pictures_that_nothing_is_learned_from():
    write_halves("damaged", 0)
    write_halves("few", 0)
    Path("few/empty").mkdir()
    Path("one/top").mkdir(parents=True)
    for folder in ("missing", "one", "few/top", "few/top/0-cmyk.jpg"):
        assert refused("own_pictures", folder).startswith(f"{folder} must have a subfolder of pictures for each class")
    assert refused("own_pictures", "few") == "each class in few must have five pictures or more"
    Path("damaged/top/0-cmyk.jpg").write_bytes(Path("few/top/0-cmyk.jpg").read_bytes()[:500])
    assert refused("own_pictures", "damaged").startswith("damaged/top/0-cmyk.jpg cannot be read as a picture: ")
    Path("pictures.pt").write_text("no weights")
    assert refused("own_pictures", "--predict", "few/top/0-cmyk.jpg").startswith("pictures.pt is not there, or not ")


def brought(digit):
    """Returns the forms in which people bring a digit of MNIST: pictures by the names of their files."""
    large = Image.fromarray(digit).resize((280, 280), Image.Resampling.BICUBIC)
    night = ImageOps.expand(large, border=(90, 30))
    paper = ImageOps.invert(night)
    light = np.linspace(0.4, 1, paper.width)  # from the side: the left edge gets 40 % of it
    corner = paper.copy()
    corner.putpixel((0, 0), 0)
    box = large.point(lambda level: 255 * (level > 127)).getbbox()
    return {
        "light-on-dark.png": night,
        "dark-on-light.jpg": paper,
        "colour.png": ImageOps.colorize(paper, "#203080", "#f0ead0"),
        "transparent.png": Image.merge("LA", (Image.new("L", night.size), night)),  # black ink
        "thin.png": paper.filter(ImageFilter.MaxFilter(9)).point(lambda level: 255 * (level > 170)),
        "deep.png": Image.fromarray(np.asarray(paper).astype(np.uint16) * 257),  # 16 bits
        "shadow.jpg": Image.fromarray((np.asarray(paper) * light).astype(np.uint8)),
        "corner.png": corner,
        "tight.png": ImageOps.invert(large.crop(box)),
    }


def test_own_digits():
    run(*PYTHON, ROOT / "05_mnist_cnn.py", "--fast", "--save", "cnn.pt")
    digits = datasets.MNIST(ROOT / "data", train=False)
    labels = {}
    for number in range(20):
        for form, picture in brought(digits.data[number].numpy()).items():
            picture.save(f"{number}-{form}")
            labels[f"{number}-{form}"] = str(digits.targets[number].item())
    recipe = [*PYTHON, RECIPES / "own_digits.py", "cnn.pt"]
    printed = re.findall(r"(\d+-(.+)): (\d) \(\d+\.\d %\)\n", run(*recipe, *labels))
    assert [name for name, form, digit in printed] == list(labels)
    wrong = Counter(form for name, form, digit in printed if digit != labels[name])
    assert max(wrong.values(), default=0) <= 2, wrong
    Image.new("L", (300, 300), 255).save("blank.png")
    Image.new("L", (1000, 3), 255).save("narrow.png")
    Path("text.png").write_text("no picture")
    said = run(*recipe, "blank.png", "narrow.png", "0-tight.png", "text.png", "missing.png", status=1)
    assert re.fullmatch("blank.png: .+\nnarrow.png: .+\ntext.png: .+\nmissing.png: .+\n", said)
    for path in ("missing.pt", "text.png"):
        assert refused("own_digits", path, "0-tight.png").startswith(f"{path} is not there, or not what ")
