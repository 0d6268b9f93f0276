"""Names to countries 循环神经网络（高级篇）: a bidirectional GRU over packed sequences.

A two-layer GRU reads a surname letter by letter, both ways; a linear layer turns its last hidden states into a country.
Test accuracy: 80.82 % after 14 epochs, 80.21 % after 100: it overfits (seed 0). --fast: 81.75 % (mean of ten seeds).

双向 GRU 逐个字母读入姓氏，判断它来自哪个国家；打包序列（packed sequence）跳过填充的部分。
要点：训练损失一直下降，测试损失却早早回升，这就是过拟合；加 --plot 可以看到哪些国家容易混淆。

    python 09_names_gru.py
    python 09_names_gru.py --fast --save names.pt --plot names.png
    python 09_names_gru.py --load names.pt --predict Müller Kowalski

A name becomes the ASCII codes of its letters, padded with zeros. Packing drops these: first come all first letters
(M, W), then all second ones (a, u), and so on; the second tensor says how many names still have a letter there.

>>> pack_padded_sequence(*encode(["Maclean", "Wu"]), batch_first=True)[:2]
(tensor([ 77,  87,  97, 117,  99, 108, 101,  97, 110]), tensor([2, 2, 1, 1, 1, 1, 1]))
>>> import io
>>> model, other, file = NameGRU(["Czech", "Polish"]), NameGRU(["Irish"]), io.BytesIO()  # a file in memory
>>> torch.save(model.state_dict(), file)  # the weights by name, and the countries
>>> file.seek(0), other.load_state_dict(torch.load(file)), torch.equal(model(*encode(["Wu"])), other(*encode(["Wu"])))
(0, <All keys matched successfully>, True)
"""

import argparse
import csv
import gzip
import os
import unicodedata

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from common import DATA, batches, fail, fit, load_weights, one_cycle, options, pick_device, plot_history, write


def ascii_name(text):
    """A converter for argparse: a name in ASCII letters, Müller as Muller."""
    table = str.maketrans("øØłŁđĐı’", "oOlLdDi'") | {ord("ß"): "ss", ord("æ"): "ae", ord("Æ"): "Ae"}
    parts = unicodedata.normalize("NFKD", text.strip().translate(table))  # ü becomes u and its dots
    name = "".join(character for character in parts if not unicodedata.combining(character))
    if not (name.isascii() and name.isprintable() and any(character.isalpha() for character in name)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name in Latin letters; write Chinese names in pinyin")
    return name


def read_names(path):
    """Reads a CSV file of a name and its label in each line, or the .gz of it; returns two lists."""
    path = path if os.path.exists(path) else f"{path}.gz"
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            names, labels = zip(*(row for row in csv.reader(file) if row), strict=True)
        return [ascii_name(name) for name in names], list(labels)
    except Exception as error:  # no file, no gzip, no text, another number of columns, …
        fail(f"{path}: each line must be a name, a comma and a label: {error}")


def encode(names):
    """Returns characters N×L, ASCII codes padded with 0 to the longest name's L, and lengths N; both int64."""
    codes = [torch.tensor([ord(character) for character in name]) for name in names]
    return pad_sequence(codes, batch_first=True), torch.tensor([len(name) for name in names])


class NameGRU(nn.Module):
    """Characters N×L and lengths N → logits N×countries."""

    def __init__(self, countries, hidden_size=100):
        super().__init__()
        self.embedding = nn.Embedding(128, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers=2, bidirectional=True, batch_first=True)
        self.set_extra_state(countries)

    def forward(self, characters, lengths):
        x = self.embedding(characters[:, : lengths.max()])  # N×L×100, L now that of the batch's longest name
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)  # names come in any order
        out, hidden = self.gru(packed)  # hidden 4×N×100: each layer forwards and backwards, the top layer last
        return self.linear(torch.cat([hidden[-2], hidden[-1]], dim=1))  # N×200 → N×countries

    def get_extra_state(self):  # goes into the state_dict: without the countries the outputs have no names
        return self.countries

    def set_extra_state(self, countries):  # called on loading, before the layers' own weights are copied in
        self.countries = countries
        self.linear = nn.Linear(2 * self.gru.hidden_size, len(countries))


def plot(path, history, model, test_batches):
    """Draws the history, and how often each country's names (rows) are taken for those of each (columns)."""
    import matplotlib.pyplot as plt

    count = len(model.countries)
    confusion = torch.zeros(count, count)
    for *inputs, target in test_batches:
        confusion.index_put_((target.cpu(), model(*inputs).argmax(dim=1).cpu()), torch.ones(()), accumulate=True)
    totals = confusion.sum(dim=1, keepdim=True)
    figure = plt.figure(figsize=(9, 12))
    if history:
        plot_history(history, figure.add_subplot(3, 2, 1), figure.add_subplot(3, 2, 2))
    axes = figure.add_subplot(3, 1, (2, 3), xlabel="taken for", ylabel="country (names in the test file)")
    image = axes.imshow((100 * confusion / totals.clamp(min=1)).tolist(), vmin=0, vmax=100, cmap="cividis")
    axes.set_xticks(range(count), model.countries, rotation=90)
    axes.set_yticks(range(count), [f"{model.countries[row]} ({totals[row].item():.0f})" for row in range(count)])
    figure.colorbar(image, label="% of the country's names")
    write(path, lambda part: figure.savefig(part, bbox_inches="tight"))


def main():
    fast = {"epochs": 5, "lr": 0.005, "batch_size": 128}
    parser = options(__doc__, epochs=100, lr=0.001, batch_size=256, saves=True, presets={"--fast": fast})
    parser.add_argument("--names-dir", default=DATA, metavar="DIR", help="your names_{train,test}.csv (%(default)s)")
    parser.add_argument("--predict", nargs="+", default=[], type=ascii_name, metavar="NAME", help="names to classify")
    args = parser.parse_args()
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_names, train_labels = read_names(f"{args.names_dir}/names_train.csv")
    test_names, test_labels = read_names(f"{args.names_dir}/names_test.csv")
    model = NameGRU(sorted(set(train_labels)))
    if args.load is not None:
        load_weights(model, args.load)
    countries = model.to(device).countries
    if unknown := set(train_labels + test_labels) - set(countries):
        fail(f"{args.names_dir}: labels that the network does not know: {', '.join(sorted(unknown))}")
    if os.environ.get("RANK", "0") == "0":  # torchrun's first process
        print(f"{len(train_names)} and {len(test_names)} names; {len(countries)} labels: {', '.join(countries)}")

    characters, lengths = encode(train_names)  # packing wants the lengths on the CPU
    target = torch.tensor([countries.index(label) for label in train_labels])
    train_batches = batches(characters.to(device), lengths, target.to(device), batch_size=args.batch_size, shuffle=True)
    characters, lengths = encode(test_names)
    target = torch.tensor([countries.index(label) for label in test_labels])
    test_batches = batches(characters.to(device), lengths, target.to(device), batch_size=250)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1 if args.fast else 0.0)
    if args.fast:
        optimizer, scheduler = one_cycle(model, args.lr, steps=args.epochs * len(train_batches))
    else:
        optimizer, scheduler = torch.optim.Adam(model.parameters(), lr=args.lr), None
    history = fit(model, train_batches, test_batches, loss_fn, optimizer, scheduler, epochs=args.epochs, save=args.save)

    if args.plot:
        plot(args.plot, history, model, test_batches)
    for name in args.predict:
        characters, lengths = encode([name])
        probability, row = model(characters.to(device), lengths).softmax(dim=1).max(dim=1)
        print(f"{name}: {countries[row]} ({100 * probability.item():.1f} %)")


if __name__ == "__main__":
    main()
