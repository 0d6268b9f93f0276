"""The recipes that look at pictures: each learns, keeps what it promises, and says in one line what it cannot use."""

import os
import re
import runpy
import shutil
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
from torch.utils.data import RandomSampler
from torchvision import datasets

OWN = ROOT / "recipes/own_pictures.py"
START = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--local-addr=localhost"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "error")  # for the processes that torchrun starts


@pytest.fixture
def mnist(small_data):
    shutil.copytree(small_data / "MNIST", "data/MNIST")
    return datasets.MNIST("data", train=False)


@pytest.fixture
def modes():
    """Whether gradients were off, and whether the layer was in train(), each time that batch norm was used."""
    found = set()

    def note(module, x, out):
        if isinstance(module, torch.nn.BatchNorm2d):
            found.add((torch.is_inference_mode_enabled(), module.training))

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    yield found
    hook.remove()


def copy(**settings):
    """Writes cnn_one_file with some settings replaced, as a user changes them; returns its path."""
    text = (ROOT / "recipes/cnn_one_file.py").read_text(encoding="utf-8")
    for setting, value in settings.items():
        text, count = re.subn(f"^{setting} = .*$", f"{setting} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1, setting
    path = Path("recipes/cnn_one_file.py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def run(path, *words):
    """Runs a program in this process; returns the names that it then has."""
    with mock.patch.object(sys, "argv", [str(path), *map(str, words)]):
        return runpy.run_path(str(path), run_name="__main__")


def refused(path, *words):
    """Runs a program with what it must refuse; returns the one line that it ends with."""
    with pytest.raises(SystemExit) as end:
        run(path, *words)
    assert re.fullmatch(".{20,400}", end.value.code)  # sys.exit() prints a text, and the status is 1
    return end.value.code


def correct(path, test_set):
    """Returns how many of 500 test images the network that is saved in deep_cnn.pt recognizes."""
    model = runpy.run_path(str(path))["CNN"]()
    model.load_state_dict(torch.load("deep_cnn.pt", weights_only=True))
    predicted = model((test_set.data.unsqueeze(1) / 255 - 0.1307) / 0.3081).argmax(dim=1)
    return (predicted == test_set.targets).sum().item()


def test_cnn_one_file(mnist, capsys):
    names = run(copy(EPOCHS=8))
    assert f"epoch  8/8  loss {names['loss']:.4f}  test accuracy " in capsys.readouterr().out
    assert isinstance(names["train_loader"].sampler, RandomSampler)
    assert correct("recipes/cnn_one_file.py", mnist) == round(500 * names["test_accuracy"]) > 300

    Path("deep_cnn.pt").write_text("old")
    with mock.patch("os.replace", side_effect=KeyboardInterrupt):  # Ctrl-C at the last moment
        run(copy(EPOCHS=1))
    pasted = copy(EPOCHS=1, WEIGHTS="").read_text(encoding="utf-8")
    with mock.patch.object(sys, "argv", ["/lib/pydevconsole.py", "--port=1"]):
        exec(pasted, {"__name__": "builtins"})  # as PyCharm's console does, without __file__
    assert Path("deep_cnn.pt").read_text() == "old"
    os.mkdir("elsewhere")
    os.chdir("elsewhere")  # now data/ is beside the recipe, and not here
    run("../recipes/cnn_one_file.py")
    assert os.listdir() == []


def test_what_cnn_one_file_cannot_use(mnist):
    assert refused(copy(), "--epochs").endswith("takes no options: change the capital names at its top")
    for name in ("data", "missing/cnn.pt"):
        assert refused(copy(WEIGHTS=name)).startswith(f"WEIGHTS = '{name}' is a folder, or its folder ")
    path = Path("data/MNIST")
    images = path / "raw/t10k-images-idx3-ubyte"
    images.write_bytes(b"<html>no images</html>")
    assert refused(copy()).startswith(f"{path} cannot be read; delete it and start again: ")
    images.unlink()
    with mock.patch.object(datasets.MNIST, "mirrors", ["http://localhost:9/"]):  # nobody answers there
        assert refused(copy()).startswith(f"{path} lacks files that cannot be downloaded: RuntimeError ")


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs Linux or macOS")
def test_torchrun_cnn(mnist, monkeypatch):
    path = ROOT / "recipes/torchrun_cnn.py"
    assert refused(path).startswith("start it with torchrun")
    result = subprocess.run([*START, path, "--save", "none/cnn.pt"], capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stderr.count("--save none/cnn.pt is a folder, or its folder is ")) == (1, 1)
    result = subprocess.run([*START, path, "--save", "deep_cnn.pt"], capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stderr) == (0, "")
    right = correct(path, mnist)
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch(rf"epoch  3/3  loss \d\.\d{{4}}  test accuracy {right / 5:.2f} %", last)
    assert right > 100

    one = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "1"}
    for name, value in {**one, "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    assert run(path, "--epochs", "2")["sampler"].epoch == 2  # a different order in each epoch


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
        picture.resize((2400, 1800)).rotate(180).save(path / f"{level}-turned.jpg", exif=exif)  # as large as a photo
        picture.convert("CMYK").save(path / f"{level}-cmyk.jpg")
        palette.save(path / f"{level}-palette.png")
        Image.fromarray(np.asarray(picture).astype(np.uint16) * 257).save(path / f"{level}-16-bits.png")
        Image.merge("LA", (picture, dark)).save(path / f"{level}-dark-ink.png")  # opaque where it is dark
        Image.merge("LA", (picture, ImageOps.invert(dark))).save(path / f"{level}-light-ink.png")


def test_own_pictures(capsys, modes):
    for level in (0, 10, 20, 30):
        write_halves("data", level)
    write_halves("new", 15)
    for name in (".ipynb_checkpoints", "__MACOSX"):
        Path("data", name).mkdir()
    for name in ("._0.heic", "._0.jpg"):
        Path("data/top", name).touch()
    if sys.platform != "win32":
        Path("data/top/me").symlink_to(".")
        Path("data/top/all").symlink_to("..")
        Path("data/top/same.jpg").symlink_to("0-cmyk.jpg")
    os.chdir("data")
    run(OWN, ".", "--epochs", "8", "--weights", "../pictures.pt")
    os.chdir("..")
    head, share, *epochs = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"pictures: {'bottom': 24, 'top': 24}; not read, by type: {('.heic': 1|'.jpg': 1|, ){3}}", head)
    assert share == "the largest class alone would be right for 50.00 %"

    modes.clear()
    Path("bad.png").write_text("no picture")
    with pytest.raises(SystemExit) as end:
        run(OWN, "--predict", Path("new/bottom/*"), "bad.png", Path("new/top"))
    output = capsys.readouterr()
    assert (end.value.code, output.err.count("\n"), modes) == (1, 1, {(True, False)})
    assert output.err.startswith("bad.png cannot be read as a picture: ")
    paths = sorted(Path("new").rglob("*.*"))
    printed = re.findall(r"(.+): (\w+) \(\d+\.\d %\)\n", output.out)
    assert printed == [(str(path), path.parent.name) for path in paths]


def test_own_pictures_keeps_the_best_epoch(capsys, modes):
    for number in range(110):  # noise: there is nothing to learn
        path = Path("data", "猫" if number % 3 else "狗", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (16, 16, 3), np.uint8)).save(path)
    names = run(OWN, "data", "--epochs", "4")
    assert modes == {(False, True), (True, False)}
    output = capsys.readouterr().out
    assert "\nthe largest class alone would be right for 66.36 %\nread 100 of 110 pictures\n" in output
    accuracies = re.findall(r"epoch .+ validation accuracy (.+) %\n", output)
    best = max(accuracies, key=float)
    assert accuracies[-1] != best
    assert output.endswith(f"\npictures.pt has the weights of the best epoch: validation accuracy {best} %\n")
    images, target = map(torch.cat, zip(*names["validation_loader"], strict=True))
    model = names["cnn"](2).eval()
    model.load_state_dict(torch.load("pictures.pt", weights_only=True)["weights"])
    assert f"{100 * (model(images).argmax(dim=1) == target).float().mean().item():.2f}" == best

    training, validation = names["train_loader"].dataset, names["validation_loader"].dataset
    assert sorted([*training.indices, *validation.indices]) == list(range(110))
    assert torch.equal(validation[0][0], validation[0][0])
    assert not torch.equal(training[0][0], training[0][0])  # cropped or mirrored at random
    assert isinstance(names["train_loader"].sampler, RandomSampler)

    saved = Path("pictures.pt").read_bytes()
    with mock.patch("os.replace", side_effect=KeyboardInterrupt):
        run(OWN, "data", "--epochs", "1")  # Ctrl-C
    assert (Path("pictures.pt").read_bytes(), "best" in capsys.readouterr().out) == (saved, False)
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    result = subprocess.run([*PYTHON, OWN, "--predict", "data/狗"], capture_output=True, env=environment)
    assert (result.returncode, result.stdout.count(b"\n"), result.stderr) == (0, 37, b"")


def test_own_pictures_that_nothing_is_learned_from(capsys):
    for folder in ("data/Train", "data/validation_set", "few"):
        write_halves(folder, 0)
    for folder in ("few/empty", "one/top"):
        Path(folder).mkdir(parents=True)
    here = Path.cwd()
    for folder in ("missing", "one", "few/top", "few/top/0-cmyk.jpg"):
        assert refused(OWN, folder).startswith(f"{here / folder} must have a subfolder of pictures for each class")
    assert refused(OWN, "few") == f"each class in {here / 'few'} must have five pictures or more"
    parts = f"{here / 'data/Train'}, {here / 'data/validation_set'}"
    assert refused(OWN, "data").startswith(f"{parts}: a part of the data is not a class; start with ")
    for name in ("bottom/0-cmyk.jpg", "top/0-turned.jpg"):
        path = here / "data/Train" / name
        path.write_bytes(path.read_bytes()[:500])
    capsys.readouterr()
    assert refused(OWN, "data/Train") == "remove these pictures, then start again"
    output = capsys.readouterr()
    assert re.fullmatch(r"\S+bottom.0-cmyk.jpg cannot be .+\n\S+top.0-turned.jpg cannot be .+\n", output.err)
    assert "epoch" not in output.out
    assert refused(OWN, "--predict", "few/top/0-cmyk.jpg") == "pictures.pt cannot be read: No such file or directory"
    Path("pictures.pt").write_text("no weights")
    assert refused(OWN, "--predict", "few/top/0-cmyk.jpg").startswith("pictures.pt is damaged, or was not saved by ")


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
        "color.png": ImageOps.colorize(paper, "#203080", "#f0ead0"),
        "transparent.png": Image.merge("LA", (Image.new("L", night.size), night)),  # black ink
        "thin.png": paper.filter(ImageFilter.MaxFilter(9)).point(lambda level: 255 * (level > 170)),
        "deep.png": Image.fromarray(np.asarray(paper).astype(np.uint16) * 257),  # 16 bits
        "shadow.jpg": Image.fromarray((np.asarray(paper) * light).astype(np.uint8)).resize((2300, 1700)),
        "corner.png": corner,
        "tight.png": ImageOps.invert(large.crop(box)),
    }


def test_own_digits(capsys):
    subprocess.run([*PYTHON, ROOT / "05_mnist_cnn.py", "--fast", "--save", "cnn.pt"], check=True)
    digits = datasets.MNIST(ROOT / "data", train=False)
    labels = {}
    os.mkdir("photos")
    for number in range(20):
        for form, picture in brought(digits.data[number].numpy()).items():
            path = Path("photos", f"{number}-{form}")
            picture.save(path)
            labels[str(path)] = str(digits.targets[number].item())
    recipe = ROOT / "recipes/own_digits.py"
    run(recipe, "cnn.pt", "photos")
    printed = dict(re.findall(r"(.+): (\d) \(\d+\.\d %\)\n", capsys.readouterr().out))
    assert list(printed) == sorted(labels)
    wrong = Counter(path.partition("-")[2] for path, digit in printed.items() if digit != labels[path])
    assert max(wrong.values(), default=0) <= 2, wrong

    Image.new("L", (300, 300), 255).save("blank.png")
    Image.new("L", (1000, 3), 255).save("narrow.png")
    Path("text.png").write_text("no picture")
    with pytest.raises(SystemExit):
        run(recipe, "cnn.pt", "blank.png", "narrow.png", str(Path("photos/1?-tight*")), "text.png", "missing.png")
    output = capsys.readouterr()
    assert re.fullmatch("blank.png: .+\nnarrow.png: .+\ntext.png: .+\nmissing.png: .+\n", output.err)
    assert output.out.count("\n") == 10

    simple = runpy.run_path(str(ROOT / "05_mnist_cnn.py"))["SimpleCNN"]()
    torch.save(simple.state_dict(), "simple.pt")  # as 05 --model simple does
    run(recipe, "simple.pt", "photos/0-tight.png")
    torch.save(torch.nn.Linear(2, 2).state_dict(), "linear.pt")
    assert refused(recipe, "linear.pt", "blank.png").startswith("linear.pt does not have the weights of 05's networks")
    assert refused(recipe, "text.png", "blank.png") == "text.png is damaged, or not a file of weights"
    assert refused(recipe, "missing.pt", "blank.png") == "missing.pt cannot be read: No such file or directory"
