"""Measures what docs/results.md reports, a table for each command.

    python tests/benchmark.py seeds --runs 10             --fast of 05, 06, 07 and 09
    python tests/benchmark.py seeds 05 --runs 5 --options "--epochs 6"
    python tests/benchmark.py whole                       whole programs, the article's and ours
    python tests/benchmark.py whole 06 --epochs 2         the article's for two epochs, and extrapolated to its end
    python tests/benchmark.py epoch                       one epoch: the article's way, ours, the bare computation

Programs run as a user runs them, in turns, timed from outside. The article's way is written here as its programs have
it: a DataLoader that asks a Dataset for one sample after the other, each image through PIL, ToTensor and Normalize, and
.item() on every loss. "Bare" is forward, backward and step on batches cut beforehand.
"""

import argparse
import importlib
import re
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common import DATA, mnist, train_epoch  # noqa: E402

SCRIPTS = {path.name[:2]: path for path in sorted(ROOT.glob("[01]?_*.py"))}
mlp, cnn, inception, resnet, names = (importlib.import_module(SCRIPTS[n].stem) for n in ("04", "05", "06", "07", "09"))
COUNTRIES = sorted(set(names.read_names(DATA / "names_train.csv.gz")[1]))
SECTIONS = {  # the network, the article's accuracy in % (09: that of its 100 epochs here), its number of epochs
    "04": (lambda: mlp.MLP(torch.relu), None, None),
    "05": (cnn.ImprovedCNN, 99.11, 30),
    "06": (inception.InceptionNet, 98.9, 30),
    "07": (resnet.ResNet, 99.2, 30),
    "09": (lambda: names.NameGRU(len(COUNTRIES)), 80.46, 100),
}


def table(*heading):
    """Prints date, machine and the head of a table."""
    processor = subprocess.getoutput("lscpu").partition("Model name:")[2].partition("\n")[0].strip()
    print(f"{time.strftime('%Y-%m-%d')}, {processor}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    row(*heading)
    row(*["---"] * len(heading))


def row(*cells):
    texts = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print("| " + " | ".join(texts) + " |", flush=True)


def run(*command):
    """Runs a program; returns its test accuracies, and the second at which each came, then that of its end."""
    accuracies, times, start = [], [], time.perf_counter()
    command = [sys.executable, *map(str, command)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if found := re.search(r"test accuracy +([\d.]+) %", line):
                accuracies.append(float(found[1]))
                times.append(time.perf_counter() - start)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with status {process.returncode}")
    return accuracies, [*times, time.perf_counter() - start]


def results(runs):
    """Returns the last accuracy of each run, and the median of the seconds from process start to exit."""
    return [accuracies[-1] for accuracies, _ in runs], statistics.median(times[-1] for _, times in runs)


def spread(values):
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def seeds(args):
    table("script", "test accuracy %", "lowest", "highest", "reach the article's", "seconds")
    for section in args.sections or ["05", "06", "07", "09"]:
        command, goal = [SCRIPTS[section], "--fast", *args.options, "--seed"], SECTIONS[section][1]
        accuracies, end = results([run(*command, seed) for seed in range(args.runs)])
        reached = f"{sum(accuracy >= goal for accuracy in accuracies)} of {args.runs} ({goal})"
        row(SCRIPTS[section].name, spread(accuracies), min(accuracies), max(accuracies), reached, end)


def article_loader(section, train):
    """Returns the article's DataLoader: every image through PIL and two transforms each time, or names in batches."""
    if section == "09":
        rows = zip(*names.read_names(DATA / f"names_{'train' if train else 'test'}.csv.gz"), strict=True)
        return DataLoader([(name, COUNTRIES.index(country)) for name, country in rows], 256, train, collate_fn=collate)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return DataLoader(datasets.MNIST(DATA, train=train, transform=transform), 64, shuffle=train)


def collate(samples):
    """The article's make_tensors: one batch of names becomes tensors."""
    return *names.encode([name for name, _ in samples]), torch.tensor([country for _, country in samples])


def article_train(model, loader, loss_fn, optimizer):
    for *inputs, target in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(*inputs), target)
        loss.backward()
        optimizer.step()
        loss.item()


def article_test(model, loader):
    correct = 0
    with torch.no_grad():
        for *inputs, target in loader:
            _, predicted = torch.max(model(*inputs), dim=1)
            correct += (predicted == target).sum().item()
    return 100 * correct / len(loader.dataset)


def new_model(section, memory_format=torch.contiguous_format):
    """Returns a section's network with the same first weights each time, and the article's optimizer."""
    torch.manual_seed(0)
    model = SECTIONS[section][0]().to(memory_format=memory_format)
    if section == "09":
        return model, torch.optim.Adam(model.parameters(), lr=0.001)
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)


def article(args):
    """Runs the article's program of one section, as a process of its own."""
    section = args.sections[0]
    train, test = article_loader(section, True), article_loader(section, False)
    model, optimizer = new_model(section)
    for _ in range(args.epochs or SECTIONS[section][2]):
        article_train(model, train, nn.CrossEntropyLoss(), optimizer)
        print(f"test accuracy {article_test(model, test):.2f} %", flush=True)


def whole(args):
    table("script", "article: epochs", "seconds", "accuracy %", "ours: seconds", "accuracy %", "times faster")
    for section in args.sections or ["05", "06", "07", "09"]:
        ours, theirs, last = [], [], SECTIONS[section][2]
        for seed in range(args.runs):
            ours.append(run(SCRIPTS[section], "--fast", "--seed", seed))
            if args.epochs or not theirs:  # to its end it runs once
                found, times = run(__file__, "article", section, "--epochs", args.epochs or last)
                theirs.append(times[-1] + (last - len(found)) * (times[-2] - times[0]) / (len(found) - 1))
        (accuracies, mine), end = results(ours), statistics.median(theirs)
        epochs, accuracy = (f"{last}, extrapolated from {args.epochs}", "–") if args.epochs else (last, found[-1])
        row(SCRIPTS[section].name, epochs, end, accuracy, mine, statistics.mean(accuracies), end / mine)


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def bare_train(model, prepared, loss_fn, optimizer):
    for *inputs, target in prepared:
        loss = loss_fn(model(*inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def epoch(args):
    table("script", "article: s", "ours: s", "bare: s", "ours/article", "ours/bare")
    loss_fn = nn.CrossEntropyLoss()
    for section in args.sections or SECTIONS:
        ours = our_loader(section)
        ways = [
            (article_train, article_loader(section, True), *new_model(section)),
            (partial(train_epoch, device="cpu"), ours, *new_model(section, torch.channels_last)),
            (bare_train, list(ours), *new_model(section, torch.channels_last)),
        ]
        rounds = [
            [seconds(train, model, data, loss_fn, optimizer) for train, data, model, optimizer in ways]
            for _ in range(args.runs)
        ]
        ratios = [statistics.median(times[1] / times[other] for times in rounds) for other in (0, 2)]
        row(SCRIPTS[section].name, *map(statistics.median, zip(*rounds, strict=True)), *ratios)


def our_loader(section):
    """Returns the DataLoader of a section's script."""
    if section == "04":
        return article_loader(section, True)
    if section != "09":
        return DataLoader(mnist(train=True), batch_size=64, shuffle=True)
    words, labels = names.read_names(DATA / "names_train.csv.gz")
    target = torch.tensor([COUNTRIES.index(label) for label in labels])
    return DataLoader(TensorDataset(*names.encode(words), target), batch_size=256, shuffle=True)


def main():
    commands = {f.__name__: f for f in (seeds, whole, epoch, article)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=commands)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="SECTION", help="04 to 07, 09 (all)")
    parser.add_argument("--runs", type=int, default=3, help="with the seeds 0, 1, … (%(default)s)")
    parser.add_argument("--epochs", type=int, default=0, help="of the article's programs, at least 2 (to their end)")
    parser.add_argument("--options", type=str.split, default=[], help="more options for the script")
    args = parser.parse_args()
    commands[args.command](args)


if __name__ == "__main__":
    main()
