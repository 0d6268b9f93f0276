"""Predicts who passes an exam with logistic regression 逻辑回归 (lecture 6).

New beside 01: the sigmoid turns the number w·x + b into a probability, and the loss is binary cross-entropy.
sigmoid 把线性层的输出 w·x + b 变成概率，损失函数是二元交叉熵。

    python 02_logistic.py                                             P 0.4523 after the article's 100 epochs
    python 02_logistic.py --epochs 10000 --plot probability.png       P 0.9981 of passing after 4 hours of study

Lesson: docs/lessons/02_logistic.md, 中文课程: docs/lessons/zh-CN/02_logistic.md
"""

import torch
from torch import nn

from common import new_figure, options, parse, pick_device

COLORS = ["gold", "yellowgreen", "mediumseagreen", "steelblue", "indigo"]  # of the picture, light to dark


class LogisticRegression(nn.Module):
    """Turns N×1 hours into N×1 probabilities of passing."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def plot(path, hours, passed, history):
    """Draws the probability of passing at some epochs; for the last one, what each student adds to the loss."""
    figure = new_figure(9, 5)
    axes = figure.add_subplot(xlabel="hours", ylabel="probability of passing", xlim=(0, 8), ylim=(-0.2, 1.2))
    axes.set(title="loss: -ln of the probability of what happened", yticks=[0, 0.25, 0.5, 0.75, 1])
    axes.axhline(0.5, color="grey", linestyle=":")
    axes.axvline(4, color="grey", linestyle=":")
    x = torch.linspace(0, 8, 201)
    shown = sorted({epoch for epoch in (0, 100, 1000, 10000, len(history) - 1) if epoch < len(history)})
    for epoch, color in zip(shown, COLORS[-len(shown) :], strict=True):
        w, b = history[epoch]
        curve = torch.sigmoid(w * x + b)
        axes.plot(x, curve, color=color, label=f"epoch {epoch:,}: after 4 hours {curve[100]:.3f}")
        axes.plot(4, curve[100], "o", color=color)
    probability = torch.sigmoid(w * hours + b)  # after the last epoch
    losses = nn.functional.binary_cross_entropy(probability, passed, reduction="none")
    for hour, label, p, loss in torch.cat([hours, passed, probability, losses], dim=1).tolist():
        axes.plot([hour, hour], [label, p], "k--", linewidth=1)
        axes.text(hour, 1.2 * label - 0.1, f"loss {loss:.2f}", ha="center", va="center")
    axes.plot(hours, passed, "ko", markersize=9)
    axes.legend(loc="lower right")
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

    history = [(model.linear.weight.item(), model.linear.bias.item())]  # w and b at the start, then after each epoch
    for epoch in range(1, args.epochs + 1):
        probability = model(hours)
        loss = loss_fn(probability, passed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append((model.linear.weight.item(), model.linear.bias.item()))
        print(f"epoch {epoch}/{args.epochs}  loss {loss.item():.4f}")

    hours4 = torch.tensor([[4.0]], device=device)
    model.eval()
    with torch.inference_mode():
        p4 = model(hours4).item()
    print(f"P(pass after 4 hours) = {p4:.4f}")

    if args.plot:
        plot(args.plot, hours.cpu(), passed.cpu(), history)
