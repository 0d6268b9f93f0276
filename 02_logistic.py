"""Logistic regression 逻辑回归: a linear layer, the sigmoid, and binary cross-entropy.

After 1 and 2 hours of study a student failed, after 3 hours passed. The network learns the probability of passing.

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
"""

import torch
from torch import nn

from common import BLUE, ORANGE, drawing, options, report, run, until_stopped


class LogisticRegression(nn.Module):
    """N×1 hours → N×1 probabilities."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def main(argv=None):
    args = options(__doc__, argv, epochs=100, lr=0.01)
    torch.manual_seed(args.seed)

    hours = torch.tensor([[1.0], [2.0], [3.0]], device=args.device)
    passed = torch.tensor([[0.0], [0.0], [1.0]], device=args.device)
    model = LogisticRegression().to(args.device)
    loss_fn = nn.BCELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    for epoch in until_stopped(range(1, args.epochs + 1)):
        probability = model(hours)
        loss = loss_fn(probability, passed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        report(epoch, args, loss.item())

    with torch.inference_mode():
        x = torch.linspace(0, 10, 200, device=args.device).unsqueeze(1)
        curve = model(x)
        p4 = model(torch.tensor([[4.0]], device=args.device)).item()
    if args.plot:
        with drawing(args.plot) as figure:
            axes = figure.subplots()
            axes.plot(x.cpu(), curve.cpu(), color=BLUE, label="model")
            axes.axhline(0.5, color=ORANGE, linestyle="--", label="0.5")
            axes.plot(hours.cpu(), passed.cpu(), "ko", label="students")
            axes.set(xlabel="Hours", ylabel="Probability of Pass")
            axes.grid(alpha=0.3)
            axes.legend()
    print(f"P(pass after 4 hours) = {p4:.4f}")


if __name__ == "__main__":
    run(main)
