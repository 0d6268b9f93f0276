"""What each section teaches, as facts that can be checked."""

import os
import re
import shutil

import pytest
import torch
from conftest import ROOT, load
from torch.utils.data import DataLoader


def test_parameters_and_shape():
    mlp, cnn, resnet = load("04_mnist_mlp"), load("05_mnist_cnn"), load("07_resnet")
    for model, count in (
        (mlp.MLP(torch.relu), 575_050),
        (cnn.SimpleCNN(), 8_490),
        (cnn.ImprovedCNN(), 104_554),
        (load("06_inception").InceptionNet(), 97_298),
        (resnet.ResNet(), 41_514),
        (resnet.ResNet(resnet.PlainBlock, depth=3), 87_786),  # 2 stages of 3 blocks
    ):
        assert sum(parameter.numel() for parameter in model.parameters()) == count
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


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


@pytest.mark.parametrize("block", load("07_resnet").BLOCKS)
def test_07_block_keeps_the_shape_and_passes_the_gradient(block):
    x = torch.rand(2, 16, 12, 12, requires_grad=True)
    y = load("07_resnet").BLOCKS[block](16)(x)
    assert y.shape == x.shape
    assert torch.autograd.grad(y.sum(), x)[0].abs().sum() > 0


def test_08_hello_becomes_ohlol_by_all_five(lines):
    assert lines("08_rnn_hello")[-1] == "hello → cell ohlol  rnn ohlol  embedding ohlol  lstm ohlol  gru ohlol"


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
