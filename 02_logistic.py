"""Logistic regression 逻辑回归: a linear layer, the sigmoid, and binary cross-entropy.

Students who studied 1 or 2 hours failed; the one who studied 3 passed. The network learns the probability of passing.
So this is classification into two classes, despite its name.

用 sigmoid 把线性层的输出变成概率，用二元交叉熵衡量预测的好坏；名字里有“回归”，做的却是分类。
要点：文章的 100 个 epoch 远远不够；训练 10,000 个 epoch 后，学习 4 小时的通过概率才接近 1。

    python 02_logistic.py
    python 02_logistic.py --epochs 10000 --plot probability.png

After the article's 100 epochs, more hours still make passing less likely: 0.45 after 4 hours. After 10,000 it is 0.998.
(Seed 0, torch 2.14.1.) Who always answers 1/2 pays ln 2 = 0.69 for each student. The first loss here is more, 2.45 / 3
= 0.82: the first w is random, from -1 to 1, and the hours are not small. Look at the first loss of your own programs.

Before running 先猜再跑: with ten times the learning rate and a tenth of the epochs, --epochs 1000 --lr 0.1, is the
probability after 4 hours still 0.998?

Worked examples 例子, run by `python -m doctest 02_logistic.py`

The sigmoid maps any number to a probability. Binary cross-entropy -[y·log(p) + (1 - y)·log(1 - p)] is small where the
probability of what happened is large 真实结果的概率越大，损失越小:

>>> p = torch.sigmoid(torch.tensor([-2.0, 0.0, 3.0]))
>>> p
tensor([0.1192, 0.5000, 0.9526])
>>> y = torch.tensor([0.0, 1.0, 1.0])
>>> -(y * p.log() + (1 - y) * (1 - p).log())
tensor([0.1269, 0.6931, 0.0486])
>>> nn.BCELoss(reduction="none")(p, y)
tensor([0.1269, 0.6931, 0.0486])

The sigmoid's derivative is a bell-shaped curve, at most 1/4 high: many sigmoids in a row leave little of a gradient
sigmoid 的导数最大只有 1/4，层数一多，梯度就所剩无几:

>>> x = torch.linspace(-6, 6, 5, requires_grad=True)
>>> torch.sigmoid(x).sum().backward()  # the sum's gradient has the derivative at every point
>>> x.grad
tensor([0.0025, 0.0452, 0.2500, 0.0452, 0.0025])

Sure and wrong (z = 20 for one who failed), the sigmoid is rounded to 1. BCELoss would be infinite, PyTorch cuts it off
at 100, and the gradient is 0: nothing is learned. BCEWithLogitsLoss takes z itself, without a sigmoid before it, and
computes both in one; where nothing is rounded (z = 2), the two agree 实际项目里多用后者，网络最后不加 sigmoid:

>>> failed = torch.tensor([0.0])
>>> for number in (2.0, 20.0):
...     z = torch.tensor([number], requires_grad=True)
...     for loss in (nn.BCELoss()(torch.sigmoid(z), failed), nn.BCEWithLogitsLoss()(z, failed)):
...         print(f"z = {number:.0f}: loss {loss.item():.2f}, gradient {torch.autograd.grad(loss, z)[0].item():.2f}")
z = 2: loss 2.13, gradient 0.88
z = 2: loss 2.13, gradient 0.88
z = 20: loss 100.00, gradient 0.00
z = 20: loss 20.00, gradient 1.00

A ReLU has no place in the sigmoid's stead. Below 0 its p is 0, again with a gradient of 0; a p above 1 is an error
输出层不能用 ReLU:

>>> z, passed = torch.tensor([-1.0], requires_grad=True), torch.tensor([1.0])
>>> loss = nn.BCELoss()(torch.relu(z), passed)
>>> loss.item(), torch.autograd.grad(loss, z)
(100.0, (tensor([0.]),))
>>> nn.BCELoss()(torch.tensor([1.5]), passed)
Traceback (most recent call last):
RuntimeError: all elements of input should be between 0 and 1
"""

import torch
from torch import nn

from common import options, parse, pick_device


class LogisticRegression(nn.Module):
    """N×1 hours → N×1 probabilities."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def plot(path, hours, passed, steps):
    """Draws the probability of passing over 0 to 10 hours, after 100 epochs and after the last, and the students."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    x = torch.linspace(0, 10, 200)
    for epoch in sorted({min(100, len(steps)), len(steps)}):
        w, b = steps[epoch - 1]
        axes.plot(x.numpy(), torch.sigmoid(w * x + b).numpy(), label=f"after {epoch} epochs")
    axes.axhline(0.5, color="grey", linestyle="--")
    axes.plot(hours.numpy(), passed.numpy(), "o", label="students")
    axes.set(xlabel="Hours", ylabel="Probability of Pass")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=100, lr=0.01)
    args = parse(parser)
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    hours = torch.tensor([[1.0], [2.0], [3.0]], device=device)
    passed = torch.tensor([[0.0], [0.0], [1.0]], device=device)

    model = LogisticRegression().to(device)

    loss_fn = nn.BCELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    steps = []
    for epoch in range(1, args.epochs + 1):
        probability = model(hours)
        loss = loss_fn(probability, passed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps.append((model.linear.weight.item(), model.linear.bias.item()))
        print(f"epoch {epoch}/{args.epochs}  loss {loss.item():.4f}")

    hours4 = torch.tensor([[4.0]], device=device)
    model.eval()
    with torch.inference_mode():
        p4 = model(hours4).item()
    print(f"P(pass after 4 hours) = {p4:.4f}")

    if args.plot:
        plot(args.plot, hours.cpu(), passed.cpu(), steps)
