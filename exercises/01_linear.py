"""Exercises 练习 for lesson 01: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/01_linear.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

import torch
from torch import nn


def center_rows(x):
    """★ Center each row 每行减去均值: subtract from each row of `x`, N×M, the mean of this row.

    If `x` is square, a wrong shape is no error, but the numbers are wrong. See 01, "Which numbers do sum and mean
    combine?". 从 `x` 的每一行减去这一行的均值。

    >>> center_rows(torch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[ -1.,   1.],
            [-10.,  10.]])
    >>> x = torch.rand(4, 7)
    >>> torch.allclose(center_rows(x), torch.stack([row - row.mean() for row in x]), atol=1e-6)
    True
    """
    raise NotImplementedError("replace this line with your code")


def upright(rows, height, width):
    """★★ Column by column 按列存放的图像: each row of `rows` is an image, written one column after the other.

    Return the images, N×1×height×width. Draw the first example on paper. See 01, "What does reshape do?".
    `rows` 的每一行是一幅逐列写下的图像；返回 N×1×height×width 的图像。

    >>> upright(torch.tensor([[1, 4, 2, 5, 3, 6]]), height=2, width=3)
    tensor([[[[1, 2, 3],
              [4, 5, 6]]]])
    >>> images = torch.rand(5, 1, 28, 20)
    >>> rows = torch.cat([images[:, 0, :, column] for column in range(20)], dim=1)
    >>> torch.equal(upright(rows, height=28, width=20), images)
    True
    """
    raise NotImplementedError("replace this line with your code")


def slopes(w, b, x, y):
    """★★ Gradients by hand 手算梯度: return the derivatives of Σ(w·x + b - y)² by w and by b, without backward().

    Take a pencil. What are they at w = 1, b = 0 for the one point x = 3, y = 4? See 01, "What is a gradient?".
    不用 backward()，返回 Σ(w·x + b - y)² 对 w 和对 b 的导数。先用笔算第一个例子。

    >>> [float(slope) for slope in slopes(1.0, 0.0, torch.tensor([[3.0]]), torch.tensor([[4.0]]))]
    [-6.0, -2.0]
    >>> x, y, line = torch.rand(9, 1), torch.rand(9, 1), nn.Linear(1, 1)
    >>> nn.functional.mse_loss(line(x), y, reduction="sum").backward()
    >>> by_hand = torch.tensor(slopes(line.weight.item(), line.bias.item(), x, y))
    >>> torch.allclose(by_hand, torch.cat([line.weight.grad[0], line.bias.grad]), atol=1e-5)
    True
    >>> {"backward", "grad"} & set(slopes.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def descend(x, y, lr, epochs):
    """★★ Training by hand 手写梯度下降: start at w = 0 and b = 0, make `epochs` steps, and return w and b.

    Use slopes(), no optimizer and no backward(). See 01, "What does a step of SGD do?".
    从 w = 0、b = 0 出发，用 slopes() 走 `epochs` 步，返回 w 和 b；不用优化器和 backward()。

    >>> x, y, line = torch.rand(9, 1), torch.rand(9, 1), nn.Linear(1, 1)
    >>> _, optimizer = [nn.init.zeros_(p) for p in line.parameters()], torch.optim.SGD(line.parameters(), lr=0.03)
    >>> for epoch in range(20):
    ...     optimizer.zero_grad()
    ...     nn.functional.mse_loss(line(x), y, reduction="sum").backward()
    ...     optimizer.step()
    >>> by_hand = torch.tensor(descend(x, y, lr=0.03, epochs=20))
    >>> torch.allclose(by_hand, torch.cat([line.weight[0], line.bias]), atol=1e-5)
    True
    >>> {"backward", "grad", "SGD"} & set(descend.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def fit_line(x, y):
    """★ Find the mistake 找错: this training runs, but w and b swing to and fro without end. Repair it.

    这段训练能运行，但 w 和 b 来回摆动，不收敛。请改正。See 01, "Why zero_grad()?".

    >>> x = torch.tensor([[1.0], [2.0], [3.0]])
    >>> for w, b in [(2.0, 1.0), *torch.randn(3, 2).tolist()]:
    ...     print(torch.allclose(torch.tensor(fit_line(x, w * x + b)), torch.tensor([w, b]), atol=0.01))
    True
    True
    True
    True
    """
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(1000):
        loss = nn.functional.mse_loss(model(x), y, reduction="sum")
        loss.backward()
        optimizer.step()
    return model.weight.item(), model.bias.item()
