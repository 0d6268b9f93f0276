"""What each section teaches, as facts that can be checked."""

import math
import os
import re
import runpy
import shutil
import sys
from unittest import mock

import pytest
import torch
from conftest import ROOT, SCRIPTS, load
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, TensorDataset

import common


def test_parameters_shapes_and_relus(monkeypatch):
    mlp, cnn, resnet = load("04_mnist_mlp"), load("05_mnist_cnn"), load("07_resnet")
    relu = mock.Mock(side_effect=lambda x, inplace=False: torch.relu(x))
    monkeypatch.setattr(torch.nn.functional, "relu", relu)
    for model, count, relus in (
        (mlp.MLP(relu), 575_050, 4),
        (cnn.SimpleCNN(), 8_490, 2),
        (cnn.ImprovedCNN(), 104_554, 4),
        (load("06_inception").InceptionNet(), 97_298, 2),
        (resnet.ResNet(), 41_514, 6),
        (resnet.ResNet(resnet.PlainBlock, depth=3), 87_786, 14),  # 2 stages of 3 blocks
        (resnet.ResNet(resnet.PreactivationBlock), 41_514, 6),
    ):
        relu.reset_mock()
        assert sum(parameter.numel() for parameter in model.parameters()) == count
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
        assert relu.call_count == relus
    model = load("03_diabetes").DiabetesMLP(8, relu)
    relu.reset_mock()
    assert model(torch.rand(3, 8)).shape == (3, 1)
    assert relu.call_count == 2


def test_01_to_03_and_08_end_as_in_the_lessons(lines):
    assert lines("01_linear")[-1] == "w = 1.7463  b = 0.5767  y(4) = 7.5619"
    assert lines("02_logistic")[-1] == "P(pass after 4 hours) = 0.4523"
    assert lines("03_diabetes", "--epochs", 20)[-1] == "accuracy 65.10 %"
    assert lines("08_rnn_hello")[-1] == "hello → cell ohlol  rnn ohlol  embedding ohlol  lstm ohlol  gru ohlol"


def test_01_finds_the_line(lines):
    found = re.findall(r"= (\S+)", lines("01_linear", "--epochs", 1000)[-1])
    assert [float(number) for number in found] == pytest.approx([2, 0, 8], abs=0.01)  # w, b, y(4)


def test_01_every_optimizer_lowers_the_loss(lines):
    for optimizer in load("01_linear").OPTIMIZERS:
        losses = [float(line.split()[-1]) for line in lines("01_linear", "--optimizer", optimizer)[:-1]]
        assert losses[-1] < losses[0]


def test_02_separates_the_hours(lines):
    assert float(lines("02_logistic", "--epochs", 3000)[-1].split("= ")[1]) > 0.9
    assert float(lines("02_logistic")[-1].split("= ")[1]) < 0.5  # the article's 100 epochs are only a start


def test_03_relu_learns_more_than_the_majority(lines):
    last = lines("03_diabetes", "--activation", "relu", "--lr", 0.1)[-1]
    assert float(re.fullmatch(r"accuracy (\S+) %", last)[1]) > 72  # 65.10 % of the patients are healthy


def test_03_workers_are_processes_and_bring_the_same_numbers(lines, run):
    result = run("03_diabetes", "--epochs", 2, "--workers", 2)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.sub(r"  \S+ s\n", "\n", result.stdout).splitlines() == lines("03_diabetes", "--epochs", 2)
    pids = list(DataLoader(range(4), num_workers=2, collate_fn=lambda samples: os.getpid()))
    assert len(set(pids) - {os.getpid()}) == 2


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name[:2] not in ("01", "02", "08")])
def test_batches_are_shuffled_and_what_draws_or_predicts_is_in_eval_mode(few, monkeypatch, tmp_path, name):
    small = {"03": [], "11": ["--count", "1"]}.get(name[:2], ["--batch-size", "256"])
    fast = ["--fast"] if name[:2] in ("05", "06", "07", "09") else []
    words = ["--epochs", "1", *small, *fast, "--plot", str(tmp_path / "picture.png")]
    monkeypatch.setattr(sys, "argv", [f"{common.DATA.parent}/{name}.py", *words])
    names = runpy.run_path(sys.argv[0], run_name="__main__")
    assert isinstance(names["train_loader"].sampler, RandomSampler)
    if name != "03_diabetes":  # it has no test set
        assert isinstance(names["test_loader"].sampler, SequentialSampler)
    assert not names["model"].training
    if fast:
        assert names["loss_fn"].label_smoothing == 0.1
        assert names["scheduler"].total_steps == max(6, len(names["train_loader"]))


@pytest.mark.parametrize("block", load("07_resnet").BLOCKS)
def test_07_block_keeps_the_shape_and_passes_the_gradient(block):
    x = torch.rand(2, 16, 12, 12, requires_grad=True)
    y = load("07_resnet").BLOCKS[block](16)(x)
    assert y.shape == x.shape
    assert torch.autograd.grad(y.sum(), x)[0].abs().sum() > 0


def test_08_another_pair_of_words_needs_no_other_change(run, tmp_path):
    text = (ROOT / "08_rnn_hello.py").read_text(encoding="utf-8")
    text = text.replace('SOURCE, TARGET = "hello", "ohlol"', 'SOURCE, TARGET = "network", "krowten"')
    (tmp_path / "08_rnn_hello.py").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "common.py", tmp_path)
    result = run(tmp_path / "08_rnn_hello", "--epochs", 200, "--plot", "words.png")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"network →( +\w+ krowten){5}", result.stdout.splitlines()[-1])


def test_09_packing_gives_each_name_the_logits_of_that_name_alone():
    names = load("09_names_gru")
    model = names.NameGRU(18)
    group = ["Wu", "Maclean", "O'Neill", "Van Den Berg", "Li"]
    alone = torch.cat([model(*names.encode([name])) for name in group])
    torch.testing.assert_close(model(*names.encode(group)), alone)
    assert model.embedding(torch.tensor([65], dtype=torch.int32)).shape == (1, 100)  # int64 is not needed


def test_09_takes_the_top_layer_at_the_last_letter_forwards_and_the_first_backwards():
    model = load("09_names_gru").NameGRU(18)
    x, lengths = load("09_names_gru").encode(["maclean"])
    out, _ = model.gru(model.embedding(x))  # 1×7×200, of the top layer
    both = torch.cat([out[:, -1, :100], out[:, 0, 100:]], dim=1)
    torch.testing.assert_close(model(x, lengths), model.linear(both))


def test_10_leaves_out_whole_words_and_padding_counts_nothing():
    model = load("10_reviews_gru").ReviewNet(9)
    dropped = (model.word_dropout(torch.ones(1, 1000, 100)) == 0).float().mean(dim=2)
    assert set(dropped.flatten().tolist()) == {0, 1}
    model.dropout = torch.nn.Identity()
    x, lengths = torch.tensor([[5, 6, 7, 0], [5, 6, 0, 0]]), torch.tensor([3, 2])
    assert not torch.equal(model(x, lengths), model(x, lengths))  # other words are left out
    model.eval()
    torch.testing.assert_close(model(x, lengths)[1], model(x[1:, :2], lengths[1:])[0])


def test_10_calls_bad_words_negative(monkeypatch, tmp_path):
    words = [
        "--model",
        "average",
        "--epochs",
        "1",
        "--plot",
        str(tmp_path / "words.png"),
        "--predict",
        "电影",
        "bad film",
    ]
    monkeypatch.setattr(sys, "argv", [f"{ROOT}/10_reviews_gru.py", *words])
    names = runpy.run_path(sys.argv[0], run_name="__main__")
    odds = dict(zip(names["frequent"], names["log_odds"].tolist(), strict=True))
    assert odds["bad"] < 0 < odds["moving"]


def test_11_perplexity_is_that_of_every_token_but_padding():
    target = torch.tensor([[3, 4, 1], [3, 1, 0]])
    loader = DataLoader(TensorDataset(target, target), batch_size=1)
    model = mock.Mock(side_effect=lambda x: torch.zeros(1, 7, 3))  # as unsure as among seven
    assert load("11_poems_gru").perplexity(model, loader, "cpu") == pytest.approx(7)
    logits = -torch.ones(1, 7, 3)
    logits[:, 3] = 0  # e times as likely as each of the six others; two tokens of five are a 3
    model = mock.Mock(side_effect=lambda x: logits)
    loss = math.log(1 + 6 / math.e) + 3 / 5
    assert load("11_poems_gru").perplexity(model, loader, "cpu") == pytest.approx(math.exp(loss))
