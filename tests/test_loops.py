"""The loops of common.py; the table of what `fit` prints, writes and returns."""

import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import SCRIPTS, command, load
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import common
from common import batches, evaluate, fit, one_cycle, options, parse, train_epoch


def test_batches_bring_each_sample_once_in_a_new_order():
    numbers = torch.arange(103)
    loader = batches(numbers, numbers**2, batch_size=10, shuffle=True)
    orders = []
    for _ in range(2):
        parts = list(loader)
        assert [len(part) for part, _ in parts] == [10] * 10 + [3]
        assert all(torch.equal(square, number**2) for number, square in parts)
        orders.append(torch.cat([number for number, _ in parts]))
        assert torch.equal(orders[-1].sort().values, numbers)
    assert not torch.equal(*orders)
    assert torch.equal(torch.cat([part for (part,) in batches(numbers, batch_size=10)]), numbers)


def test_evaluate_weighs_a_short_last_batch():
    logits, labels = torch.tensor([[9.0, 0], [0, 9], [0, 9]]), torch.tensor([0, 1, 0])
    loss, accuracy = evaluate(nn.Identity(), batches(logits, labels, batch_size=2), "cpu")
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item())
    assert accuracy == pytest.approx(2 / 3)


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


def test_what_is_typed_beats_fast_and_that_beats_the_article(monkeypatch):
    fast = {"epochs": 2, "lr": 0.02, "batch_size": 256}
    for typed, expected in {
        "": (30, 0.01, 64),
        "--fast": (2, 0.02, 256),
        "--lr 0.5 --fast --batch-size 8": (2, 0.5, 8),
        "--load=FILE --fast": (0, 0.02, 256),
        "--load FILE --epochs 3": (3, 0.01, 64),
    }.items():
        monkeypatch.setattr(sys, "argv", ["script.py", *typed.split()])
        args = parse(options("", epochs=30, lr=0.01, batch_size=64, saves=True, fast=fast), fast=fast)
        assert (args.epochs, args.lr, args.batch_size) == expected


def test_a_notebook_s_own_arguments_are_not_read(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/lib/ipykernel_launcher.py", "-f", "kernel.json", "--epochs", "7"])
    assert parse(options("", epochs=30)).epochs == 30


def shown_options(lines, capsys, *arguments):
    """Returns the part of --help that lists the options."""
    with pytest.raises(SystemExit):
        lines(*arguments, "--help")
    return capsys.readouterr().out.partition("\noptions:\n")[2]


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_shows_every_default(lines, capsys, name):
    flags = {"--help", "--fast", "--raw", "--csv", "--plot", "--save", "--load", "--predict"}
    listed = re.findall(r"^  (--[a-z-]+)((?:.*\n)(?: {4}.*\n)*)", shown_options(lines, capsys, name), re.MULTILINE)
    assert len(listed) >= 4
    assert [option for option, words in listed if option not in flags and not re.search(r"\(.+\)", words)] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_seed_prints_the_same_numbers(lines, few, name):
    first, again, other = (lines(name, *few(name), "--epochs", 2, "--seed", seed) for seed in (7, 7, 8))
    assert first == again != other


@pytest.fixture
def task():
    """What fit takes, but small: a model, batches for training and testing, loss function and optimizer."""
    torch.manual_seed(0)
    x = torch.randn(50, 2)
    model, data = nn.Linear(2, 2), batches(x, (x[:, 0] > 0).long(), batch_size=20, shuffle=True)
    return model, data, data, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.5), "cpu"


def test_an_ordinary_dataloader_takes_the_place_of_batches(task):
    """It brings the same numbers, in 04's loops and in those of common.py."""
    mlp = load("04_mnist_mlp")
    model, _, _, loss_fn, optimizer, device = task
    data = torch.randn(50, 2), torch.arange(50) % 2
    ours = batches(*data, batch_size=20)
    ordinary = DataLoader(TensorDataset(*data), batch_size=20)
    start = [parameter.detach().clone() for parameter in model.parameters()]
    found = []
    for loader in ours, ordinary:
        for train, test in (train_epoch, evaluate), (mlp.train, mlp.test):
            for parameter, value in zip(model.parameters(), start, strict=True):
                parameter.data.copy_(value)
            losses = torch.as_tensor(train(model, loader, loss_fn, optimizer, device))
            found.append((losses.mean().item(), *test(model, loader, device)))
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert found[0] == pytest.approx(found[1])


class Recorder:
    """A stand-in for a tensor of a batch: it notes to which device it is sent."""

    def __init__(self, tensor):
        self.tensor, self.sent = tensor, []

    def to(self, device):
        self.sent.append(device)
        return self.tensor


@pytest.mark.parametrize("inputs", [1, 2])
def test_the_loops_send_every_tensor_of_a_batch_to_the_device(inputs):
    mlp, linear, device = load("04_mnist_mlp"), nn.Linear(2, 2), torch.device("cpu")
    loops = [
        lambda batch: train_epoch(model, [batch], nn.CrossEntropyLoss(), optimizer, device),
        lambda batch: evaluate(model, [batch], device),
        lambda batch: mlp.train(model, [batch], nn.CrossEntropyLoss(), optimizer, device),
        lambda batch: mlp.test(model, [batch], device),
    ]

    class Sum(nn.Module):
        def forward(self, *x):
            return linear(sum(x))

    model, optimizer = Sum(), torch.optim.SGD(linear.parameters(), lr=0.1)
    for loop in loops[: 4 if inputs == 1 else 2]:  # 04 has one input
        batch = [Recorder(torch.ones(3, 2)) for _ in range(inputs)] + [Recorder(torch.tensor([0, 1, 0]))]
        loop(batch)
        assert [tensor.sent for tensor in batch] == [[device]] * len(batch)


def test_fit_trains_n_epochs(task, capsys, tmp_path, monkeypatch):
    written, save = [], common.save_weights
    monkeypatch.setattr(common, "save_weights", lambda *arguments: written.append(arguments) or save(*arguments))
    history = fit(*task, epochs=3, save=tmp_path / "model.pt")
    *epochs, last = capsys.readouterr().out.splitlines()
    for number, (line, epoch) in enumerate(zip(epochs, history, strict=True), start=1):
        assert epoch["losses"].shape == (3,)
        measured = f"test loss {epoch['test_loss']:.4f}  test accuracy {100 * epoch['accuracy']:5.2f} %"
        assert re.fullmatch(rf"epoch {number}/3  loss {epoch['losses'].mean():.4f}  {measured}  \d+\.\d s", line)
    assert last == f"test accuracy {100 * history[-1]['accuracy']:.2f} %"
    assert len(written) == 3  # after each epoch
    assert torch.equal(torch.load(tmp_path / "model.pt", weights_only=True)["weight"], task[0].weight)


def test_fit_with_load_and_no_epochs_tests_once(task, capsys, tmp_path):
    before = task[0].weight.clone()
    assert fit(*task, epochs=0, save=tmp_path / "model.pt") == []
    assert capsys.readouterr().out == f"test accuracy {100 * evaluate(task[0], task[2], 'cpu')[1]:.2f} %\n"
    assert not any(tmp_path.iterdir())
    assert torch.equal(task[0].weight, before)


def heed_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests that run in the background ignore it


def test_ctrl_c_keeps_what_was_learned(lines, tmp_path, monkeypatch):
    arguments = "--fast", "--model", "simple", "--epochs", 3, "--save", "cnn.pt", "--plot", "cnn.png"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with subprocess.Popen(command("05_mnist_cnn", *arguments), preexec_fn=heed_ctrl_c, **pipes) as process:
        assert process.stdout.readline().startswith("epoch 1/3  loss ")
        time.sleep(0.7)  # into the second epoch
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert re.fullmatch(r"test accuracy \d\d\.\d\d %\n", printed)
    assert (tmp_path / "cnn.png").exists()
    monkeypatch.chdir(tmp_path)
    assert lines("05_mnist_cnn", "--model", "simple", "--load", "cnn.pt") == printed.splitlines()


@pytest.mark.parametrize("where", ["training", "testing"])
def test_a_loss_that_is_nan_ends_with_advice_and_spares_the_file(task, capsys, tmp_path, where):
    model, data, _, loss_fn, optimizer, device = task
    nan = batches(torch.full((4, 2), torch.nan), torch.zeros(4, dtype=torch.int64), batch_size=2)
    path = tmp_path / "model.pt"
    path.write_text("the last good file")
    loaders = (nan, data) if where == "training" else (data, nan)
    with pytest.raises(SystemExit) as end:
        fit(model, *loaders, loss_fn, optimizer, device, epochs=3, save=path)
    assert re.fullmatch("epoch 1: the loss is nan .* try a lower --lr", end.value.code)  # a text means status 1
    assert capsys.readouterr().out == ""
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("model.pt", "the last good file")]


def test_a_perplexity_that_is_nan_spares_the_file_of_11(lines, few, tmp_path):
    path = tmp_path / "poems.pt"
    path.write_text("the last good file")
    with pytest.raises(SystemExit, match=r"epoch 1: the loss is nan or infinite; .* try a lower --lr"):
        lines("11_poems_gru", *few("11_poems_gru"), "--lr", 1e9, "--save", path)
    assert path.read_text() == "the last good file"


def test_where_the_loop_is_written_out_nan_is_shown(lines):
    assert lines("01_linear", "--lr", 10)[-1] == "w = nan  b = nan  y(4) = nan"
