"""Turns "hello" into "ohlol", letter by letter, with recurrent networks 循环神经网络 (lecture 12).

A recurrent network reads one letter at a time and keeps a hidden state. So the two l's of hello can get two different
answers. Five networks are trained, from a single cell to a GRU.
循环神经网络逐个读入字母，并把隐藏状态传给下一步，所以 hello 里的两个 l 可以得到不同的输出。

    python 08_rnn_hello.py --plot hello.png              all five spell ohlol, with the default seed 2
    python 08_rnn_hello.py --model lstm --lr 0.1         one network, another learning rate

Lesson: docs/lessons/08_rnn_hello.md, 中文课程: docs/lessons/zh-CN/08_rnn_hello.md
"""

import torch
import torch.nn.functional as F
from torch import nn

from common import at_least, new_figure, options, parse, pick_device

SOURCE, TARGET = "hello", "ohlol"  # any two words of the same length; the rest adapts
LETTERS = sorted(set(SOURCE + TARGET))  # the vocabulary: e h l o
SIZE = len(LETTERS)


class CellModel(nn.Module):
    """Turns L letters into L×4 logits, with one-hot vectors, an RNNCell and a loop over the letters."""

    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(input_size=SIZE, hidden_size=SIZE)

    def forward(self, letters):
        hidden = torch.zeros(1, SIZE, device=letters.device)
        outputs = []
        for x in F.one_hot(letters, SIZE).float():  # 4
            hidden = self.cell(x.unsqueeze(0), hidden)  # 1×4
            outputs.append(hidden)  # the logits, too: tanh keeps them from -1 to 1, so the loss stays above 0.34
        return torch.cat(outputs)  # L×4


class RNNModel(nn.Module):
    """Turns L letters into L×4 logits, with one-hot vectors and an RNN."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(input_size=SIZE, hidden_size=SIZE)

    def forward(self, letters):
        x = F.one_hot(letters, SIZE).float().unsqueeze(1)  # L×1×4
        out, hidden = self.rnn(x)  # L×1×4, 1×1×4
        return out.squeeze(1)  # L×4


class EmbeddingModel(nn.Module):
    """Turns L letters into L×4 logits, with an embedding, two layers of RNN, LSTM or GRU, and a linear layer."""

    def __init__(self, recurrent=nn.RNN):
        super().__init__()
        self.embedding = nn.Embedding(SIZE, 10)
        self.recurrent = recurrent(input_size=10, hidden_size=8, num_layers=2, batch_first=True)
        self.linear = nn.Linear(8, SIZE)

    def forward(self, letters):
        x = self.embedding(letters.unsqueeze(0))  # 1×L×10
        out, hidden = self.recurrent(x)  # 1×L×8
        return self.linear(out).squeeze(0)  # L×4


MODELS = {
    "cell": CellModel,
    "rnn": RNNModel,
    "embedding": EmbeddingModel,
    "lstm": lambda: EmbeddingModel(nn.LSTM),
    "gru": lambda: EmbeddingModel(nn.GRU),
}


def plot(path, hidden, probabilities):
    """Draws each network's hidden state after each letter, and below it the probabilities of the letters to answer."""
    columns = len(probabilities)
    figure = new_figure(max(4, 1.2 + 1.75 * columns), 5)
    read = list(SOURCE)
    for place, letter in enumerate(SOURCE):
        if SOURCE.count(letter) > 1:
            read[place] += chr(0x2081 + SOURCE[:place].count(letter))  # ₁, ₂, …
    axes = figure.subplots(2, columns, squeeze=False)
    for column, name in enumerate(probabilities):
        top, bottom = axes[:, column]
        top.set(title=name, yticks=[])
        states = top.imshow(hidden[name].T.numpy(), vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto")
        answers = bottom.imshow(probabilities[name].T.numpy(), vmin=0, vmax=1, cmap="cividis", aspect="auto")
        bottom.plot([LETTERS.index(letter) for letter in TARGET], "wo", markersize=9, markeredgecolor="black")
        bottom.set_xlabel("letter read")
        bottom.set_yticks(range(SIZE), LETTERS)
        for axis in (top, bottom):
            axis.set_xticks(range(len(SOURCE)), read)
    figure.suptitle("A letter read twice leaves two hidden states,\nso it can get two answers")
    axes[0, 0].set_ylabel("hidden state")
    axes[1, 0].set_ylabel("letter answered (wanted: ○)")
    figure.colorbar(states, ax=axes[0])
    figure.colorbar(answers, ax=axes[1], label="probability")
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=15, seed=2)
    parser.add_argument("--model", choices=[*MODELS, "all"], default="all", help="which network (default: %(default)s)")
    parser.add_argument("--lr", type=at_least(1e-9), help="learning rate (default: 0.1 for cell, else 0.05)")
    args = parse(parser)
    device = pick_device(args.device)

    letters = torch.tensor([LETTERS.index(letter) for letter in SOURCE], device=device)
    target = torch.tensor([LETTERS.index(letter) for letter in TARGET], device=device)

    loss_fn = nn.CrossEntropyLoss()
    models, predicted = {}, {}
    for name in MODELS if args.model == "all" else [args.model]:
        torch.manual_seed(args.seed)
        model = MODELS[name]().to(device)
        lr = 0.1 if name == "cell" else 0.05
        optimizer = torch.optim.Adam(model.parameters(), lr=args.lr or lr)
        for epoch in range(1, args.epochs + 1):
            logits = model(letters)
            loss = loss_fn(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            word = "".join(LETTERS[index] for index in logits.argmax(dim=1))
            print(f"epoch {epoch}/{args.epochs}  loss {loss.item():.4f}  {word}  {name}")
        models[name] = model
        predicted[name] = word

    answers = "  ".join(f"{name} {word}" for name, word in predicted.items())
    print(f"{SOURCE} → {answers}")

    if args.plot:
        hidden, probabilities = {}, {}
        for name, model in models.items():
            model.eval()
            with torch.inference_mode():
                logits = model(letters).cpu()
                hidden[name] = logits  # of cell and rnn; the others have a linear layer behind it
                if isinstance(model, EmbeddingModel):
                    out, _ = model.recurrent(model.embedding(letters))
                    hidden[name] = out.cpu()
            probabilities[name] = logits.softmax(dim=1)
        plot(args.plot, hidden, probabilities)
