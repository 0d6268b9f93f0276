"""Poems 拓展：作诗: a GRU writes quatrains (绝句) in the style of the Tang dynasty, one character after the other.

You give the first character. From the characters so far, the network gives the probability of each to be the next; one
is sampled and fed back in, until the end comes up. A higher temperature samples unlikely characters more often.

第一个字由你给定，此后每一步，网络根据已有的字给出下一个字的概率分布，从中采样一个接在后面，直到采样到结束符。
要点：诗的字数、句数几乎全对，也有几分意境，却言之无物；温度（--temperature）越高，用字越大胆，也越容易不通。

    python 11_poems_gru.py --save poems.pt
    python 11_poems_gru.py --load poems.pt --first 月
    python 11_poems_gru.py --load poems.pt --acrostic 春夏秋冬 --temperature 0.6

Test perplexity 85.27; 199 of 200 poems have the right form, none a line of the training poems. (Seed 0, torch 2.14.1)
"""

import math
import sys
import time
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn

from common import (
    DATA,
    at_least,
    batches,
    load_weights,
    one_cycle,
    open_text,
    options,
    parse,
    read_weights,
    save_weights,
    train_epoch,
)


def read_poems(path):
    """Reads a text file of one poem in each line, or the .gz of it; returns those for training, and every 14th."""
    poems = []
    for number, line in enumerate(open_text(path), start=1):
        poem = line.strip()
        if len(poem) > 99:
            sys.exit(f"{path}, line {number}: a poem may have 99 characters, and this one has {len(poem)}")
        if poem:
            poems.append(poem)
    if len(poems) < 14:
        sys.exit(f"{path}: it must have 14 poems or more, one in each line; it has {len(poems)}")
    train_poems = [poem for number, poem in enumerate(poems, start=1) if number % 14]
    return train_poems, poems[13::14]


def encode(poems, characters):
    """Returns inputs N×L and targets N×L, the next characters, as rows of `characters`; padding to the longest is 0."""
    index = {character: row for row, character in enumerate(characters)}
    rows = []
    for poem in poems:
        rows.append(torch.tensor([index.get(character, 2) for character in f"{poem}\n"]))
    rows = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return rows[:, :-1], rows[:, 1:]  # the last input is the character before the end


class PoemGRU(nn.Module):
    """Characters N×L → logits N×C×L of the next ones: for a sequence, CrossEntropyLoss wants the classes second."""

    def __init__(self, characters):
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.position = nn.Parameter(torch.zeros(100, 256))  # learned, a vector for each place: it lets the GRU count
        self.gru = nn.GRU(256, 512, batch_first=True)
        self.linear = nn.Linear(512, 256)
        self.embedding = nn.Embedding(characters, 256)
        self.embedding.weight.data *= 0.1

    def forward(self, x):
        x = self.embedding(x) + self.position[: x.shape[1]]  # N×L×256
        x, hidden = self.gru(self.dropout(x))  # N×L×512
        x = self.linear(self.dropout(x))  # N×L×256
        x = self.dropout(x).transpose(1, 2)  # N×256×L
        return self.embedding.weight @ x  # N×C×L: the embedding once more, Press and Wolf (2017)


@torch.inference_mode()
def perplexity(model, test_batches, device):
    """Returns e to the mean loss of a token after the first: as hard as a choice among so many, all equally likely."""
    model.eval()
    loss, tokens = 0, 0
    for inputs, target in test_batches:
        inputs, target = inputs.to(device), target.to(device)
        loss += F.cross_entropy(model(inputs), target, ignore_index=0, reduction="sum")
        tokens += (target != 0).sum()
    return (loss / tokens).exp().item()


@torch.inference_mode()
def compose(model, characters, starts, temperature, device):
    """Returns a poem and its end. Its first lines begin with the texts of the list `starts`."""
    poem, *waiting = starts
    while not poem.endswith("\n") and len(poem) < 100:
        if waiting and poem[-1] in "，。":
            poem += waiting.pop(0)
            continue
        inputs, _ = encode([poem], characters)
        logits = model(inputs.to(device))[0, :, -1].cpu() / temperature
        logits[0] = -torch.inf  # no padding
        logits[2] = -torch.inf  # no unknown character
        if waiting:
            logits[1] = -torch.inf  # no end before the last line has begun
        row = torch.multinomial(logits.softmax(dim=0), 1)
        poem += characters[row]
    return poem


if __name__ == "__main__":
    parser = options(__doc__, epochs=7, lr=0.005, batch_size=64, plot=False, saves=True)
    parser.add_argument("--poems", default=DATA / "poems.txt.gz", help="one a line, with ，。 (%(default)s)")
    parser.add_argument("--first", default="", metavar="月", help="how each poem begins (frequent characters)")
    parser.add_argument("--acrostic", default="", metavar="春夏秋冬", help="藏头诗: the lines' first characters (none)")
    parser.add_argument("--temperature", type=at_least(float, 0.01), default=0.8, help="higher is bolder (%(default)s)")
    parser.add_argument("--count", type=at_least(int, 1), default=3, help="how many poems (%(default)s)")
    args = parse(parser)
    device = args.device
    torch.manual_seed(args.seed)

    if args.load is None:
        train_poems, test_poems = read_poems(args.poems)
        counts = Counter("".join(train_poems)).most_common()
        characters = [" ", "\n", "□"]  # padding, end, unknown: 0, 1, 2
        characters += [character for character, count in counts if count > 1]
    else:
        state = read_weights(args.load, characters=list)
        characters = state.pop("characters")
        if args.epochs:
            train_poems, test_poems = read_poems(args.poems)
    unknown = "".join(character for character in args.first + args.acrostic if character not in characters[3:])
    if unknown or len(args.acrostic) > 4:
        parser.error(f"--first, --acrostic: unknown, traditional, or more than four: {unknown or args.acrostic}")

    model = PoemGRU(len(characters))
    if args.load is not None:
        load_weights(model, state, args.load)
    model.to(device)

    if args.epochs:
        train_batches = batches(*encode(train_poems, characters), batch_size=args.batch_size, shuffle=True)
        test_batches = batches(*encode(test_poems, characters), batch_size=250)
        loss_fn = nn.CrossEntropyLoss(ignore_index=0)
        optimizer, scheduler = one_cycle(model, args.lr, args.epochs * len(train_batches), betas=(0.9, 0.999))

    width = len(str(args.epochs))
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        losses = train_epoch(model, train_batches, loss_fn, optimizer, device, scheduler)
        test_perplexity = perplexity(model, test_batches, device)
        loss = losses.mean().item()
        if not math.isfinite(loss + test_perplexity):
            sys.exit(f"epoch {epoch}: the loss is nan or infinite; the gradients exploded: try a lower --lr")
        measured = f"loss {loss:.4f}  test perplexity {test_perplexity:.2f}"
        seconds = time.perf_counter() - start
        print(f"epoch {epoch:{width}}/{args.epochs}  {measured}  {seconds:.1f} s", flush=True)
        if args.save:
            save_weights(args.save, model.state_dict() | {"characters": characters})

    model.eval()
    torch.manual_seed(args.seed)  # the same poems from a network just trained and from its file
    for number in range(args.count):
        frequent = characters[min(5 + number % 20, len(characters) - 1)]
        starts = list(args.acrostic) or [args.first or frequent]
        poem = compose(model, characters, starts, args.temperature, device)
        print(poem.strip().replace("。", "。\n"))
