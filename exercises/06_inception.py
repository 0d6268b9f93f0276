"""Exercises 练习 for lesson 06: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/06_inception.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

from runpy import run_path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from common import one_cycle

InceptionNet = run_path("06_inception.py")["InceptionNet"]


def multiplications(in_channels, out_channels, kernel, height, width):
    """★ What a convolution costs 卷积的计算量: how many multiplications make a feature map of height×width pixels?

    The kernel is square. Take a pencil. See 06, "What does a convolution cost?".
    得到 height×width 的特征图需要多少次乘法？卷积核是正方形。

    >>> multiplications(192, 32, kernel=5, height=28, width=28)
    120422400
    >>> for channels, out, kernel in torch.randint(1, 8, (5, 3)).tolist():
    ...     with FlopCounterMode(display=False) as counter:
    ...         maps = nn.Conv2d(channels, out, kernel)(torch.rand(1, channels, 9, 14))
    ...     assert multiplications(channels, out, kernel, *maps.shape[2:]) == counter.get_total_flops() // 2
    """
    raise NotImplementedError("replace this line with your code")


def copy_by_file(model, new, path):
    """★ Save and load 保存与加载: write the weights of `model` to the file `path`, and load them into `new`.

    Write the state_dict, not the network. Return nothing. See 05, "What is in a saved file?".
    把 `model` 的权重（state_dict）写入文件 `path`，再加载到 `new`。

    >>> model, new, x = InceptionNet(), InceptionNet(), torch.rand(2, 1, 28, 28)
    >>> with TemporaryDirectory() as folder:
    ...     copy_by_file(model, new, f"{folder}/weights.pt")
    ...     state = torch.load(f"{folder}/weights.pt", weights_only=True)
    >>> list(state) == list(model.state_dict()), torch.equal(model(x), new(x))
    (True, True)
    """
    raise NotImplementedError("replace this line with your code")


def conv1x1(x, weight, bias):
    """★★ A 1×1 convolution by hand 手写 1×1 卷积: `x` is N×C×H×W, `weight` O×C, `bias` O; return N×O×H×W.

    At each pixel it is a linear layer over the channels. Use flatten(2) and @, which multiplies each matrix of a batch
    N×C×P. See 06, "What does a 1×1 convolution compute?".
    在每个像素上，1×1 卷积就是对通道做线性变换。用 @ 实现，不用现成的卷积函数。

    >>> x, weight, bias = torch.rand(4, 3, 5, 6), torch.rand(2, 3), torch.rand(2)
    >>> torch.allclose(conv1x1(x, weight, bias), F.conv2d(x, weight.reshape(2, 3, 1, 1), bias))
    True
    >>> {"conv2d", "Conv2d"} & set(conv1x1.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def learning_rate(step, steps, lr):
    """★★ A schedule by hand 学习率调度: return the learning rate of the one-cycle schedule for step 0 … steps - 1.

    It is two straight lines: from lr / 25 at step 0 up to lr at step 0.2·steps - 1, then down to lr / 250,000 at the
    last step. Draw them first. See 05, "What --fast does".
    返回单周期调度在每一步的学习率：两条直线，先升后降。先画图。

    >>> [round(learning_rate(step, steps=10, lr=0.01), 4) for step in range(10)]
    [0.0004, 0.01, 0.0088, 0.0075, 0.0063, 0.005, 0.0038, 0.0025, 0.0013, 0.0]
    >>> optimizer, scheduler = one_cycle(nn.Linear(1, 1), lr=0.3, steps=50)
    >>> for step in range(50):
    ...     assert abs(learning_rate(step, steps=50, lr=0.3) - scheduler.get_last_lr()[0]) < 1e-6, step
    ...     optimizer.step()
    ...     scheduler.step()
    >>> {"one_cycle", "OneCycleLR"} & set(learning_rate.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def merge(first, second):
    """★★★ Two layers in one 两层合成一层: without a ReLU between them, two convolutions can do no more than one.

    `first` is a 1×1 convolution, `second` a K×K one, both without padding. Return one nn.Conv2d that does what both do.
    Its bias: what do both make of an image of zeros? Its weight: at each position of the kernel `second` has a matrix
    O×M, and `first` has one, M×C. Fill the new layer inside `with torch.no_grad():`. See 06, "What is lost without
    ReLU?". 两个卷积之间没有 ReLU 时，可以合成一个。返回与两者作用相同的一个 nn.Conv2d。

    >>> for channels, middle, out, kernel in [(1, 1, 1, 1), (3, 5, 4, 3), (6, 2, 3, 5)]:
    ...     first, second = nn.Conv2d(channels, middle, 1), nn.Conv2d(middle, out, kernel)
    ...     x, layer = torch.rand(2, channels, 9, 9), merge(first, second)
    ...     assert isinstance(layer, nn.Conv2d) and torch.allclose(layer(x), second(first(x)), atol=1e-5)
    """
    raise NotImplementedError("replace this line with your code")
