"""Times the article's way of training, this repository's, and the bare computation, side by side in one run.

    python tests/benchmark.py                     04 to 07 and 09
    python tests/benchmark.py 05 07 --rounds 9

The article's way is written here as its programs have it: a DataLoader that calls the dataset once per sample, each
image through PIL, ToTensor and Normalize, names turned into tensors batch by batch, the default memory layout, and
.item() on every loss. "Bare" is the same forward, backward and step on batches that were cut beforehand. The three
take turns, so that a noisy machine is noisy for all. Printed are medians, in seconds for one epoch, and the medians
of the ratios within a round.
"""

import argparse
import importlib
import os
import platform
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common import DATA, MEAN, STD, batches, evaluate, mnist, train_epoch  # noqa: E402

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
SCRIPTS = {path.name[:2]: path for path in ROOT.glob("0?_*.py")}


def article_mnist(train):
    """The article's MNIST: every sample through PIL and two transforms, each time it is asked for."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
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
        return mnist(train)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {' '.join(MODELS)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (5)")
    parser.add_argument("--samples", type=int, default=12_800, help="samples trained in a round (12800)")
    args = parser.parse_args()
    if unknown := set(args.sections) - set(MODELS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}\n")
    print(
        "| script | article s | ours s | bare s | ours/article | ours/bare | test: article s | ours s | ours/article |"
    )
    print("| --- " * 9 + "|")
    for section in args.sections or MODELS:
        print(time_epochs(section, args.samples, args.rounds), flush=True)


if __name__ == "__main__":
    main()
