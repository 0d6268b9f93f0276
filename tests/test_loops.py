"""The options, and the loops of common.py: what `fit` prints and returns, and how a training ends."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import PYTHON, ROOT, SCRIPTS, command, load
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import common
from common import evaluate, fit, one_cycle, options, parse, train_epoch

SCRIPT = str(ROOT / "05_mnist_cnn.py")


def test_what_is_typed_beats_fast_and_that_beats_the_article(monkeypatch):
    for typed, expected in {
        "": (30, 0.01, 64),
        "--fast": (2, 0.02, 256),
        "--lr 0.5 --fast --batch-size 8": (2, 0.5, 8),
        "--ep 30 --lr=0.01 --fa": (30, 0.01, 256),
        "--load=FILE --fast": (0, 0.02, 256),
        "--load FILE --epochs 3": (3, 0.01, 64),
    }.items():
        monkeypatch.setattr(sys, "argv", [SCRIPT, *typed.split()])
        parser = options("", epochs=30, lr=0.01, batch_size=64, saves=True)
        parser.add_argument("--fast", action="store_true")
        args = parse(parser, fast={"epochs": 2, "lr": 0.02, "batch_size": 256}, load={"epochs": 0})
        assert (args.epochs, args.lr, args.batch_size) == expected


CONSOLES = {
    "a notebook": "/lib/ipykernel_launcher.py -f kernel.json --epochs 7",
    "python -m ipykernel": "/lib/site-packages/ipykernel/__main__.py -f kernel.json --epochs 7",
    "VS Code": "/home/me/.venv/lib/ipykernel_launcher.py --f=/run/user/kernel.json",
    "PyCharm": "/opt/pycharm/plugins/helpers/pydev/pydevconsole.py --mode=client --port=1",
}


@pytest.mark.parametrize("console", CONSOLES)
def test_a_console_s_own_arguments_are_not_read(monkeypatch, console):
    monkeypatch.setattr(sys, "argv", CONSOLES[console].split())
    assert parse(options("", epochs=30)).epochs == 30


def test_a_script_behind_a_link_reads_its_options(tmp_path):
    (tmp_path / "line.py").symlink_to(ROOT / "01_linear.py")
    printed = subprocess.check_output([*PYTHON, "line.py", "--epochs", "2"], cwd=tmp_path, text=True)
    assert len(printed.splitlines()) == 3


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_shows_every_default_and_no_worked_examples(lines, capsys, name):
    with pytest.raises(SystemExit):
        lines(name, "--help")
    words, _, listed = capsys.readouterr().out.partition("\noptions:\n")
    assert f"python {name}.py" in words
    assert not re.search("Worked examples|>>>", words)
    flags = {"--help", "--device", "--fast", "--raw", "--csv", "--plot", "--save", "--load", "--predict"}
    entries = re.findall(r"^  (--[a-z-]+)((?:.*\n)(?: {4}.*\n)*)", listed, re.MULTILINE)
    assert len(entries) >= 4
    assert [option for option, text in entries if option not in flags and not re.search(r"\(.+\)", text)] == []


@pytest.mark.parametrize("encoding", ["ascii", "gbk"])
def test_a_console_that_lacks_a_character_gets_a_question_mark(run, encoding):
    for name, option in ("08_rnn_hello", "--epochs=1"), ("09_names_gru", "--help"):
        result = run(name, option, env=os.environ | {"PYTHONIOENCODING": encoding}, encoding=encoding)
        assert (result.returncode, result.stderr) == (0, "")
    assert "M?ller" in result.stdout


@pytest.mark.parametrize("name", ["01_linear", "05_mnist_cnn", "09_names_gru", "11_poems_gru"])
def test_the_same_seed_prints_the_same_numbers(lines, few, name):
    first, again, other = (lines(name, "--epochs", 1, "--seed", seed) for seed in (7, 7, 8))
    assert first == again != other


class Sum(nn.Linear):
    """A network of any number of inputs."""

    def forward(self, *inputs):
        return super().forward(sum(inputs))


@pytest.fixture
def task():
    """What fit takes, but small: a model, batches for training and testing, loss function and optimizer."""
    torch.manual_seed(0)
    x = torch.randn(50, 2)
    model, loader = Sum(2, 2), DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=20)  # the last has 10
    return model, loader, loader, nn.CrossEntropyLoss(label_smoothing=0.1), torch.optim.SGD(model.parameters(), lr=0.5)


def test_evaluate_weighs_a_short_last_batch_and_uses_the_loss_that_trains(task):
    model, _, loader, loss_fn, _ = task
    x, target = loader.dataset.tensors
    logits = model(x)
    expected = loss_fn(logits, target).item(), (logits.argmax(dim=1) == target).float().mean().item()
    assert evaluate(model, loader, loss_fn, "cpu") == pytest.approx(expected)


def test_04_has_the_same_loops_and_two_inputs_are_added(task):
    model, loader, _, loss_fn, optimizer = task
    mlp, start = load("04_mnist_mlp"), {name: value.clone() for name, value in model.state_dict().items()}
    halves = [(x / 2, x / 2, target) for x, target in loader]
    found = []
    for train, test, batches in (
        (train_epoch, evaluate, loader),
        (mlp.train_epoch, mlp.evaluate, loader),
        (train_epoch, evaluate, halves),
    ):
        model.load_state_dict(start)
        found.append((train(model, batches, loss_fn, optimizer, "cpu"), test(model, batches, loss_fn, "cpu")))
    assert found[0] == found[1] == found[2]


def test_one_cycle_rises_and_falls():
    optimizer, scheduler = one_cycle(nn.Linear(1, 1), lr=0.01, steps=100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    highest = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.01)
    assert rates == sorted(rates[:highest]) + sorted(rates[highest:], reverse=True)
    assert rates[-1] < 1e-4
    for steps in range(10):
        one_cycle(nn.Linear(1, 1), lr=0.01, steps=steps)


def test_fit_prints_and_returns_what_it_measured(task, capsys):
    history = fit(*task, epochs=3, device="cpu")
    *epochs, last = capsys.readouterr().out.splitlines()
    for number, (line, epoch) in enumerate(zip(epochs, history, strict=True), start=1):
        loss = sum(epoch["losses"]) / 3
        accuracy = f"test accuracy {100 * epoch['test_accuracy']:.2f} %"
        measured = rf"loss {loss:.4f}  test loss {epoch['test_loss']:.4f}  {accuracy}"
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
def test_ctrl_c_keeps_what_was_learned(lines, small_data, tmp_path, name, last):
    data = ["--poems", small_data / "poems.txt.gz"] if name == "11_poems_gru" else ["--model", "simple", "--fast"]
    process = command(name, *data, "--epochs", 9, "--save", tmp_path / "learned.pt")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", "cwd": tmp_path}
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  tests in the background ignore Ctrl-C
    with subprocess.Popen(process, preexec_fn=heed, **pipes) as process:
        while not (line := process.stdout.readline()).startswith("epoch  1/9  loss "):
            assert line  # no such line
        time.sleep(0.5)  # into the second epoch
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert re.fullmatch(last, printed.split("\n")[0])
    if name == "05_mnist_cnn":
        assert lines(name, "--model", "simple", "--load", tmp_path / "learned.pt") == printed.splitlines()
    assert "weights" in torch.load(tmp_path / "learned.pt") or name == "05_mnist_cnn"


def test_a_slip_in_the_program_shows_its_traceback():
    for slip in NameError, AttributeError:
        with pytest.raises(slip), common.reading("own.csv"):
            raise slip
