"""Poems 拓展：作诗: a GRU writes quatrains (绝句) in the style of the Tang dynasty, one character after the other.

From the characters so far, the network gives the probability of each to be the next; one is sampled and fed back in,
until the end comes up. Rhymes it did not learn. They come from a rule: line 4 must end in a character that stood at
this place together with the end of line 2 in a training poem, or the other way round; the more often, the likelier.

每一步，网络根据已有的字给出下一个字的概率分布，从中采样一个接在后面，直到采样到结束符；诗的开头可以由你给定。
要点：诗的字数、句数几乎全对，平仄也学到不少；押韵不是网络学会的，而是靠一条规则：第四句的末字，只能取训练诗里和第二句
末字配过对的字。

    python 11_poems_gru.py --save poems.pt
    python 11_poems_gru.py --load poems.pt --first 月 --plot next.png
    python 11_poems_gru.py --load poems.pt --acrostic 春夏秋冬 --temperature 0.6

Test perplexity 92.14. Of 360 poems 98.6 % have the right form, and 83.1 % rhyme (real ones 84.5 %; without the rule
13.2 %, about what chance gives). The tones (平仄) it has learned by itself: characters 2 and 4, in long lines also 6,
alternate in 78.7 % of the lines (real poems 74.7 %, their characters shuffled 31.6 %; in the Mandarin of today). (Seed
0, torch 2.14.1, about a minute an epoch)

Before running 先猜再跑: how many of 100 poems rhyme without the rule? Leave out the line with rhyme_weights() in
compose(), and look at the ends of lines 2 and 4: --load poems.pt --count 20

Worked examples 例子, run by `python -m doctest 11_poems_gru.py`

The temperature divides the logits before softmax. Three characters, twice as likely each as the next: at 1 the logits
give these probabilities, below 1 the likeliest gains, far above 1 all are nearly alike 温度越高，概率越平均:

>>> logits = torch.tensor([4.0, 2.0, 1.0]).log()
>>> for temperature in (1, 0.5, 100):
...     print((logits / temperature).softmax(dim=0))
tensor([0.5714, 0.2857, 0.1429])
tensor([0.7619, 0.1905, 0.0476])
tensor([0.3356, 0.3333, 0.3310])

What goes in, and what must come out: the same characters, one place later. 1 is a line break, chr(10), and begins and
ends a poem; 0 is padding, which the loss leaves out 目标就是输入错开一个字:

>>> x, target = encode(["春眠", "春"], ["", chr(10), "□", "春", "眠"])
>>> x
tensor([[1, 3, 4],
        [1, 3, 1]])
>>> target
tensor([[3, 4, 1],
        [3, 1, 0]])
"""

import argparse
import contextlib
import math
import re
import sys
import time
import zlib
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, TensorDataset

from common import (
    DATA,
    at_least,
    counted,
    one_cycle,
    open_text,
    options,
    parse,
    pick_device,
    reading,
    save,
    train_epoch,
)

MARKS = "，。？！"  # each ends a line of verse


def verse(text):
    """A converter for argparse: a text without blanks and with full-width marks, as the poems are written."""
    text = "".join(text.split()).translate(str.maketrans(",.?!", MARKS))
    if text.startswith(tuple(MARKS)) or len(text) > 98:
        raise argparse.ArgumentTypeError("no poem begins with a mark or has more than 98 characters")
    return text


def read_poems(path):
    """Reads a text file of one poem in each line, or the .gz of it; returns those for training, and every 14th."""
    with reading(path), open_text(path) as file:
        lines = [line.strip() for line in file if line.strip()]
        poems = [line for line in lines if len(line) < 100]
        if len(poems) < 14:
            raise ValueError("there must be 14 poems or more, one in each line, of 99 characters at most")
    if len(poems) < len(lines):
        print(f"{len(lines) - len(poems)} texts of more than 99 characters are left out")
    train_poems = [poem for number, poem in enumerate(poems, start=1) if number % 14]
    return train_poems, poems[13::14]


def dictionary(poems):
    """Returns padding, the sign that begins and ends a poem, □ for the unknown, and what occurs twice or more."""
    counts = Counter("".join(poems)).most_common()
    return ["", "\n", "□"] + [character for character, count in counts if count > 1]


def verses(poem):
    """Returns the lines of a poem without the marks; the last one is what comes after the last mark, often nothing."""
    return re.split(f"[{MARKS}]", poem)


def noted_rhymes(poems):
    """Returns a dict: for the last character of line 2 all that ended line 4 of the same poem, and the reverse."""
    rhymes = {}
    for poem in poems:
        lines = verses(poem)
        if len(lines) == 5 and all(lines[:4]):
            second, fourth = lines[1][-1], lines[3][-1]
            rhymes[second] = rhymes.get(second, "") + fourth
            rhymes[fourth] = rhymes.get(fourth, "") + second
    return rhymes


def encode(poems, characters):
    """Returns inputs N×L and targets N×L, the next characters, as rows of `characters`; both padded with 0."""
    index = {character: row for row, character in enumerate(characters)}
    rows = []
    for poem in poems:
        numbers = [index.get(character, 2) for character in f"\n{poem}\n"]
        rows.append(torch.tensor(numbers))
    rows = pad_sequence(rows, batch_first=True)
    return rows[:, :-1], rows[:, 1:]


class PoemGRU(nn.Module):
    """Characters N×L → logits N×C×L of the next ones: for a sequence, CrossEntropyLoss wants the classes second."""

    def __init__(self, characters):
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.position = nn.Parameter(torch.zeros(100, 256))  # learned, a vector for each place: it lets the GRU count
        self.gru = nn.GRU(256, 512, batch_first=True)
        self.linear = nn.Linear(512, 256)
        self.embedding = nn.Embedding(characters, 256)
        with torch.no_grad():
            self.embedding.weight.mul_(0.1)  # a step of Adam turns a short vector further

    def forward(self, x):
        x = self.embedding(x) + self.position[: x.shape[1]]  # N×L×256
        out, hidden = self.gru(self.dropout(x))  # out N×L×512
        x = self.linear(self.dropout(out))  # N×L×256
        x = self.dropout(x).transpose(1, 2)  # N×256×L
        return self.embedding.weight @ x  # N×C×L: the embedding once more, Press and Wolf (2017)


@torch.inference_mode()
def perplexity(model, test_loader, device):
    """Returns e to the mean loss of a token: as hard as a choice among so many, all equally likely."""
    model.eval()
    loss, tokens = 0, 0
    for x, target in test_loader:
        x = x.to(device)
        target = target.to(device)
        loss += F.cross_entropy(model(x), target, ignore_index=0, reduction="sum").item()
        tokens += (target != 0).sum().item()
    return torch.tensor(loss / tokens).exp().item()  # infinite where math.exp would raise an error


def rhyme_weights(poem, characters, rhymes):
    """Returns how often each of `characters` rhymed with the end of line 2, if the last one of line 4 comes next.

    Elsewhere, and where nothing was noted, there is no rule: all weights are 1.
    """
    counts = Counter()
    lines = verses(poem)  # the last one is being written
    if len(lines) == 4 and len(lines[3]) + 1 == len(lines[1]):
        counts = Counter(rhymes.get(lines[1][-1], ""))
    weights = torch.tensor([counts[character] for character in characters])
    weights[2] = 0  # no unknown character
    return weights if weights.any() else torch.ones(len(characters))


def compose(model, characters, rhymes, starts, temperature, device):
    """Returns a poem. Its first lines begin with the texts of the list `starts`."""
    waiting = list(starts)
    poem = ""
    while len(poem) < 99:
        if waiting and (not poem or poem[-1] in MARKS):  # a line begins
            poem += waiting.pop(0)
        else:
            x, target = encode([poem], characters)
            logits = model(x.to(device))[0, :, -1].cpu() / temperature
            logits += rhyme_weights(poem, characters, rhymes).log()
            logits[[0, 2]] = -torch.inf  # no padding, no unknown character
            if waiting or not poem:
                logits[1] = -torch.inf  # no end yet
            sampled = torch.multinomial(logits.softmax(dim=0), 1)
            if sampled == 1:
                break
            poem += characters[sampled]
    return poem


def plot(path, beginning, characters, logits):
    """Draws the ten characters that are likeliest after a beginning, at three temperatures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    figure.suptitle(f"the next character after {beginning}", parse_math=False)
    top = logits.topk(min(10, len(characters))).indices
    shown = [{"": "-", "\n": "(end)"}.get(characters[row], characters[row]) for row in top]
    panels = figure.subplots(1, 3, sharey=True)
    for axes, temperature in zip(panels, (0.5, 1.0, 1.5), strict=True):
        axes.set_title(f"temperature {temperature}")
        axes.bar(range(len(top)), (logits / temperature).softmax(dim=0)[top].numpy())
        axes.set_xticks(range(len(top)), shown, parse_math=False)
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=7, lr=0.005, batch_size=64, saves=True)
    parser.add_argument("--poems", default=DATA / "poems.txt.gz", help="your own texts, one a line (%(default)s)")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--first", type=verse, default="", metavar="月", help="how each poem begins (sampled)")
    given.add_argument("--acrostic", type=verse, default="", metavar="春夏秋冬", help="藏头诗 (none)")
    parser.add_argument("--temperature", type=at_least(0.01), default=0.8, help="higher is bolder (%(default)s)")
    parser.add_argument("--count", type=at_least(1), default=3, help="how many poems (%(default)s)")
    args = parse(parser, load={"epochs": 0})
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_poems, test_poems = read_poems(args.poems)

    if args.load:
        with reading(args.load):
            state = torch.load(args.load, map_location="cpu", weights_only=True)
            characters = state["characters"]
            rhymes = state["rhymes"]
            model = PoemGRU(len(characters))
            model.load_state_dict(state["weights"])
    else:
        characters = dictionary(train_poems)
        rhymes = noted_rhymes(train_poems)
        model = PoemGRU(len(characters))
    model.to(device)
    print(f"{len(train_poems)} and {len(test_poems)} texts; {len(characters) - 3} characters")
    if not rhymes:
        print("hint: no text has four lines that end in ，。？！; rhymes and --acrostic need them")

    train_set = TensorDataset(*encode(train_poems, characters))
    test_set = TensorDataset(*encode(test_poems, characters))
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    loss_fn = nn.CrossEntropyLoss(ignore_index=0)  # padding does not count
    optimizer, scheduler = one_cycle(model, args.lr, steps=args.epochs * len(train_loader), betas=(0.9, 0.999))

    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends the training, not the program
        for epoch in range(1, args.epochs + 1):
            start = time.perf_counter()
            losses = train_epoch(model, counted(train_loader), loss_fn, optimizer, device, scheduler)
            test_perplexity = perplexity(model, test_loader, device)
            if not math.isfinite(sum(losses) + test_perplexity):
                sys.exit("the loss is nan or infinite: try a lower --lr")
            measured = f"loss {sum(losses) / len(losses):.4f}  test perplexity {test_perplexity:.2f}"
            print(f"epoch {epoch:2}/{args.epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
            if args.save:  # an epoch is about a minute: none of them is lost
                save({"weights": model.state_dict(), "characters": characters, "rhymes": rhymes}, args.save)

    starts = list("".join(verses(args.acrostic))) or [args.first]
    beginnings = "".join(starts).encode(errors="replace")
    torch.manual_seed(args.seed + zlib.crc32(beginnings))  # another beginning, other draws
    model.eval()
    with torch.inference_mode():
        for _ in range(args.count):
            poem = compose(model, characters, rhymes, starts, args.temperature, device)
            print(re.sub("([。？！])(?=.)", r"\1\n", poem), end="\n\n" if rhymes else "\n")

    if args.plot:
        beginning = args.first or "明"
        x, target = encode([beginning], characters)
        with torch.inference_mode():
            logits = model(x.to(device))[0, :, -1].cpu()
        plot(args.plot, beginning, characters, logits)
