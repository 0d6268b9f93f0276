"""Nine optimizers 优化器比较: their paths over the loss surface of (w, b), and their losses, in one picture.

    python recipes/optimizers.py --plot optimizers.png

Lecture 2 asks for the loss surface, lecture 5 for other optimizers. Each optimizer learns y = 2x from three points
twice: with the learning rate 0.01, as in the lecture, and with the best of nine rates, the one after which its last
loss is smallest. The two comparisons do not agree.

With 0.01 Adagrad ends at a loss of 33, Adam at 6, SGD at 0.15. With rates of their own Adagrad ends at 0.0002, Adam at
0.0004, and SGD and ASGD, 0.008, are last. Adagrad and Adam divide each gradient by its usual size, so their steps are
about as long as the rate or shorter: 100 steps of 0.01 do not reach. SGD's steps are the rate times the gradient: with
0.1 it diverges. Rprop finds the length of its steps itself. LBFGS needs the fewest steps, but may compute the loss 25
times in each. So give each optimizer a rate of its own before you compare them, and compare them again where the
network or the data are others. (Seed 0, about half a minute, torch 2.14.1, CPU)

九种优化器从同一个起点学习 y = 2x：红色路径的学习率都是 0.01，蓝色路径的学习率是九个值中对该优化器最好的一个。
两种比较得到的名次并不一致，所以比较优化器之前，要先为每个优化器单独选择学习率。
"""

import argparse
import os
import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn

OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "RMSprop", "Rprop", "SGD"]
LEARNING_RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
X = torch.tensor([[1.0], [2.0], [3.0]])
Y = torch.tensor([[2.0], [4.0], [6.0]])


def train(name, lr, epochs, seed):
    """Learns w and b of y = w·x + b with an optimizer of torch.optim; returns w, b and the loss before each step."""
    torch.manual_seed(seed)  # all start from the same w and b
    model = nn.Linear(1, 1)
    loss_fn = nn.MSELoss(reduction="sum")
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=lr)

    def closure():  # LBFGS calls it several times in a step, the others call it once
        prediction = model(X)
        loss = loss_fn(prediction, Y)
        optimizer.zero_grad()
        loss.backward()
        return loss

    w, b, losses = [], [], []
    for _ in range(epochs):
        w.append(model.weight.item())
        b.append(model.bias.item())
        loss = optimizer.step(closure)  # what closure() has returned first
        losses.append(loss.item())
    return {"lr": lr, "w": w, "b": b, "losses": losses, "loss": losses[-1]}


def draw_paths(axes, same, best):
    """Draws the loss surface and, over it, the paths of two runs."""
    w, b = torch.meshgrid(torch.linspace(-1, 4, 100), torch.linspace(-3, 4, 100), indexing="xy")
    errors = w * X.reshape(3, 1, 1) + b - Y.reshape(3, 1, 1)
    surface = errors.pow(2).sum(dim=0)
    axes.contour(w.numpy(), b.numpy(), surface.numpy(), levels=[0.1, 1, 3, 10, 30, 100], colors="silver")
    axes.plot(2, 0, "k*", markersize=10)
    for run, color in [(best, "tab:blue"), (same, "tab:red")]:
        label = f"lr {run['lr']:g}: loss {run['loss']:.2g}"
        axes.plot(run["w"], run["b"], ".-", color=color, markersize=4, linewidth=1, label=label)
    axes.set(xlim=(-1, 4), ylim=(-3, 4), xlabel="w", ylabel="b")
    axes.legend(loc="lower left", fontsize="small")


def draw_losses(axes, runs):
    """Draws the losses of each run, and names them as the curves end: the best at the bottom."""
    for name in sorted(runs, key=lambda name: runs[name]["loss"], reverse=True):
        run = runs[name]
        style = "--" if name == "SGD" else "-"  # its curve lies on that of ASGD
        axes.plot(run["losses"], style, color=f"C{OPTIMIZERS.index(name)}", label=f"{name}, lr {run['lr']:g}")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", ylim=(1e-9, 1e3))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="from worst to best")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, required=True, help="the picture to write: .png, .svg or .pdf")
    parser.add_argument("--epochs", type=int, default=100, help="steps of each run (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="where w and b start (%(default)s)")
    args = parser.parse_args()
    if args.epochs < 1 or not 0 <= args.seed < 2**63:
        parser.error("--epochs must be 1 or more, --seed from 0 to 2**63 - 1")
    if args.plot.suffix not in [".png", ".svg", ".pdf"] or not os.access(args.plot.parent, os.W_OK):
        sys.exit(f"{args.plot} must be a .png, .svg or .pdf in a folder that can be written")

    same, best = {}, {}
    for name in OPTIMIZERS:
        same[name] = train(name, 0.01, args.epochs, args.seed)
        best[name] = same[name]
        for lr in LEARNING_RATES:
            run = train(name, lr, args.epochs, args.seed)
            if run["loss"] < best[name]["loss"]:  # never true of nan: that run has diverged
                best[name] = run
        own = f"its best lr {best[name]['lr']:g}: loss {best[name]['loss']:.2g}"
        print(f"{name:8} lr 0.01: loss {same[name]['loss']:<8.2g} {own}", flush=True)

    figure = Figure(figsize=(15, 9), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[3, 2])
    left.suptitle("red: lr 0.01 for all     blue: the best lr of nine for each")
    panels = left.subplots(3, 3, sharex=True, sharey=True)
    for axes, name in zip(panels.flat, OPTIMIZERS, strict=True):
        draw_paths(axes, same[name], best[name])
        axes.set_title(name)
        axes.label_outer()
    top, bottom = right.subplots(2, 1)
    draw_losses(top, same)
    draw_losses(bottom, best)
    top.set_title("lr 0.01 for all")
    bottom.set_title("the best lr of nine for each")
    figure.savefig(args.plot)
