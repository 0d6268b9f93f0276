"""The options, and the loops of common.py: what `fit` prints and returns, and how a training ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import PYTHON, ROOT, SCRIPTS, command, load
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import evaluate, fit, one_cycle, options, parse, reading, train_epoch

SCRIPT = f"{ROOT}/05_mnist_cnn.py"
TYPED = {  # the epochs, learning rate and batch size that these bring
    SCRIPT: (30, 0.01, 64),
    f"{SCRIPT} --fast": (2, 0.02, 256),
    f"{SCRIPT} --lr 0.5 --fast --batch-size 8": (2, 0.5, 8),
    f"{SCRIPT} --ep 30 --lr=0.01 --fa": (30, 0.01, 256),
    f"{SCRIPT} --load=FILE --fast": (0, 0.02, 256),
    f"{SCRIPT} --load FILE --epochs 3": (3, 0.01, 64),
    # what a notebook, python -m ipykernel, VS Code and PyCharm write there themselves
    "/lib/ipykernel_launcher.py -f kernel.json --epochs 7": (30, 0.01, 64),
    "/lib/colab_kernel_launcher.py -f kernel.json": (30, 0.01, 64),
    "/lib/site-packages/ipykernel/__main__.py -f kernel.json": (30, 0.01, 64),
    "/home/me/.venv/lib/ipykernel_launcher.py --f=/run/user/kernel.json": (30, 0.01, 64),
    "/opt/pycharm/plugins/helpers/pydev/pydevconsole.py --mode=client --port=1": (30, 0.01, 64),
}


@pytest.mark.parametrize("words", TYPED)
def test_what_is_typed_beats_fast_and_that_beats_the_article(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", words.split())
    parser = options("", epochs=30, lr=0.01, batch_size=64, saves=True)
    parser.add_argument("--fast", action="store_true")
    args = parse(parser, fast={"epochs": 2, "lr": 0.02, "batch_size": 256}, load={"epochs": 0})
    assert (args.epochs, args.lr, args.batch_size) == TYPED[words]


@pytest.mark.parametrize("bring", [shutil.copy, os.symlink])
def test_a_script_obeys_its_options_wherever_it_lies(tmp_path, bring):
    bring(ROOT / "01_linear.py", tmp_path / "my.py")
    settings = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "capture_output": True, "text": True}
    result = subprocess.run([*PYTHON, "my.py", "--epochs", "2"], **settings)
    assert len(result.stdout.splitlines()) == 3
    assert subprocess.run([*PYTHON, "my.py", "--bogus"], **settings).returncode == 2


DEFAULTS = {  # epochs, learning rate and batch size of the article; 10 and 11 have their own
    "01_linear": ("100", "0.01"),
    "02_logistic": ("100", "0.01"),
    "03_diabetes": ("100", "0.01", "32"),
    "04_mnist_mlp": ("10", "0.01", "64"),
    "05_mnist_cnn": ("30", "0.01", "64"),
    "06_inception": ("30", "0.01", "64"),
    "07_resnet": ("30", "0.01", "64"),
    "08_rnn_hello": ("15", "0.1 for cell, else 0.05"),
    "09_names_gru": ("100", "0.001", "256"),
    "10_reviews_gru": ("6", "0.01", "64"),
    "11_poems_gru": ("7", "0.005", "64"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_shows_the_docstring_and_every_default(lines, capsys, name):
    with pytest.raises(SystemExit):
        lines(name, "--help")
    words, _, listed = capsys.readouterr().out.partition("\noptions:\n")
    assert load(name).__doc__ in words
    assert len(load(name).__doc__.splitlines()) <= 15
    entries = dict(re.findall(r"^  (--[a-z-]+)((?:.*\n)(?: {4}.*\n)*)", listed, re.MULTILINE))
    flags = {"--help", "--fast", "--raw", "--csv", "--plot", "--save", "--load", "--predict"}
    defaults = {option: re.findall(r"\((?:default: )?(.+?)\)", " ".join(entries[option].split())) for option in entries}
    assert [option for option in entries if option not in flags and not defaults[option]] == []
    shared = [defaults[option][0] for option in ("--epochs", "--lr", "--batch-size") if option in defaults]
    assert tuple(shared) == DEFAULTS[name]


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "hello ? cell"), ("gbk", "hello → cell")])
def test_a_console_that_lacks_a_character_gets_a_question_mark(run, encoding, shown):
    result = run("08_rnn_hello", "--epochs=1", env=os.environ | {"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert (result.returncode, result.stderr) == (0, "")
    assert shown in result.stdout


@pytest.fixture
def task():
    """What fit takes, but small: a model, batches for training and testing, loss function and optimizer."""
    torch.manual_seed(0)
    x, model = torch.randn(50, 2), nn.Linear(2, 2)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=20)  # the last batch has 10
    return model, loader, loader, nn.CrossEntropyLoss(label_smoothing=0.1), torch.optim.SGD(model.parameters(), lr=0.5)


def test_the_loops_are_04_s_and_weigh_a_short_last_batch(task):
    model, loader, _, loss_fn, optimizer = task
    start = {name: value.clone() for name, value in model.state_dict().items()}
    losses = train_epoch(model, loader, loss_fn, optimizer, "cpu")
    measured = evaluate(model, loader, loss_fn, "cpu")
    x, target = loader.dataset.tensors
    logits = model(x)
    accuracy = (logits.argmax(dim=1) == target).float().mean().item()
    assert measured == pytest.approx((loss_fn(logits, target).item(), accuracy))
    shuffled = DataLoader(loader.dataset, batch_size=20, shuffle=True)
    assert evaluate(model, shuffled, loss_fn, "cpu") == pytest.approx(measured)
    model.load_state_dict(start)
    assert load("04_mnist_mlp").train_epoch(model, loader, loss_fn, optimizer, "cpu") == losses
    assert load("04_mnist_mlp").evaluate(model, loader, loss_fn, "cpu") == measured


@pytest.mark.parametrize("loops", ["common", "04_mnist_mlp"])
def test_the_loops_switch_between_training_and_evaluation(task, loops):
    model, loader, _, loss_fn, optimizer = task
    modes = []
    model.register_forward_hook(lambda module, inputs, output: modes.append(module.training))
    load(loops).train_epoch(model.eval(), loader, loss_fn, optimizer, "cpu")
    load(loops).evaluate(model, loader, loss_fn, "cpu")
    assert modes == 3 * [True] + 3 * [False]


def test_one_cycle_rises_and_falls():
    optimizer, scheduler = one_cycle(nn.Linear(1, 1), lr=0.01, steps=100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert max(rates) == pytest.approx(0.01)
    assert rates == sorted(rates[:20]) + sorted(rates[20:], reverse=True)
    assert rates[-1] < 1e-4
    for steps in range(10):
        one_cycle(nn.Linear(1, 1), lr=0.01, steps=steps)


def test_fit_prints_and_returns_what_it_measured(task, capsys):
    history = fit(*task, epochs=3, device="cpu")
    *epochs, last = capsys.readouterr().out.splitlines()
    for number, (line, epoch) in enumerate(zip(epochs, history, strict=True), start=1):
        accuracy = f"test accuracy {100 * epoch['test_accuracy']:.2f} %"
        measured = f"loss {sum(epoch['losses']) / 3:.4f}  test loss {epoch['test_loss']:.4f}  {accuracy}"
        assert re.fullmatch(rf"epoch  {number}/3  {measured}  \d+\.\d s", line)
    assert last == accuracy
    assert fit(*task, epochs=0, device="cpu") == []
    assert capsys.readouterr().out == f"{accuracy}\n"


@pytest.mark.parametrize("name", ["05_mnist_cnn", "11_poems_gru"])
def test_a_loss_that_is_nan_ends_with_advice_and_spares_the_file(lines, few, tmp_path, name):
    (tmp_path / "old.pt").write_text("the last good file")
    with pytest.raises(SystemExit, match=r"^the loss is nan or infinite: try a lower --lr$"):
        lines(name, "--lr", 1e9, "--epochs", 1, "--save", tmp_path / "old.pt")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.pt", "the last good file")]


@pytest.mark.parametrize(
    ("name", "last"), [("05_mnist_cnn", r"test accuracy \S+ %"), ("11_poems_gru", r"[\w，。？！]+")]
)
def test_ctrl_c_keeps_what_was_learned(small_data, tmp_path, name, last):
    process = command(small_data.parent / name, "--epochs", 99, "--save", tmp_path / "learned.pt")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", "cwd": tmp_path}
    heed = signal.SIGINT, signal.SIG_DFL  # tests that run in the background ignore Ctrl-C
    with subprocess.Popen(process, preexec_fn=lambda: signal.signal(*heed), **pipes) as process:
        while not process.stdout.readline().startswith("epoch  1/99  loss "):
            assert process.poll() is None
        time.sleep(0.2)  # into the next epochs
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert "epoch 99/99" not in printed
    assert re.search(rf"^{last}$", printed, re.MULTILINE)
    assert torch.load(tmp_path / "learned.pt")


@pytest.mark.parametrize("slip", [NameError, AttributeError, TypeError, IndexError])
def test_a_slip_in_the_program_shows_its_traceback(slip):
    with pytest.raises(slip), reading("own.csv"):
        raise slip
