"""Logistic regression 逻辑回归: a linear layer, the sigmoid, and binary cross-entropy.

Students who studied 1 or 2 hours failed; the one who studied 3 passed. The network learns the probability of passing.

用 sigmoid 把线性层的输出变成概率，用二元交叉熵衡量预测的好坏。
要点：文章的 100 个 epoch 远远不够；训练 10,000 个 epoch 后，学习 4 小时的通过概率才接近 1。

    python 02_logistic.py
    python 02_logistic.py --epochs 10000 --plot probability.png

The article's 100 epochs are only a start: more hours then still make passing less likely, with a probability of 0.45
after 4 hours. After 10,000 epochs it is 0.998. (Seed 0, torch 2.14.1.)

The sigmoid maps any number to a probability. Binary cross-entropy -[y·log(p) + (1 - y)·log(1 - p)] is small where the
probability of what happened is large.

>>> p = torch.sigmoid(torch.tensor([-2.0, 0.0, 2.0]))
>>> p
tensor([0.1192, 0.5000, 0.8808])
>>> y = torch.tensor([0.0, 1.0, 1.0])
>>> -(y * p.log() + (1 - y) * (1 - p).log())
tensor([0.1269, 0.6931, 0.1269])
>>> nn.BCELoss(reduction="none")(p, y)
tensor([0.1269, 0.6931, 0.1269])

The sigmoid's derivative is a bell-shaped curve, at most 1/4 high: many sigmoids in a row leave little of a gradient.

>>> x = torch.linspace(-6, 6, 5, requires_grad=True)
>>> torch.sigmoid(x).sum().backward()  # the sum's gradient has the derivative at every point
>>> x.grad
tensor([0.0025, 0.0452, 0.2500, 0.0452, 0.0025])

A ReLU in the sigmoid's place can give a p of 0 or above 1. BCELoss cuts the logarithm off at -100, so p = 0 for one who
passed costs 100, not infinity. A p above 1 is an error.

>>> loss_fn, passed = nn.BCELoss(), torch.tensor([1.0])
>>> loss_fn(torch.tensor([0.0]), passed)
tensor(100.)
>>> loss_fn(torch.tensor([1.5]), passed)
Traceback (most recent call last):
RuntimeError: all elements of input should be between 0 and 1
"""

import torch
from torch import nn

from common import options, parse


class LogisticRegression(nn.Module):
    """N×1 hours → N×1 probabilities."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def plot(path, model, hours, passed):
    """Draws the probability of passing over 0 to 10 hours, and the students."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(layout="constrained")
    x = torch.linspace(0, 10, 200, device=hours.device).unsqueeze(1)
    probability = model(x).detach()
    axes.plot(x.cpu(), probability.cpu(), label="model")
    axes.axhline(0.5, color="grey", linestyle="--")
    axes.plot(hours.cpu(), passed.cpu(), "o", label="students")
    axes.set(xlabel="Hours", ylabel="Probability of Pass")
    axes.grid()
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=100, lr=0.01)
    args = parse(parser)
    device = args.device
    torch.manual_seed(args.seed)

    hours = torch.tensor([[1.0], [2.0], [3.0]], device=device)
    passed = torch.tensor([[0.0], [0.0], [1.0]], device=device)

    model = LogisticRegression().to(device)

    loss_fn = nn.BCELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    width = len(str(args.epochs))
    for epoch in range(1, args.epochs + 1):
        probability = model(hours)
        loss = loss_fn(probability, passed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch:{width}}/{args.epochs}  loss {loss.item():.4f}")

    hours4 = torch.tensor([[4.0]], device=device)
    p4 = model(hours4).item()
    print(f"P(pass after 4 hours) = {p4:.4f}")
    if args.plot:
        plot(args.plot, model, hours, passed)
