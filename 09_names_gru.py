"""Names to countries 循环神经网络（高级篇）: a bidirectional GRU over packed sequences.

A two-layer GRU reads a surname letter by letter, both ways; a linear layer turns its last hidden states into a country.

双向 GRU 逐个字母读入姓氏，判断它来自哪个国家；打包序列（packed sequence）跳过填充的部分。
要点：默认训练 100 个 epoch，训练损失一直下降，测试损失却早早回升，这就是过拟合（--fast 只训练五个，看不到）；
加 --plot 可以看到混淆矩阵：哪些国家容易认错。

    python 09_names_gru.py --plot names.png
    python 09_names_gru.py --fast --save names.pt
    python 09_names_gru.py --load names.pt --predict Müller Kowalski
    python 09_names_gru.py --csv train.csv test.csv            your own: a name, a comma and a label in each line

Test accuracy 80.21 % after 100 epochs. The test loss is lowest after epoch 14, 0.62, with 80.82 %; at the end it is
0.98: it overfits (seed 0). --fast: 81.75 % (ten seeds). (torch 2.14.1, about 2.5 s an epoch on two cores)

Before running 先猜再跑: which is best on names after ten epochs, RNN, LSTM or GRU? Write nn.RNN for nn.GRU in NameGRU,
then nn.LSTM, with out, (hidden, cell) = self.gru(packed); each time --epochs 10

Worked examples 例子, run by `python -m doctest 09_names_gru.py`

A name becomes the ASCII codes of its letters, padded with zeros. Packing drops these: first come all first letters
(M, W), then all second ones (a, u), and so on; the second tensor says how many names still have a letter 打包后的样子:

>>> x, lengths = encode(["Maclean", "Wu"])
>>> x
tensor([[ 77,  97,  99, 108, 101,  97, 110],
        [ 87, 117,   0,   0,   0,   0,   0]])
>>> pack_padded_sequence(x, lengths, batch_first=True)[:2]
(tensor([ 77,  87,  97, 117,  99, 108, 101,  97, 110]), tensor([2, 2, 1, 1, 1, 1, 1]))

What it is good for: a GRU reads the padding behind Wu, too, and its last hidden state is another one than for Wu alone.
Packed, it is the same. (The batch must be sorted by length, or say enforce_sorted=False.) 打包消除填充的影响:

>>> embedding, gru = nn.Embedding(128, 3), nn.GRU(3, 4, batch_first=True)
>>> out, alone = gru(embedding(x[1:, :2]))  # the W and the u
>>> out, from_padded = gru(embedding(x))
>>> out, from_packed = gru(pack_padded_sequence(embedding(x), lengths, batch_first=True))
>>> [torch.allclose(hidden[:, 1], alone[:, 0], atol=1e-6) for hidden in (from_padded, from_packed)]
[False, True]

A bidirectional layer's output is twice as wide: forwards, then backwards. Without padding, the last hidden states are
the first half of the output at the last letter, and the second half at the first letter 双向:

>>> gru = nn.GRU(3, 4, num_layers=2, bidirectional=True, batch_first=True)
>>> out, hidden = gru(torch.rand(1, 5, 3))
>>> out.shape, torch.equal(hidden[-2], out[:, -1, :4]), torch.equal(hidden[-1], out[:, 0, 4:])
(torch.Size([1, 5, 8]), True, True)
"""

import csv
import sys
import unicodedata

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, TensorDataset

from common import DATA, fit, one_cycle, open_text, options, parse, pick_device, plot_history, reading, save

LATIN = str.maketrans("ðÐøØłŁđĐħĦıəƏ‘’ʻʼ–", "dDoOlLdDhHieE''''-")  # what NFKD leaves as it is
LATIN |= str.maketrans({"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "þ": "th", "Þ": "Th"})


def ascii_name(text):
    """Returns a name in ASCII letters, Müller as Muller; "" if that is impossible."""
    parts = unicodedata.normalize("NFKD", text.strip().translate(LATIN))  # ü becomes u and its dots
    name = "".join(character for character in parts if not unicodedata.combining(character))
    return name if name.isascii() and name.isprintable() else ""


def read_names(path):
    """Reads a CSV file of a name and its country in each line, or the .gz of it; returns two lists."""
    names, labels = [], []
    with reading(path), open_text(path) as file:
        rows = csv.reader(file, skipinitialspace=True)
        for row in filter(any, rows):  # without blank lines
            name, label = ascii_name(row[0]), row[-1].strip()
            if len(row) != 2 or not name or not label:
                rule = "a name in Latin letters (Chinese ones in pinyin), a comma and a country"
                raise ValueError(f"line {rows.line_num} must be {rule}")
            names.append(name)
            labels.append(label)
        if not names:
            raise ValueError("it has no names")
    return names, labels


def encode(names):
    """Returns characters N×L, ASCII codes padded with 0 to the longest name's L, and lengths N; both int64."""
    rows = []
    for name in names:
        numbers = list(name.encode())
        rows.append(torch.tensor(numbers))
    lengths = torch.tensor([len(row) for row in rows])
    return pad_sequence(rows, batch_first=True), lengths


class NameGRU(nn.Module):
    """Characters N×L and lengths N → logits N×classes."""

    def __init__(self, classes, hidden_size=100):
        super().__init__()
        self.embedding = nn.Embedding(128, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers=2, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden_size, classes)

    def forward(self, x, lengths):
        lengths = lengths.cpu()  # packing wants them there
        x = self.embedding(x[:, : lengths.max()])  # N×L×100, L now that of the batch's longest name
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)  # names come in any order
        out, hidden = self.gru(packed)  # hidden 4×N×100: each layer forwards and backwards, the top layer last
        both = torch.cat([hidden[-2], hidden[-1]], dim=1)  # N×200
        return self.linear(both)  # N×classes


def plot(path, history, confusion, countries):
    """Draws the history and the confusion matrix: how often names of a country (row) are taken for each (column)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 11), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 3])
    plot_history(top, history)
    axes = bottom.add_subplot(title="confusion matrix", xlabel="taken for", ylabel="country")
    image = axes.imshow(100 * confusion.numpy(), vmin=0, vmax=100, cmap="cividis")
    axes.set_xticks(range(len(countries)), countries, rotation=90, parse_math=False)  # a $ begins no formula
    axes.set_yticks(range(len(countries)), countries, parse_math=False)
    bottom.colorbar(image, label="% of the country's names")
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=100, lr=0.001, batch_size=256, saves=True)
    parser.add_argument("--fast", action="store_true", help="5 epochs: Adam, one-cycle learning rate, smoothed labels")
    files = [DATA / "names_train.csv.gz", DATA / "names_test.csv.gz"]
    parser.add_argument("--csv", nargs=2, default=files, metavar=("TRAIN", "TEST"), help="your own names, also .gz")
    parser.add_argument("--predict", nargs="+", default=[], metavar="NAME", help="names to classify")
    args = parse(parser, fast={"epochs": 5, "lr": 0.005, "batch_size": 128}, load={"epochs": 0})
    if not all(map(ascii_name, args.predict)):
        parser.error("--predict: names in Latin letters, Chinese ones in pinyin")
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_names, train_labels = read_names(args.csv[0])
    test_names, test_labels = read_names(args.csv[1])
    labels = sorted(set(train_labels + test_labels))
    print(f"{len(train_names)} and {len(test_names)} names; {len(labels)} labels: {', '.join(labels)}")
    if args.epochs and len(set(train_labels)) < 2:
        sys.exit(f"{args.csv[0]}: there must be two labels or more; is the label the second column?")

    if args.load:
        with reading(args.load):
            state = torch.load(args.load, map_location="cpu", weights_only=True)
            countries = state["countries"]
            if not set(labels) <= set(countries):
                raise ValueError("it knows other countries than these files: repeat the --csv of its training")
            model = NameGRU(len(countries))
            model.load_state_dict(state["weights"])
    else:
        countries = labels
        model = NameGRU(len(countries))
    model.to(device)

    train_target = torch.tensor([countries.index(label) for label in train_labels])
    test_target = torch.tensor([countries.index(label) for label in test_labels])
    train_set = TensorDataset(*encode(train_names), train_target)
    test_set = TensorDataset(*encode(test_names), test_target)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    if args.fast:
        loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
        optimizer, scheduler = one_cycle(model, args.lr, steps=args.epochs * len(train_loader))
    else:
        loss_fn = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
        scheduler = None

    history = fit(model, train_loader, test_loader, loss_fn, optimizer, scheduler, epochs=args.epochs, device=device)

    if args.save:
        save({"weights": model.state_dict(), "countries": countries}, args.save)

    model.eval()
    with torch.inference_mode():
        for name in args.predict:
            x, lengths = encode([ascii_name(name)])
            logits = model(x.to(device), lengths)
            probability, predicted = logits.softmax(dim=1).max(dim=1)
            print(f"{name}: {countries[predicted]} ({100 * probability.item():.1f} %)")

    if args.plot:
        confusion = torch.zeros(len(countries), len(countries))
        with torch.inference_mode():
            for x, lengths, target in test_loader:
                logits = model(x.to(device), lengths)
                predicted = logits.argmax(dim=1).cpu()
                confusion.index_put_((target, predicted), torch.tensor(1.0), accumulate=True)
        confusion /= confusion.sum(dim=1, keepdim=True).clamp(min=1)  # a country may have no name in the test file
        plot(args.plot, history, confusion, countries)
