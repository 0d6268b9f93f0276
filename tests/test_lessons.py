"""What each section teaches, as facts that can be checked."""

import os
import re
import shutil

import pytest
import torch
from conftest import ROOT, load
from torch import nn
from torch.utils.data import DataLoader

from common import batches, evaluate

NETWORKS = {
    "MLP": (lambda: load("04_mnist_mlp").MLP(torch.relu), 575_050),
    "SimpleCNN": (lambda: load("05_mnist_cnn").SimpleCNN(), 8_490),
    "ImprovedCNN": (lambda: load("05_mnist_cnn").ImprovedCNN(), 104_554),
    "InceptionNet": (lambda: load("06_inception").InceptionNet(), 97_298),
    "ResNet": (lambda: load("07_resnet").ResNet(), 41_514),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_shape(name):
    network, count = NETWORKS[name]
    model = network()
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_01_finds_the_line(lines):
    w, b, y4 = (float(number) for number in re.findall(r"= (\S+)", lines("01_linear", "--epochs", 1000)[-1]))
    assert (w, b, y4) == (pytest.approx(2, abs=0.01), pytest.approx(0, abs=0.01), pytest.approx(8, abs=0.01))


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


def test_03_workers_bring_the_same_numbers(run):
    results = [run("03_diabetes", "--epochs", 2, "--workers", workers) for workers in (0, 2)]
    assert [(result.returncode, result.stderr) for result in results] == [(0, "")] * 2
    first, second = (re.sub(r"  \S+ s\n", "\n", result.stdout) for result in results)
    assert "epoch 2/2" in first
    assert first == second


@pytest.mark.parametrize("block", load("07_resnet").BLOCKS)
def test_07_block_keeps_the_shape_and_passes_the_gradient(block):
    x = torch.rand(2, 16, 12, 12, requires_grad=True)
    y = load("07_resnet").BLOCKS[block](16)(x)
    assert y.shape == x.shape
    y.sum().backward()
    assert x.grad.abs().sum() > 0


def test_08_hello_becomes_ohlol_by_all_five(lines):
    assert lines("08_rnn_hello")[-1] == "hello → cell ohlol  rnn ohlol  embedding ohlol  lstm ohlol  gru ohlol"


def test_08_another_pair_of_words_needs_no_other_change(run, tmp_path):
    text = (ROOT / "08_rnn_hello.py").read_text(encoding="utf-8")
    assert text.count('SOURCE, TARGET = "hello", "ohlol"') == 1
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
    together = model(*names.encode(group))
    alone = torch.cat([model(*names.encode([name])) for name in group])
    torch.testing.assert_close(together, alone)


def test_shuffling_the_test_set_changes_nothing():
    data, model = (torch.randn(103, 4), torch.arange(103) % 3), nn.Linear(4, 3)
    loss, accuracy = evaluate(model, batches(*data, batch_size=10), "cpu")
    shuffled = evaluate(model, batches(*data, batch_size=10, shuffle=True), "cpu")
    assert shuffled == (pytest.approx(loss), accuracy)


def test_workers_are_processes_not_threads():
    pids = list(DataLoader(range(4), num_workers=2, collate_fn=lambda samples: os.getpid()))
    assert len(set(pids) - {os.getpid()}) == 2


def test_an_embedding_takes_int32_and_gives_padding_a_vector_like_any_other():
    assert load("09_names_gru").NameGRU(1).embedding(torch.tensor([0], dtype=torch.int32)).abs().min() > 0


def load_a_whole_model():
    torch.save(nn.Linear(1, 1), "model.pt")
    torch.load("model.pt")


SQUARE = torch.ones(1, requires_grad=True)
MESSAGES = {  # what the README quotes: programs of the article on today's PyTorch
    "mean(): could not infer output dtype": lambda: torch.tensor([[1, -1], [-1, 1]]).mean(axis=0),
    "shape '[3, 4]' is invalid for input of size 6": lambda: torch.zeros([2, 1, 3]).reshape(3, 4),
    "Trying to backward through the graph a second time": lambda: [loss.backward() for loss in 2 * [SQUARE.pow(2)]],
    "size_average and reduce args will be deprecated": lambda: nn.MSELoss(size_average=False),
    'is missing the required "forward" function': lambda: nn.Module()(torch.ones(1)),
    "0D or 1D target tensor expected": lambda: nn.CrossEntropyLoss()(torch.zeros(5, 4), torch.zeros(5, 1).long()),
    "hidden0 has inconsistent hidden_size": lambda: nn.RNNCell(4, 4)(torch.zeros(1, 4), torch.zeros(1, 1)),
    "Expected target size": lambda: nn.CrossEntropyLoss()(torch.zeros(2, 5, 4), torch.zeros(2, 5).long()),
    "'lengths' argument should be a 1D CPU int64 tensor": lambda: nn.utils.rnn.pack_padded_sequence(
        torch.zeros(2, 3, 1), torch.tensor([3, 2], device="meta"), batch_first=True
    ),
    "Found no NVIDIA driver": lambda: torch.zeros(1, device="cuda:0"),
    "Weights only load failed": load_a_whole_model,
}


@pytest.mark.parametrize("message", MESSAGES)
def test_message_that_the_article_s_program_ends_with(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in (ROOT / "README.md").read_text(encoding="utf-8")
    if "NVIDIA" in message and (torch.cuda.is_available() or not torch.backends.cuda.is_built()):
        pytest.skip("there is a GPU, or a PyTorch without CUDA")
    with pytest.raises(Exception, match=re.escape(message)):
        MESSAGES[message]()
