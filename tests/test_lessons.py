"""What each section teaches, as facts that can be checked."""

import csv
import gzip
import re

import pytest
import torch
from conftest import load
from torch import nn

from common import DATA, STOP, batches, evaluate, fit, mnist, one_cycle, options, read_csv

RECIPE = {"epochs": 3, "lr": 1, "batch_size": 2}
NETWORKS = {
    "MLP": (lambda: load("04_mnist_mlp").MLP(torch.relu), 575_050),
    "SimpleCNN": (lambda: load("05_mnist_cnn").SimpleCNN(), 8_490),
    "ImprovedCNN": (lambda: load("05_mnist_cnn").ImprovedCNN(), 104_554),
    "InceptionNet": (lambda: load("06_inception").InceptionNet(), 97_298),
    "ResNet": (lambda: load("07_resnet").ResNet(), 41_514),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_shape(name):
    build, count = NETWORKS[name]
    model = build()
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "MLP"])
def test_channels_last_changes_rounding_only(name):
    images, labels = (part[:64] for part in mnist()[1])
    results = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        model = NETWORKS[name][0]().to(memory_format=memory_format)
        logits = model(images)
        nn.functional.cross_entropy(logits, labels).backward()
        results.append([logits, *(parameter.grad for parameter in model.parameters())])
    for plain, channels_last in zip(*results, strict=True):
        torch.testing.assert_close(channels_last, plain, rtol=1e-3, atol=1e-5)


def test_linear_regression_finds_the_line(lines):
    w, b, y4 = (float(number) for number in re.findall(r"= (\S+)", lines("01_linear", "--epochs", 1000)[-1]))
    assert abs(w - 2) < 0.01
    assert abs(b) < 0.01
    assert abs(y4 - 8) < 0.01


@pytest.mark.parametrize("optimizer", load("01_linear").OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(lines, optimizer):
    losses = [float(line.split()[-1]) for line in lines("01_linear", "--optimizer", optimizer, "--epochs", 50)[:-1]]
    assert losses[-1] < losses[0]


def test_logistic_regression_separates_the_hours(lines, tmp_path):
    picture = tmp_path / "probability.png"
    last = lines("02_logistic", "--epochs", 3000, "--plot", picture)[-1]
    assert float(last.split("= ")[1]) > 0.9
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_diabetes_learns_more_than_the_majority(lines):
    last = lines("03_diabetes", "--activation", "relu", "--lr", 0.1)[-1]
    assert float(re.search(r"accuracy (\S+) %", last)[1]) > 72  # 65.1 % of the patients are healthy


def test_diabetes_with_all_rows_in_one_batch_does_one_step_an_epoch(lines):
    assert lines("03_diabetes", "--batch-size", 768, "--epochs", 2) == lines(
        "03_diabetes", "--batch-size", 9999, "--epochs", 2
    )


def test_diabetes_with_workers_gives_the_same_numbers(run):
    results = [run("03_diabetes", "--epochs", "2", "--workers", workers) for workers in ("0", "2")]
    first, second = (re.sub(r"\S+ s$", "", result.stdout, flags=re.MULTILINE) for result in results)
    assert "epoch 2/2" in first
    assert first == second


def test_diabetes_reads_another_file(lines, tmp_path):
    rows = read_csv(DATA / "diabetes.csv.gz", 9, "", valid=lambda row: True)[:100]
    text = "\r\n".join(",".join(f"{value:.6g}" for value in row) for row in rows.tolist())
    (tmp_path / "own.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())  # as spreadsheets write it
    assert "training accuracy" in lines("03_diabetes", "--csv", tmp_path / "own.csv", "--epochs", 1)[-1]


def test_own_digits_from_csv(lines, tmp_path):
    images, labels = mnist(raw=True)[1]
    files = tmp_path / "train.csv.gz", tmp_path / "test.csv"
    for path, part in zip(files, (slice(0, 300), slice(300, 400)), strict=True):
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
            rows = torch.cat([labels[part, None], images[part].flatten(1).long()], dim=1)
            csv.writer(file).writerows(rows.tolist())
    read_images, read_labels = load("04_mnist_mlp").read_digits(files[0], "cpu")
    assert torch.equal(read_images, images[:300])
    assert torch.equal(read_labels, labels[:300])
    printed = lines("04_mnist_mlp", "--csv", *files)
    assert len(printed) == 21  # 20 epochs, as in the article
    assert float(re.search(r"accuracy (\S+) %", printed[-1])[1]) > 40


@pytest.mark.parametrize("name", load("08_rnn_hello").MODELS)
def test_hello_becomes_ohlol(lines, name):
    assert lines("08_rnn_hello", "--model", name)[-1] == f"hello → {name} ohlol"


def test_a_packed_batch_gives_each_name_the_logits_of_that_name_alone():
    names = load("09_names_gru")
    torch.manual_seed(0)
    model = names.NameGRU(countries=18).eval()
    group = ["Wu", "Maclean", "O'Neill", "Van Den Berg", "Li"]
    together = model(*names.encode(group))
    alone = torch.cat([model(*names.encode([name])) for name in group])
    torch.testing.assert_close(together, alone)


def test_other_names(lines, tmp_path):
    text = '"Aa Bb-Cc Dd Ee Ff Gg Hh Ii Jj Kk Ll Mm Nn Oo Pp Qq","Utopia"\r\n"Xyz","Atlantis"\r\n'
    for which in ("train", "test"):
        with gzip.open(tmp_path / f"names_{which}.csv.gz", "wb") as file:
            file.write(b"\xef\xbb\xbf" + text.encode())
    assert "after 30 epochs" in lines("09_names_gru", "--names-dir", tmp_path, "--epochs", 30, "--lr", 0.01)[-1]


def test_batches_yield_each_sample_once_in_a_new_order():
    numbers, squares = torch.arange(103), torch.arange(103) ** 2
    loader = batches(numbers, squares, batch_size=10, shuffle=True)
    orders = []
    for _ in range(2):
        parts = list(loader)
        assert [len(part) for part, _ in parts] == [10] * 10 + [3]
        assert all(torch.equal(square, number**2) for number, square in parts)
        orders.append(torch.cat([number for number, _ in parts]))
        assert torch.equal(orders[-1].sort().values, numbers)
    assert not torch.equal(*orders)
    assert torch.equal(torch.cat([number for number, _ in batches(numbers, squares, batch_size=10)]), numbers)


def test_evaluate_weighs_a_short_last_batch():
    outputs, targets = torch.tensor([[0.9], [0.2], [0.8]]), torch.tensor([[1.0], [0.0], [0.0]])
    loss, accuracy = evaluate(nn.Identity(), batches(outputs, targets, batch_size=2), nn.BCELoss())
    assert loss == pytest.approx(nn.BCELoss()(outputs, targets).item())
    assert accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_loss_that_is_nan_stops_with_advice(tmp_path, stopped):
    """And nothing is saved, not even where Ctrl-C came first."""
    args = options("", ["--save", str(tmp_path / "model.pt")], **RECIPE)
    model = nn.Linear(1, 1)
    data = batches(torch.full((4, 1), 1e30), torch.zeros(4, 1), batch_size=2)
    if stopped:
        STOP.set()
    try:
        with pytest.raises(SystemExit) as stop:
            fit(model, data, None, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=1), args)
    finally:
        STOP.clear()
    assert "lower --lr" in stop.value.code  # text as the code means status 1
    assert not any(tmp_path.iterdir())


def test_fit_ends_with_the_last_and_the_best_epoch(capsys):
    torch.manual_seed(0)
    x = torch.randn(50, 3)
    data = batches(x, (x.sum(dim=1) > 0).long(), batch_size=10)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=3.0)
    history = fit(model, data, data, nn.CrossEntropyLoss(), optimizer, options("", [], **RECIPE))
    *epochs, last = capsys.readouterr().out.splitlines()
    printed = [float(re.search(r"test accuracy +(\S+) %", line)[1]) for line in epochs]
    assert printed == [pytest.approx(100 * epoch["accuracy"]) for epoch in history]
    best = max(printed)
    assert (
        last == f"test accuracy {printed[-1]:.2f} % after 3 epochs (best {best:.2f} % after {printed.index(best) + 1})"
    )
    assert history[-1]["loss"] < history[0]["loss"]


def test_what_is_typed_beats_the_recipe():
    recipes = {"epochs": 30, "lr": 0.01, "batch_size": 64, "fast": {"epochs": 2, "lr": 0.02, "batch_size": 256}}
    for typed, expected in [
        ([], (30, 0.01, 64)),
        (["--fast"], (2, 0.02, 256)),
        (["--fast", "--lr", "0.5", "--batch-size", "8"], (2, 0.5, 8)),
        (["--epochs", "3"], (3, 0.01, 64)),
    ]:
        args = options("", typed, **recipes)
        assert (args.epochs, args.lr, args.batch_size) == expected


def test_one_cycle_rises_and_falls():
    optimizer, scheduler = one_cycle(nn.Linear(1, 1), lr=0.01, steps=100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) in range(25, 35)
    assert rates[-1] < 1e-4
    with pytest.raises(ValueError, match="Tried to step 101 times"):
        scheduler.step()


def test_fast_learns_in_one_epoch_what_takes_the_article_four(lines):
    last = lines("04_mnist_mlp", "--fast", "--epochs", 1)[-1]
    assert float(re.search(r"accuracy (\S+) %", last)[1]) > 96
