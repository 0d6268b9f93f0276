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

import gzip
import time
from collections import Counter

import torch
from torch import nn

import common
from common import at_least, batches, fail, load_weights, one_cycle, options, pick_device, report, train_epoch, write


def read_poems(path):
    """Reads a text file of one poem in each line, or the .gz of it; returns those for training, and every 14th."""
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8-sig") as file:
            poems = [poem for poem in map(str.strip, file) if poem]
        if len(poems) < 14 or max(map(len, poems)) > 99:
            raise ValueError(f"it has {len(poems)}")
    except Exception as error:  # no file, no gzip, no text, …
        fail(f"{path}: each line must be a poem of at most 99 characters, 14 poems at least: {error}")
    return [poem for row, poem in enumerate(poems, start=1) if row % 14], poems[13::14]


def encode(poems, characters, device):
    """Returns inputs N×L and targets N×L, the next characters, as rows of `characters`; padding to the longest is 0."""
    index = {character: row for row, character in enumerate(characters)}
    rows = [torch.tensor([index.get(character, 2) for character in f"{poem}\n"]) for poem in poems]
    rows = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
    return rows[:, :-1], rows[:, 1:]  # the last input is the character before the end


class PoemGRU(nn.Module):
    """Characters N×L → logits N×C×L of the next ones: for a sequence, CrossEntropyLoss wants the classes second."""

    def __init__(self, characters):
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.position = nn.Parameter(torch.zeros(100, 256))  # learned, a vector for each place: it lets the GRU count
        self.gru = nn.GRU(256, 512, batch_first=True)
        self.linear = nn.Linear(512, 256)
        self.set_extra_state(characters)

    def forward(self, x):
        x = self.dropout(self.embedding(x) + self.position[: x.shape[1]])  # N×L×256
        x = self.dropout(self.gru(x)[0])  # N×L×512
        x = self.dropout(self.linear(x)).transpose(1, 2)  # N×256×L
        return self.embedding.weight @ x  # N×C×L: the embedding once more, Press and Wolf (2017)

    def get_extra_state(self):  # goes into the state_dict: without the characters the outputs mean nothing
        return self.characters

    def set_extra_state(self, characters):  # called on loading, before the layers' own weights are copied in
        self.characters = characters
        self.embedding = nn.Embedding.from_pretrained(0.1 * torch.randn(len(characters), 256), freeze=False)


@torch.inference_mode()
def perplexity(model, test_batches):
    """Returns e to the mean loss of a token after the first: as hard as a choice among so many, all equally likely."""
    model.eval()
    loss, tokens = 0, 0
    for characters, target in test_batches:
        loss += nn.functional.cross_entropy(model(characters), target, ignore_index=0, reduction="sum")
        tokens += (target != 0).sum()
    return (loss / tokens).exp().item()


def compose(model, starts, temperature, device, poem=""):
    """Returns a poem and its end. Its first lines begin with the texts of the list `starts`."""
    while not poem.endswith("\n") and len(poem) < 100:
        if starts and poem[-1:] in "，。":  # before the first character, too: "" is in every text
            poem, starts = poem + starts[0], starts[1:]
        else:
            logits = model(encode([poem], model.characters, device)[0])[0, :, -1].cpu() / temperature
            logits[[0, 1, 2] if starts else [0, 2]] = -torch.inf  # no padding, no unknown one, no end too early
            poem += model.characters[torch.multinomial(logits.softmax(dim=0), 1)]
    return poem


def plot(path, model):
    """Draws the eight most frequent characters, each with the 20 whose vectors are nearest (by the cosine)."""
    from matplotlib import font_manager, pyplot

    vectors = nn.functional.normalize(model.embedding.weight[5:].detach().cpu())
    nearest = (vectors[:8] @ vectors.T).argsort(descending=True)[:, :21] + 5  # the first is the character itself
    text = "\n".join("".join(model.characters[row] for row in rows) for rows in nearest)
    fonts = {"Noto Sans CJK SC", "Noto Sans CJK JP", "SimHei", "Microsoft YaHei"} & {*font_manager.get_font_names()}
    pyplot.figtext(0, 0, text if fonts else "Install the font Noto Sans CJK.", family=[*fonts] or None, size=20)
    write(path, lambda part: pyplot.savefig(part, bbox_inches="tight"))


def main():
    parser = options(__doc__, epochs=7, lr=0.005, batch_size=64, saves=True)
    parser.add_argument("--poems", default=f"{common.DATA}/poems.txt.gz", help="one a line, with ，。 (%(default)s)")
    parser.add_argument("--first", default="", metavar="月", help="how each poem begins (frequent characters)")
    parser.add_argument("--acrostic", default="", metavar="春夏秋冬", help="藏头诗: the lines' first characters (none)")
    parser.add_argument("--temperature", type=at_least(float, 0.01), default=0.8, help="higher is bolder (%(default)s)")
    parser.add_argument("--count", type=at_least(int, 1), default=3, help="how many poems (%(default)s)")
    args = parser.parse_args()
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_poems, test_poems = read_poems(args.poems) if args.epochs else ([], [])
    counts = Counter("".join(train_poems)).most_common()
    model = PoemGRU(" \n□" + "".join(key for key, count in counts if count > 1))  # padding, end, unknown: 0, 1, 2
    if args.load is not None:
        load_weights(model, args.load)
    characters = model.to(device).eval().characters
    unknown = "".join(key for key in args.first + args.acrostic if key not in characters[3:])
    if unknown or len(args.acrostic) > 4:
        fail(f"argument --first, --acrostic: unknown, traditional, or more than four: {unknown or args.acrostic}")
    if args.epochs:
        train_batches = batches(*encode(train_poems, characters, device), batch_size=args.batch_size, shuffle=True)
        test_batches = batches(*encode(test_poems, characters, device), batch_size=250)
        loss_fn = nn.CrossEntropyLoss(ignore_index=0)
        optimizer, scheduler = one_cycle(model, args.lr, args.epochs * len(train_batches), betas=(0.9, 0.999))
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        loss = train_epoch(model, train_batches, loss_fn, optimizer, scheduler).mean().item()
        test_perplexity = perplexity(model, test_batches)
        measured = f"  test perplexity {test_perplexity:.2f}  {time.perf_counter() - start:.1f} s"
        report(epoch, args.epochs, loss, measured, test_perplexity)
        if args.save:
            write(args.save, lambda part: torch.save(model.state_dict(), part))

    if args.plot:
        plot(args.plot, model)
    torch.manual_seed(args.seed)  # the same poems from a network just trained and from its file
    for row in range(args.count):
        starts = list(args.acrostic) or [args.first or characters[min(5 + row % 20, len(characters) - 1)]]
        print(compose(model, starts, args.temperature, device).strip().replace("。", "。\n"))


if __name__ == "__main__":
    main()
