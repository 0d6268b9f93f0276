"""Fits a line to three points with linear regression 线性回归 (lectures 2 to 5).

The network computes w·x + b. It learns two numbers, the weight w and the bias b: training changes them little by
little. The four parts come again in all later scripts: data, network, loss and optimizer, training loop.
网络只有 w 和 b 两个参数；准备数据集、设计模型、构造损失函数和优化器、训练循环，这四步后面每一节都会重复。

    python 01_linear.py                                   w 1.75, y(4) 7.56 after the article's 100 epochs
    python 01_linear.py --epochs 1000 --plot line.png     w 2.00, y(4) 8.00: the exact line is y = 2x
    python 01_linear.py --optimizer Rprop                 another way to take the steps

Lesson: docs/lessons/01_linear.md, 中文课程: docs/lessons/zh-CN/01_linear.md
"""

import torch
from torch import nn

from common import new_figure, options, parse, pick_device

COLORS = ["gold", "yellowgreen", "mediumseagreen", "steelblue", "indigo"]  # of the picture, light to dark
OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "RMSprop", "Rprop", "SGD"]


class LinearModel(nn.Module):
    """Computes w·x + b for x of shape N×1. An nn.Module holds layers; forward() says how data flows through them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


def plot(path, x, y, history):
    """Draws the line through the three points at some epochs, and the path of (w, b) over the loss surface."""
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    w, b = torch.meshgrid(torch.linspace(-1, 3, 200), torch.linspace(-2, 3, 200), indexing="xy")
    errors = w * x.reshape(3, 1, 1) + b - y.reshape(3, 1, 1)
    surface = errors.pow(2).sum(dim=0)
    lines = right.contour(w, b, surface, levels=[0.03, 0.1, 0.3, 1, 3, 10, 30, 100], colors="silver")
    right.clabel(lines, fmt="%g", fontsize=8, colors="grey")
    weights, biases = zip(*history, strict=True)
    right.plot(weights, biases, ".-", color="grey", linewidth=1, markersize=3)
    shown = sorted({epoch for epoch in (0, 1, 10, 100, len(history) - 1) if epoch < len(history)})
    for epoch, color in zip(shown, COLORS[-len(shown) :], strict=True):
        w, b = history[epoch]
        left.axline((0, b), slope=w, color=color, label=f"epoch {epoch}: y(4) = {4 * w + b:.2f}")
        loss = (w * x + b - y).pow(2).sum().item()
        right.plot(w, b, "o", color=color, label=f"epoch {epoch}: loss {loss:.2g}")
    left.plot(x, y, "ko", markersize=9)
    left.plot(4, 8, "k*", fillstyle="none", markersize=12, linestyle="", label="y = 2x: y(4) = 8")
    left.set(xlim=(0, 4.5), ylim=(-1, 9), xlabel="x", ylabel="y", title="three points, and the line y = w·x + b")
    right.plot(2, 0, "k*", fillstyle="none", markersize=12, linestyle="", label="y = 2x: loss 0")
    right.set(xlim=(-1, 3), ylim=(-2, 3), xlabel="w", ylabel="b", title="loss surface: a steep side, then a flat floor")
    left.legend(loc="upper left")
    right.legend(loc="upper right")
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=100, lr=0.01)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="SGD", help="of torch.optim (default: %(default)s)")
    args = parse(parser)
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    x = torch.tensor([[1.0], [2.0], [3.0]], device=device)
    y = torch.tensor([[2.0], [4.0], [6.0]], device=device)

    model = LinearModel().to(device)

    loss_fn = nn.MSELoss(reduction="sum")
    optimizer = getattr(torch.optim, args.optimizer)(model.parameters(), lr=args.lr)

    history = [(model.linear.weight.item(), model.linear.bias.item())]  # w and b at the start, then after each epoch
    for epoch in range(1, args.epochs + 1):
        prediction = model(x)
        loss = loss_fn(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append((model.linear.weight.item(), model.linear.bias.item()))
        print(f"epoch {epoch}/{args.epochs}  loss {loss.item():.4f}")

    w, b = history[-1]
    x4 = torch.tensor([[4.0]], device=device)
    model.eval()  # layers such as Dropout behave differently in training; this network has none
    with torch.inference_mode():  # records no graph, like no_grad; also, no later backward() can use the values
        y4 = model(x4).item()
    print(f"w = {w:.4f}  b = {b:.4f}  y(4) = {y4:.4f}")

    if args.plot:
        plot(args.plot, x.cpu(), y.cpu(), history)
