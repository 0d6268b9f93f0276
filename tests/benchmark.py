"""Times the article's way of training, this repository's, and the bare computation, side by side in one run.

    python tests/benchmark.py                     04 to 07 and 09
    python tests/benchmark.py 05 07 --rounds 9
    python tests/benchmark.py --to-accuracy       whole programs; takes more than an hour

The article's way is written here as its programs have it: a DataLoader that calls the dataset once per sample, each
image through PIL, ToTensor and Normalize, names turned into tensors batch by batch, the default memory layout, and
.item() on every loss. "Bare" is the same forward, backward and step on batches that were cut beforehand. The three
take turns, so that a noisy machine is noisy for all. Printed are medians, in seconds for one epoch, and the medians
of the ratios within a round.

--to-accuracy runs whole programs, each from a cold `python` to its end: the article's once, `--fast` with the seeds 0,
1, … before it and after it. Where the article states no number of epochs (06 and 07), its program is stopped when it
reaches the article's accuracy, and 30 epochs, which are 05's, are reckoned from those that it ran; so they are where
--stop ends it earlier.
"""

import argparse
import importlib
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision import datasets, transforms

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common import DATA, batches, evaluate, mnist, train_epoch  # noqa: E402

mlp, cnn, inception, resnet, names = (
    importlib.import_module(name)
    for name in ("04_mnist_mlp", "05_mnist_cnn", "06_inception", "07_resnet", "09_names_gru")
)
MODELS = {
    "04": partial(mlp.MLP, torch.relu),
    "05": cnn.ImprovedCNN,
    "06": inception.InceptionNet,
    "07": resnet.ResNet,
    "09": partial(names.NameGRU, 18),
}
GOAL = {"04": 98.33, "05": 99.11, "06": 98.9, "07": 99.2}  # the article's accuracy in %; it states none for 09
EPOCHS = {"04": 20, "05": 30, "09": 100}  # the article's; for 06 and 07 it states none
SCRIPTS = {path.name[:2]: path for path in ROOT.glob("0?_*.py")}


def article_mnist(train):
    """The article's MNIST: every sample through PIL and two transforms, each time it is asked for."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return datasets.MNIST(DATA, train=train, transform=transform)


def article_names(train):
    """The article's names: a list of (name, country's number)."""
    rows = names.read_names(DATA / f"names_{'train' if train else 'test'}.csv.gz")
    countries = sorted(set(rows[1]))
    return [(name, countries.index(country)) for name, country in zip(*rows, strict=True)]


def article_collate(samples):
    """The article's `make_tensors`: letters to numbers, padding and sorting by length, for one batch."""
    sequences = [[ord(character) for character in name] for name, _ in samples]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    padded = torch.zeros(len(samples), int(lengths.max()), dtype=torch.int64)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = torch.tensor(sequence)
    lengths, order = lengths.sort(dim=0, descending=True)
    return padded[order], lengths, torch.tensor([country for _, country in samples])[order]


def article_train(model, loader, loss_fn, optimizer):
    """One epoch as the article has it."""
    running_loss = 0.0
    for *inputs, target in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(*inputs), target)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()


@torch.no_grad()
def article_test(model, loader):
    """The article's test; returns the accuracy (0 to 1)."""
    correct, total = 0, 0
    for *inputs, target in loader:
        _, predicted = torch.max(model(*inputs), dim=1)
        total += target.size(0)
        correct += (predicted == target).sum().item()
    return correct / total


def bare_train(model, prepared, loss_fn, optimizer):
    """The computation alone."""
    model.train()
    for *inputs, target in prepared:
        loss = loss_fn(model(*inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def article_loader(section, train, indices=None):
    """Returns the article's DataLoader of a section, over all samples or those of `indices`."""
    dataset = article_names(train) if section == "09" else article_mnist(train)
    if indices is not None:
        dataset = Subset(dataset, indices)
    collate = article_collate if section == "09" else None
    return DataLoader(dataset, 256 if section == "09" else 64, shuffle=train, collate_fn=collate)


def our_tensors(section, train):
    """Returns the tensors that the section's script gives to batches()."""
    if section != "09":
        return mnist()[0 if train else 1]
    rows = article_names(train)
    return *names.encode([name for name, _ in rows]), torch.tensor([country for _, country in rows])


def new_model(section, channels_last):
    """Returns a section's network and optimizer, always with the same first weights."""
    torch.manual_seed(0)
    model = MODELS[section]()
    if section == "09":
        return model, torch.optim.Adam(model.parameters(), lr=0.001)
    if channels_last and section != "04":
        model.to(memory_format=torch.channels_last)
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)


def seconds(function, *arguments):
    """Returns how long the call took."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def time_epochs(section, samples, rounds):
    """Times the ways in turn; returns a row of the table."""
    loss_fn = nn.CrossEntropyLoss()
    tensors, test_tensors = our_tensors(section, True), our_tensors(section, False)
    count = len(tensors[0])
    size = 256 if section == "09" else 64
    indices = torch.randperm(count)[: min(samples, count)]
    scale = count / len(indices)
    ours = batches(*(tensor[indices] for tensor in tensors), batch_size=size, shuffle=True)
    trainings = {
        "article": (article_train, article_loader(section, True, indices.tolist()), False),
        "ours": (train_epoch, ours, True),
        "bare": (bare_train, list(ours), True),
    }
    tests = {
        "article": (article_test, article_loader(section, False)),
        "ours": (partial(evaluate, loss_fn=loss_fn), batches(*test_tensors, batch_size=250)),
    }
    models = {way: new_model(section, channels_last) for way, (_, _, channels_last) in trainings.items()}
    times = []
    for _ in range(rounds + 1):
        row = []
        for way, (train, loader, _) in trainings.items():
            model, optimizer = models[way]
            row.append(scale * seconds(train, model, loader, loss_fn, optimizer))
        for way, (test, loader) in tests.items():
            row.append(seconds(test, models[way][0].eval(), loader))
        times.append(row)
    times = times[1:]  # the first round warms up
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    ratio = [statistics.median(row[a] / row[b] for row in times) for a, b in ((1, 0), (1, 2), (4, 3))]
    cells = [*(f"{value:.2f}" for value in (*medians[:3], *ratio[:2], *medians[3:], ratio[2]))]
    return f"| {SCRIPTS[section].name} | " + " | ".join(cells) + " |"


def article_program(section, stop):
    """Runs the article's program to its end, or for `stop` epochs; prints the test accuracy after each epoch.

    04 is the program that reaches 98.33 %: pixels of 0 to 255 out of CSV files in the current folder.
    """
    if section == "04":
        rows = [np.loadtxt(f"mnist_{part}.csv", delimiter=",", dtype=np.float32) for part in ("train", "test")]
        data = [TensorDataset(torch.from_numpy(row[:, 1:]), torch.from_numpy(row[:, 0]).long()) for row in rows]
        train, test = (DataLoader(dataset, 64, shuffle=dataset is data[0]) for dataset in data)
    else:
        train, test = article_loader(section, True), article_loader(section, False)
    model, optimizer = new_model(section, channels_last=False)
    for _ in range(stop or EPOCHS.get(section, 30)):
        article_train(model, train, nn.CrossEntropyLoss(), optimizer)
        print(f"test accuracy {100 * article_test(model, test):.2f} %", flush=True)


def run_program(*command, folder, goal=math.inf):
    """Runs a program; returns its test accuracies and, for each, the seconds since the start; stops it at `goal`."""
    accuracies, times = [], []
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if found := re.search(r"test accuracy +([\d.]+) %", line):
                accuracies.append(float(found[1]))
                times.append(time.perf_counter() - start)
            if accuracies and accuracies[-1] >= goal:
                process.kill()
                return accuracies, times
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with status {process.returncode}")
    times[-1] = time.perf_counter() - start  # leaving Python takes time, too
    return accuracies, times


def time_to_accuracy(section, rounds, stop, folder):
    """Times the article's program and --fast, each from a cold start to its end; returns a row of the table."""

    def fast(seed):
        accuracies, times = run_program(SCRIPTS[section], "--fast", "--seed", str(seed), folder=folder)
        return accuracies[-1], times[-1]

    ours = [fast(seed) for seed in range(rounds // 2)]
    article = [__file__, "--article", section, "--stop", str(stop)]
    accuracies, times = run_program(*article, folder=folder, goal=math.inf if section in EPOCHS else GOAL[section])
    ours += [fast(seed) for seed in range(rounds // 2, rounds)]
    goal = GOAL.get(section, accuracies[-1])
    epochs = EPOCHS.get(section, 30)
    epoch_time = times[-1] - times[-2]
    end = times[-1] + (epochs - len(times)) * epoch_time
    reached = next((epoch for epoch, accuracy in enumerate(accuracies) if accuracy >= goal), None)
    mean = statistics.mean(accuracy for accuracy, _ in ours)
    seconds = statistics.median(taken for _, taken in ours)
    cells = [
        f"{goal} %",
        f"{'' if epochs == len(times) else 'about '}{end:.0f}, {epochs} epochs",
        "not reached" if reached is None else f"{times[reached]:.0f}, {reached + 1} epochs",
        f"{seconds:.1f}, {mean:.2f} %",
        f"{end / seconds:.1f}",
        "–" if reached is None else f"{times[reached] / seconds:.1f}",
    ]
    return f"| {SCRIPTS[section].name} | " + " | ".join(cells) + " |"


def write_csv(folder):
    """Writes MNIST as the CSV files that the article's second program of 04 reads."""
    for part, (images, labels) in zip(("train", "test"), mnist(raw=True), strict=True):
        rows = torch.cat([labels.unsqueeze(1), images.flatten(1).long()], dim=1)
        np.savetxt(Path(folder, f"mnist_{part}.csv"), rows.numpy(), fmt="%d", delimiter=",")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {' '.join(MODELS)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (5)")
    parser.add_argument("--samples", type=int, default=12_800, help="samples trained in a round (12800)")
    parser.add_argument("--to-accuracy", action="store_true", help="time whole programs, to the article's accuracy")
    parser.add_argument("--stop", type=int, default=0, help="epochs of the article's programs, at least 2")
    parser.add_argument("--article", choices=MODELS, help="run the article's program of a section, and nothing else")
    args = parser.parse_args()
    if unknown := set(args.sections) - set(MODELS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    if args.stop == 1 or args.stop < 0:
        parser.error("--stop needs 2 epochs or more: the second tells how long one takes")
    sections = args.sections or MODELS
    machine = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}\n"
    if args.article:
        article_program(args.article, args.stop)
    elif args.to_accuracy:
        print(machine)
        print("| script | accuracy | article: s to its end | s to the accuracy | --fast: s | faster: end | accuracy |")
        print("| --- " * 7 + "|")
        with tempfile.TemporaryDirectory() as folder:
            write_csv(folder)
            for section in sections:
                print(time_to_accuracy(section, args.rounds, args.stop, folder), flush=True)
    else:
        print(machine)
        print("| script | article s | ours s | bare s | ours/article | ours/bare | test: article s | ours s | ratio |")
        print("| --- " * 9 + "|")
        for section in sections:
            print(time_epochs(section, args.samples, args.rounds), flush=True)


if __name__ == "__main__":
    main()
