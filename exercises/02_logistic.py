"""Exercises 练习 for lesson 02: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/02_logistic.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

import torch
from torch import nn


def sigmoid(z):
    """★ The sigmoid by hand 手写 sigmoid: return 1 / (1 + e⁻ᶻ) for each number of `z`, without torch.sigmoid.

    A tensor has exp(), as it has log(). See 02, "What does the sigmoid do?".
    对 `z` 的每个数返回 1 / (1 + e⁻ᶻ)，不用 torch.sigmoid。

    >>> sigmoid(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0.1192, 0.5000, 0.9526])
    >>> z = 50 * torch.randn(100)
    >>> torch.allclose(sigmoid(z), torch.sigmoid(z))
    True
    >>> {"sigmoid", "Sigmoid"} & set(sigmoid.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def bce(p, y):
    """★ The loss by hand 手写二元交叉熵: return the mean binary cross-entropy of probabilities `p` for labels `y`.

    Do not use nn.BCELoss. See 02, "What is the formula of BCELoss?".
    返回概率 `p` 对标签 `y` 的二元交叉熵的均值，不用 nn.BCELoss。

    >>> p, y = torch.rand(50, 1), torch.randint(2, (50, 1)).float()
    >>> abs(float(bce(p, y)) - nn.BCELoss()(p, y)) < 1e-5
    tensor(True)
    >>> {"BCELoss", "binary_cross_entropy"} & set(bce.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def hours_needed(w, b, p):
    """★★ Backwards 反过来算: after how many hours is the probability of passing `p`? Solve p = sigmoid(w·x + b) for x.

    Take a pencil. For p = 1/2 the answer is -b / w: `p` is a tensor. See 02, "Where is the boundary?".
    学习几小时后通过的概率是 `p`？用笔从 p = sigmoid(w·x + b) 解出 x。

    >>> hours_needed(2.0, -5.0, torch.tensor([0.5]))
    tensor([2.5000])
    >>> w, b, p = -1 - torch.rand(1), torch.randn(1), 0.1 + 0.8 * torch.rand(5)
    >>> torch.allclose(torch.sigmoid(w * hours_needed(w, b, p) + b), p, atol=1e-4)
    True
    """
    raise NotImplementedError("replace this line with your code")


def safe_bce(z, y):
    """★★★ No infinity 数值稳定: return the binary cross-entropy of each label y, from the number z before the sigmoid.

    With p = sigmoid(z), log(1 - p) is -∞ at z = 100, because p is rounded to 1. Take a pencil, and put p into the
    formula. For y = 0 the loss becomes log(1 + eᶻ), which overflows for large z. But 1 + eᶻ = eᶻ·(1 + e⁻ᶻ), so the loss
    is also z + log(1 + e⁻ᶻ). Which form is safe for which z? A tensor has abs() and clamp(min=0). Then do the same for
    y = 1. See 02, "BCELoss or BCEWithLogitsLoss?" and "What is the formula of BCELoss?".
    由 sigmoid 之前的数 z 算出每个标签 y 的二元交叉熵；z 很大或很小时也不能得到无穷大。

    >>> safe_bce(torch.tensor([2.0, 200.0, -200.0, 200.0]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
    tensor([  2.1269, 200.0000, 200.0000,   0.0000])
    >>> z, y = 50 * torch.randn(100), torch.randint(2, (100,)).float()
    >>> torch.allclose(safe_bce(z, y), nn.BCEWithLogitsLoss(reduction="none")(z, y), atol=1e-6)
    True
    >>> {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"} & set(safe_bce.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def chances(hours, passed):
    """★ Find the mistake 找错: a student failed after 1 hour, but this network gives all a chance of 1/2 or more.

    There are two ways to repair it. See 02, "BCELoss or BCEWithLogitsLoss?".
    学了 1 小时的学生没有通过，这个网络却给每个人至少 1/2 的概率。请改正，有两种改法。

    >>> chances(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0], [0.0], [1.0]])).round(decimals=1).flatten()
    tensor([0.0000, 0.1000, 0.9000])
    >>> hours, passed = torch.randn(40, 1), torch.randint(2, (40, 1)).float()  # the mean chance is the share who passed
    >>> abs(chances(hours, passed).mean() - passed.mean()) < 0.01
    tensor(True)
    """
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(1000):
        loss = nn.BCEWithLogitsLoss(reduction="sum")(model(hours), passed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.sigmoid(model(hours)).detach()
