"""Compare nine optimizers 优化器比较 (lectures 2 and 5): their paths over the loss surface, and their last losses.

Each learns y = 2x from three points, in 100 steps, with each of 13 learning rates. With 0.01 for all, the order is not
the same as with the best rate for each. So tune the rate of each optimizer before you compare. The order also depends
on the seed and on the rates that you try: without 0.05 SGD would be last, because it diverges above 0.06.
九种优化器从同一点出发学习 y = 2x。比较之前要先为每个优化器单独选择学习率；名次还取决于试了哪些学习率和随机种子。

    python recipes/optimizers.py     writes optimizers.png; no options: change the capital names, add an optimizer

    last loss    with 0.01    best of 13 rates, seeds 0, 1 and 2         best of 33 rates, seed 0
    SGD          0.15         0.00042 (rate 0.05)  9.4e-06  6.1e-05      0.00017 (rate 0.056)
    Adam         6.0          0.00028 (rate 0.5)   0.00017  9.0e-05      0.00029 (rate 0.75)
    Adagrad      33           0.00016 (rate 2)     2.5e-05  6.2e-05      0.00016 (rate 2.4)
    AdamW        6.1          0.0027  (rate 1)     0.0030   0.0034       0.0027  (rate 1)

A step of Adam is about as long as its rate: 100 steps of 0.01 are too few. Adagrad's steps shrink: it divides by the
root of the sum of all squared gradients. AdamW is last with all three seeds (LBFGS compared with seed 0 only). LBFGS
may compute the loss 25 times per step. (torch 2.14.1, CPU)
"""

import math
import os
import sys

import torch
from matplotlib.figure import Figure
from torch import nn

OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "RMSprop", "Rprop", "SGD"]  # of torch.optim
LEARNING_RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
SAME = 0.01  # the learning rate of the lecture: one of those above
EPOCHS = 100
SEED = 0
PICTURE = "optimizers.png"  # "" draws nothing

X = torch.tensor([[1.0], [2.0], [3.0]])
Y = torch.tensor([[2.0], [4.0], [6.0]])


def train(name, lr, epochs, seed):
    """Fits y = w·x + b with an optimizer of torch.optim; returns w, b and the loss before each step, and the last."""
    torch.manual_seed(seed)  # all start at the same w and b
    model = nn.Linear(1, 1)
    loss_fn = nn.MSELoss(reduction="sum")
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=lr)

    def closure():  # LBFGS calls it up to 25 times per step, the others once
        prediction = model(X)
        loss = loss_fn(prediction, Y)
        optimizer.zero_grad()
        loss.backward()
        return loss

    w, b, losses = [], [], []
    for _ in range(epochs):
        w.append(model.weight.item())
        b.append(model.bias.item())
        loss = optimizer.step(closure)  # the loss of the first call of closure()
        losses.append(loss.item())
    last = losses[-1] if math.isfinite(losses[-1]) else math.inf  # nan: it has diverged, too
    return {"lr": lr, "w": w, "b": b, "last": last}


def draw_paths(axes, same, best):
    """Draws the loss surface and, over it, the paths of two runs."""
    w, b = torch.meshgrid(torch.linspace(-1, 4, 100), torch.linspace(-3, 4, 100), indexing="xy")
    errors = w * X.reshape(3, 1, 1) + b - Y.reshape(3, 1, 1)
    surface = errors.pow(2).sum(dim=0)
    axes.contour(w.numpy(), b.numpy(), surface.numpy(), levels=[0.1, 1, 3, 10, 30, 100], colors="silver")
    axes.plot(2, 0, "k*", markersize=10)
    for run, color in [(best, "tab:blue"), (same, "tab:red")]:
        axes.plot(run["w"], run["b"], ".-", color=color, markersize=4, linewidth=1)
    axes.set(xlim=(-1, 4), ylim=(-3, 4), xlabel="w", ylabel="b")
    axes.label_outer()


def draw_losses(axes, runs, same):
    """Draws the last loss of each optimizer, a row, with each learning rate, a column: the darker, the worse."""
    table = torch.tensor([[run["last"] for run in row] for row in runs])
    axes.imshow(table.clamp(1e-9, 1e3).log10().numpy(), cmap="Greys", vmin=-9, vmax=12, aspect="auto")
    for row, losses in enumerate(table.tolist()):
        for column, loss in enumerate(losses):
            number = f"{loss:.0e}".replace("e-0", "e-") if 0 < loss < 0.01 else f"{loss:.2g}"
            axes.text(column, row, "×" if loss > 1e3 else number, fontsize=8, ha="center", va="center")
    axes.plot(table.argmin(dim=1), range(len(table)), "s", color="tab:blue", fillstyle="none", markersize=24)
    axes.axvspan(same - 0.5, same + 0.5, fill=False, edgecolor="tab:red", linewidth=2)
    axes.set_xticks(range(len(LEARNING_RATES)), [f"{lr:g}" for lr in LEARNING_RATES], fontsize=8)
    axes.set_yticks(range(len(OPTIMIZERS)), OPTIMIZERS)
    axes.set(xlabel="learning rate", title="last loss (×: it diverges)")


if __name__ in ["__main__", "builtins"]:  # it is "builtins" in PyCharm's console
    if sys.argv[1:] and os.path.basename(sys.argv[0]) == os.path.basename(globals().get("__file__", "pasted")):
        sys.exit("this program takes no options: change the capital names at its top")
    folder = os.path.dirname(PICTURE) or "."
    if PICTURE and (not PICTURE.lower().endswith((".png", ".svg", ".pdf")) or not os.access(folder, os.W_OK)):
        sys.exit(f"{PICTURE} must end in .png, .svg or .pdf, in a folder that exists and is not protected")

    same = LEARNING_RATES.index(SAME)
    runs = []
    for name in OPTIMIZERS:
        runs.append([train(name, lr, EPOCHS, SEED) for lr in LEARNING_RATES])
        best = min(runs[-1], key=lambda run: run["last"])
        first = f"{name:8} lr {SAME:g}: loss {runs[-1][same]['last']:<8.2g}"
        print(f"{first} its best lr {best['lr']:g}: loss {best['last']:.2g}", flush=True)

    if PICTURE:
        rows = math.ceil(len(OPTIMIZERS) / 3)
        figure = Figure(figsize=(10, 1 + 2 * rows), layout="constrained")
        figure.suptitle(f"red: lr {SAME:g} for all     blue: the best lr for each")
        left, right = figure.subfigures(1, 2, width_ratios=[1, 2])
        panels = left.subplots(rows, 3, sharex=True, sharey=True, squeeze=False).flatten()
        for axes, name, row in zip(panels, OPTIMIZERS, runs, strict=False):  # the last panels may be empty
            draw_paths(axes, row[same], min(row, key=lambda run: run["last"]))
            axes.set_title(name)
        for axes in panels[len(OPTIMIZERS) :]:
            axes.remove()
        draw_losses(right.add_subplot(), runs, same)
        figure.savefig(PICTURE, dpi=200)
        print(PICTURE)
