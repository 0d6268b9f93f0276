"""Exercises 练习 for lesson 04: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/04_mnist_mlp.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

from runpy import run_path

import torch
import torch.nn.functional as F
from torch import nn

from common import mnist

MLP = run_path("04_mnist_mlp.py")["MLP"]
images, labels = mnist(train=False)[:64]


def parameters(sizes):
    """★ Count the weights 数参数: how many weights and biases have linear layers of these sizes, one after the other?

    Take a pencil. For [3, 2] there are six weights and two biases. See 01, "What does a linear layer learn?".
    依次相连的线性层，大小由 `sizes` 给出，一共有多少个权重和偏置？

    >>> parameters([3, 2]), parameters([784, 512, 256, 128, 64, 10])
    (8, 575050)
    >>> sizes = torch.randint(1, 50, (5,)).tolist()
    >>> layers = [nn.Linear(inputs, outputs) for inputs, outputs in zip(sizes, sizes[1:])]
    >>> parameters(sizes) == sum(parameter.numel() for layer in layers for parameter in layer.parameters())
    True
    """
    raise NotImplementedError("replace this line with your code")


def softmax(z):
    """★★ Softmax by hand 手写 softmax: turn each row of the logits, N×C, into probabilities, without torch.softmax.

    e¹⁰⁰⁰ is infinite. But a row keeps its probabilities if you subtract one number from all its logits. Which number is
    safe? A tensor has max(dim=1).values. See 04, "How does softmax turn logits" and "What does one logit mean?".
    不用 torch.softmax，把 logits 的每一行变成概率；logits 很大时也不能得到 nan。

    >>> softmax(torch.tensor([[0.2, 0.1, -0.1], [1000.0, 1000.0, 0.0]]))
    tensor([[0.3780, 0.3420, 0.2800],
            [0.5000, 0.5000, 0.0000]])
    >>> z = 50 * torch.randn(20, 10)
    >>> torch.allclose(softmax(z), z.softmax(dim=1))
    True
    >>> {"softmax", "log_softmax", "Softmax"} & set(softmax.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def cross_entropy(logits, target):
    """★★ Cross-entropy by hand 手写交叉熵: return the mean loss of logits, N×C, for class numbers, N.

    You may use logits.log_softmax(dim=1). From each row you need one number, that of the true class:
    table[torch.arange(3), columns] takes one number from each of three rows. See 04, "What does CrossEntropyLoss do?".
    返回 logits（N×C）对类别编号 `target`（N）的平均损失；可以用 log_softmax。

    >>> logits, target = torch.randn(20, 10), torch.randint(10, (20,))
    >>> abs(float(cross_entropy(logits, target)) - nn.CrossEntropyLoss()(logits, target)) < 1e-5
    tensor(True)
    >>> {"cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss"} & set(cross_entropy.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def overfit(model, images, target, steps):
    """★★ Learn one batch by heart 过拟合一个批次: train `steps` times on the same images; return the losses, a list.

    Use torch.optim.Adam with lr=0.001. See 04, "Is there an error in the program?".
    在同一批图像上训练 `steps` 次，返回每次的损失（列表）。用 torch.optim.Adam，lr=0.001。

    >>> for model in (MLP(torch.relu), nn.Sequential(nn.Flatten(), nn.Linear(784, 10))):
    ...     before = F.cross_entropy(model(images), labels).item()
    ...     losses = overfit(model, images, labels, steps=100)
    ...     after = F.cross_entropy(model(images), labels).item()
    ...     print(len(losses), abs(losses[0] - before) < 1e-4, abs(losses[-1] - after) < 0.1, after < 0.2)
    100 True True True
    100 True True True
    """
    raise NotImplementedError("replace this line with your code")


def train(model, images, target):
    """★ Find the mistake 找错: this training runs without an error, but the loss stays at 2.30. Repair it.

    这段训练不报错，但损失停在 2.30。请改正。See 01, "Why zero_grad()?".

    >>> model = MLP(torch.relu)
    >>> train(model, images, labels)
    >>> F.cross_entropy(model(images), labels) < 0.1
    tensor(True)
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for _ in range(100):
        loss = F.cross_entropy(model(images), target)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
