"""Names to countries 循环神经网络(高级篇): a bidirectional GRU over packed sequences.

Each surname is a sequence of letters of its own length. A two-layer GRU reads it forwards and backwards, and a linear
layer makes a country of the two last hidden states.

    python 09_names_gru.py
    python 09_names_gru.py --fast
    python 09_names_gru.py --epochs 10 --save names.pt
    python 09_names_gru.py --load names.pt --predict Müller Kowalski
    python 09_names_gru.py --names-dir course          names_train.csv.gz and names_test.csv.gz of another set

The test accuracy reaches 80.82 % after 14 epochs and is 80.21 % after 100: the network goes on learning its names by
heart, and the test loss rises. --fast reaches 81.33 % in eight epochs. (Seed 0; --fast: mean of five seeds, torch
2.14.1, two cores, about 6 s an epoch.)

A name becomes the numbers of its letters in the ASCII table; shorter names are filled up with zeros.

>>> characters, lengths = encode(["Maclean", "Wu"])
>>> characters
tensor([[ 77,  97,  99, 108, 101,  97, 110],
        [ 87, 117,   0,   0,   0,   0,   0]])
>>> lengths
tensor([7, 2])

Packing leaves out the filling. It keeps the letters in the order in which the GRU needs them, all first ones, then all
second ones, and how many names still have a letter at each step.

>>> packed = pack_padded_sequence(characters, lengths, batch_first=True)
>>> packed.data
tensor([ 77,  87,  97, 117,  99, 108, 101,  97, 110])
>>> packed.batch_sizes
tensor([2, 2, 1, 1, 1, 1, 1])

In a bidirectional GRU, `hidden` has a layer for each direction; the last two are the top layer, forwards and
backwards.

>>> out, hidden = nn.GRU(input_size=100, hidden_size=100, num_layers=2, bidirectional=True)(torch.zeros(7, 3, 100))
>>> out.shape, hidden.shape
(torch.Size([7, 3, 200]), torch.Size([4, 3, 100]))
"""

import argparse
import csv
import unicodedata
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from common import DATA, batches, drawing, fail, fit, one_cycle, options, plot_history, probabilities, read_lines, run


def read_names(path):
    """Reads a .csv.gz file with a name and its country in each line; returns two lists."""

    def parse(line):
        name, country = next(csv.reader([line.strip()]))
        if not (name and country) or not name.isascii() or not name.isprintable():
            raise ValueError
        return name, country

    rows = read_lines(path, parse, "a name in ASCII letters, a comma, a country")
    return [list(column) for column in zip(*rows, strict=True)]


def ascii_name(text):
    """Writes, for argparse, a name in ASCII letters: Müller becomes Muller."""
    whole = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "ı": "i"})
    parts = unicodedata.normalize("NFKD", text.strip().translate(whole))  # ü becomes u and its dots
    name = "".join(character for character in parts if not unicodedata.combining(character))
    if not name.isascii() or not any(character.isalpha() for character in name):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name in Latin letters")
    return name


def encode(names):
    """Returns characters N×L, ASCII codes filled up with 0 to the longest name's L, and lengths N; both int64."""
    codes = [torch.tensor([ord(character) for character in name]) for name in names]
    return pad_sequence(codes, batch_first=True), torch.tensor([len(name) for name in names])


class NameGRU(nn.Module):
    """Characters N×L and lengths N → logits N×countries."""

    def __init__(self, countries, hidden_size=100):
        super().__init__()
        self.embedding = nn.Embedding(128, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers=2, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden_size, countries)

    def forward(self, characters, lengths):
        characters = characters[:, : lengths.max()]  # N×L, now the longest name of this batch
        x = self.embedding(characters)  # N×L×100
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, hidden = self.gru(packed)  # packed, 4×N×100
        return self.linear(torch.cat([hidden[-2], hidden[-1]], dim=1))  # N×200 → N×countries


def plot_names(path, history, countries, target, predicted):
    """Draws the history, and how often each country's names (rows) are taken for those of each (columns)."""
    count = len(countries)
    confusion = torch.bincount(target * count + predicted, minlength=count**2).reshape(count, count)
    with drawing(path, width=8, height=9) as figure:
        top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2])
        plot_history(top, history)
        axes = bottom.subplots()
        image = axes.imshow((100 * confusion / confusion.sum(dim=1, keepdim=True)).numpy(), cmap="cividis")
        axes.set(xlabel="predicted", ylabel="country")
        axes.set_xticks(range(count), countries, rotation=90)
        axes.set_yticks(range(count), countries)
        bottom.colorbar(image, label="% of the country's names")


def main(argv=None):
    args = options(
        __doc__,
        argv,
        epochs=100,
        lr=0.001,
        batch_size=256,
        fast=dict(epochs=8, lr=0.005, batch_size=256),
        names_dir=dict(default=DATA, metavar="DIR", help="folder of names_train.csv.gz and names_test.csv.gz"),
        predict=dict(nargs="+", type=ascii_name, metavar="NAME", help="names whose countries are asked for"),
    )
    torch.manual_seed(args.seed)

    train_names, train_countries = read_names(Path(args.names_dir, "names_train.csv.gz"))
    test_names, test_countries = read_names(Path(args.names_dir, "names_test.csv.gz"))
    if not args.load:
        args.countries = sorted(set(train_countries))  # --save keeps it: the order is what the outputs mean
    countries = args.countries
    if len(countries) < 2:
        fail(f"{args.names_dir}/names_train.csv.gz: only {countries[0]}; there is nothing to tell apart")
    if unknown := set(train_countries + test_countries) - set(countries):
        fail(f"{args.names_dir}/names_t*.csv.gz: not known from training: {', '.join(sorted(unknown))}")

    def samples(names, labels):
        characters, lengths = encode(names)
        target = torch.tensor([countries.index(label) for label in labels])
        return characters.to(args.device), lengths, target.to(args.device)  # packing wants the lengths on the CPU

    train_batches = batches(*samples(train_names, train_countries), batch_size=args.batch_size, shuffle=True)
    test = samples(test_names, test_countries)
    test_batches = batches(*test, batch_size=250)
    model = NameGRU(len(countries)).to(args.device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer, scheduler = torch.optim.Adam(model.parameters(), lr=args.lr), None
    if args.fast:
        optimizer, scheduler = one_cycle(model, args.lr, steps=args.epochs * len(train_batches))
    history = fit(model, train_batches, test_batches, loss_fn, optimizer, args, scheduler)

    if args.plot:
        *inputs, target = test
        plot_names(args.plot, history, countries, target.cpu(), probabilities(model, *inputs).argmax(dim=1))
    if args.predict:
        characters, lengths = encode(args.predict)
        best = probabilities(model, characters.to(args.device), lengths).topk(min(3, len(countries)))
        for name, chances, rows in zip(args.predict, best.values.tolist(), best.indices.tolist(), strict=True):
            likeliest = [f"{countries[row]} {100 * chance:.1f} %" for row, chance in zip(rows, chances, strict=True)]
            print(f"{name}: {', '.join(likeliest)}")


if __name__ == "__main__":
    run(main)
