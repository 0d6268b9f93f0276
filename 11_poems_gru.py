"""Writes quatrains (绝句) in the style of the Tang dynasty 拓展：作诗 (beyond the lecture).

From the characters so far, a GRU predicts a probability for each possible next one. One is sampled and read in turn,
until the end of the poem is sampled. The rhymes come from a rule, not from the network.
每一步，网络根据已有的字给出下一个字的概率分布，从中采样一个字接在后面，直到采样出结束符；押韵靠一条规则。

    python 11_poems_gru.py --save poems.pt                                test perplexity 92.14 after 7 epochs
    python 11_poems_gru.py --load poems.pt --first 月 --plot next.png
    python 11_poems_gru.py --load poems.pt --acrostic 春夏秋冬 --temperature 0.6
    python 11_poems_gru.py --poems my.txt                                 your own: a poem in each line

Lesson: docs/lessons/11_poems_gru.md, 中文课程: docs/lessons/zh-CN/11_poems_gru.md
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
    load,
    new_figure,
    one_cycle,
    open_text,
    options,
    parse,
    pick_device,
    reading,
    save,
    train_epoch,
)

MARKS = "，。？！"  # punctuation marks that end a line of a poem


def verse(text):
    """A converter for argparse: removes spaces and makes punctuation marks full-width, as in the poems."""
    text = "".join(text.split()).translate(str.maketrans(",.?!", MARKS))
    if text.startswith(tuple(MARKS)) or len(text) > 98:
        raise argparse.ArgumentTypeError("a poem must not begin with a mark or have more than 98 characters")
    return text


def read_poems(path):
    """Reads a text file (or .gz) with one poem per line; returns training poems, and every 14th for testing."""
    with reading(path), open_text(path) as file:
        lines = [line.strip() for line in file if line.strip()]
        poems = [line for line in lines if len(line) < 100]
        if len(poems) < 14:
            raise ValueError("there must be 14 poems or more, one per line, with at most 99 characters each")
    if len(poems) < len(lines):
        print(f"{len(lines) - len(poems)} texts of more than 99 characters are left out")
    train_poems = [poem for number, poem in enumerate(poems, start=1) if number % 14]
    return train_poems, poems[13::14]


def build_vocabulary(poems):
    """Returns the vocabulary: padding, begin and end, □ for the unknown, characters that occur at least twice."""
    counts = Counter("".join(poems)).most_common()
    return ["", "\n", "□"] + [character for character, count in counts if count > 1]


def verses(poem):
    """Splits a poem into lines without marks; the last item is the text after the last mark, often empty."""
    return re.split(f"[{MARKS}]", poem)


def noted_rhymes(poems):
    """Returns a dict from each last character of line 2 to all that ended line 4 with it, and vice versa."""
    rhymes = {}
    for poem in poems:
        lines = verses(poem)
        if len(lines) == 5 and all(lines[:4]):
            second, fourth = lines[1][-1], lines[3][-1]
            rhymes[second] = rhymes.get(second, "") + fourth
            rhymes[fourth] = rhymes.get(fourth, "") + second
    return rhymes


def encode(poems, vocabulary):
    """Returns inputs N×L and targets N×L, the next characters, as positions in the vocabulary; 0 is padding.

    >>> encode(["春眠", "春"], ["", chr(10), "□", "春", "眠"])  # 1, chr(10), begins and ends a poem
    (tensor([[1, 3, 4],
            [1, 3, 1]]), tensor([[3, 4, 1],
            [3, 1, 0]]))
    """
    index = {character: row for row, character in enumerate(vocabulary)}
    rows = []
    for poem in poems:
        numbers = [index.get(character, 2) for character in f"\n{poem}\n"]
        rows.append(torch.tensor(numbers))
    rows = pad_sequence(rows, batch_first=True)
    return rows[:, :-1], rows[:, 1:]


class PoemGRU(nn.Module):
    """Turns characters N×L into logits N×C×L of the next ones; CrossEntropyLoss needs the C classes second."""

    def __init__(self, vocabulary_size):
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.position = nn.Parameter(torch.zeros(100, 256))  # a learned vector per position: the GRU can count
        self.gru = nn.GRU(256, 512, batch_first=True)
        self.linear = nn.Linear(512, 256)
        self.embedding = nn.Embedding(vocabulary_size, 256)
        with torch.no_grad():
            self.embedding.weight.mul_(0.1)  # an Adam step turns a short vector further

    def forward(self, x):
        x = self.embedding(x) + self.position[: x.shape[1]]  # N×L×256
        out, hidden = self.gru(self.dropout(x))  # out N×L×512
        x = self.linear(self.dropout(out))  # N×L×256
        x = self.dropout(x).transpose(1, 2)  # N×256×L
        return self.embedding.weight @ x  # N×C×L: the embedding again (tied weights, Press and Wolf, 2017)


@torch.inference_mode()
def perplexity(model, test_loader, device):
    """Returns exp(mean loss per token): 92 means as hard as choosing among 92 equally likely tokens."""
    model.eval()
    loss, tokens = 0, 0
    for x, target in test_loader:
        x = x.to(device)
        target = target.to(device)
        loss += F.cross_entropy(model(x), target, ignore_index=0, reduction="sum").item()
        tokens += (target != 0).sum().item()
    return torch.tensor(loss / tokens).exp().item()  # inf, where math.exp would raise an error


def rhyme_weights(poem, vocabulary, rhymes):
    """Returns how often each character rhymed with the end of line 2, if line 4 ends with the next one.

    Everywhere else, or if no rhyme is known, the rule does not apply: all weights are 1.
    """
    counts = Counter()
    lines = verses(poem)  # the last line is still being written
    if len(lines) == 4 and len(lines[3]) + 1 == len(lines[1]):
        counts = Counter(rhymes.get(lines[1][-1], ""))
    weights = torch.tensor([counts[character] for character in vocabulary])
    weights[2] = 0  # no unknown character
    return weights if weights.any() else torch.ones(len(vocabulary))


def compose(model, vocabulary, rhymes, starts, temperature, device):
    """Writes a poem: line 1 begins with starts[0], line 2 with starts[1], and so on."""
    waiting = list(starts)
    poem = ""
    while len(poem) < 99:
        if waiting and (not poem or poem[-1] in MARKS):  # a new line begins
            poem += waiting.pop(0)
        else:
            x, target = encode([poem], vocabulary)
            logits = model(x.to(device))[0, :, -1].cpu() / temperature
            logits += rhyme_weights(poem, vocabulary, rhymes).log()
            logits[[0, 2]] = -torch.inf  # no padding, no unknown character
            if waiting or not poem:
                logits[1] = -torch.inf  # the poem must not end yet
            sampled = torch.multinomial(logits.softmax(dim=0), 1)
            if sampled == 1:
                break
            poem += vocabulary[sampled]
    return poem


def plot(path, beginning, vocabulary, logits):
    """Draws the ten characters that are likeliest after a beginning, and all others, at three temperatures."""
    top = logits.topk(min(10, len(vocabulary))).indices
    shown = [{"": "(padding)", "\n": "(end)"}.get(vocabulary[row], vocabulary[row]) for row in top]
    figure = new_figure(9, 4, text="".join(shown))
    figure.suptitle(f"the next character after {beginning}: the warmer, the bolder", parse_math=False)
    panels = figure.subplots(1, 3, sharey=True)
    for axes, temperature in zip(panels, (0.5, 1.0, 1.5), strict=True):
        probabilities = (logits / temperature).softmax(dim=0)[top].tolist()
        axes.barh(range(len(top)), probabilities)
        axes.barh(len(top), 1 - sum(probabilities), color="silver")
        axes.set(title=f"temperature {temperature}", xlabel="probability", xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.set_yticks(range(len(top) + 1), [*shown, f"all other {len(vocabulary) - len(top)}"], parse_math=False)
    axes.invert_yaxis()
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=7, lr=0.005, batch_size=64, saves=True)
    parser.add_argument("--poems", default=DATA / "poems.txt.gz", help="your own texts, one per line (%(default)s)")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--first", type=verse, default="", metavar="月", help="start of each poem (default: sampled)")
    given.add_argument("--acrostic", type=verse, default="", metavar="春夏秋冬", help="藏头诗 acrostic (default: none)")
    parser.add_argument("--temperature", type=at_least(0.01), default=0.8, help="higher: bolder (default: %(default)s)")
    parser.add_argument("--count", type=at_least(1), default=3, help="how many poems (default: %(default)s)")
    args = parse(parser, load={"epochs": 0})
    starts = list("".join(verses(args.acrostic))) or [args.first]
    if len(starts) > 12:
        parser.error("--acrostic: a poem has 99 characters at most, so at most 12 lines")
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_poems, test_poems = read_poems(args.poems)

    if args.load:
        with reading(args.load):
            state = load(args.load)
            vocabulary = state["characters"]
            rhymes = state["rhymes"]
            weights = state["weights"]
    else:
        vocabulary = build_vocabulary(train_poems)
        rhymes = noted_rhymes(train_poems)
    model = PoemGRU(len(vocabulary))
    if args.load:
        with reading(args.load):
            model.load_state_dict(weights)
    model.to(device)
    print(f"{len(train_poems)} and {len(test_poems)} texts; {len(vocabulary) - 3} characters")
    if not rhymes:
        print("hint: no text has four lines that end in ，。？！; rhymes and --acrostic need them")

    train_set = TensorDataset(*encode(train_poems, vocabulary))
    test_set = TensorDataset(*encode(test_poems, vocabulary))
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    loss_fn = nn.CrossEntropyLoss(ignore_index=0)  # ignores padding
    optimizer, scheduler = one_cycle(model, args.lr, steps=args.epochs * len(train_loader), betas=(0.9, 0.999))

    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C stops the training, not the program
        for epoch in range(1, args.epochs + 1):
            start = time.perf_counter()
            losses = train_epoch(model, counted(train_loader), loss_fn, optimizer, device, scheduler)
            test_perplexity = perplexity(model, test_loader, device)
            if not math.isfinite(sum(losses) + test_perplexity):
                sys.exit("the loss is nan or infinite: try a lower --lr")
            measured = f"loss {sum(losses) / len(losses):.4f}  test perplexity {test_perplexity:.2f}"
            print(f"epoch {epoch:2}/{args.epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
            if args.save:  # an epoch takes a minute: save each
                save({"weights": model.state_dict(), "characters": vocabulary, "rhymes": rhymes}, args.save)
    if args.save:  # after Ctrl-C, or if the weights were only loaded
        save({"weights": model.state_dict(), "characters": vocabulary, "rhymes": rhymes}, args.save)

    beginnings = "".join(starts).encode(errors="replace")
    torch.manual_seed(args.seed + zlib.crc32(beginnings))  # a different beginning gives different draws
    model.eval()
    with torch.inference_mode():
        for _ in range(args.count):
            poem = compose(model, vocabulary, rhymes, starts, args.temperature, device)
            print(re.sub("([。？！])(?=.)", r"\1\n", poem), end="\n\n" if rhymes else "\n")

    if args.plot:
        beginning = args.first or "明"
        x, target = encode([beginning], vocabulary)
        with torch.inference_mode():
            logits = model(x.to(device))[0, :, -1].cpu()
        plot(args.plot, beginning, vocabulary, logits)
