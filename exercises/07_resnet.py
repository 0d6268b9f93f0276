"""Exercises 练习 for lesson 07: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/07_resnet.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

from runpy import run_path

import torch
import torch.nn.functional as F
from torch import nn

lesson = run_path("07_resnet.py")
PlainBlock, ResidualBlock = lesson["PlainBlock"], lesson["ResidualBlock"]


class Stack(nn.Module):
    """★ Find the mistake 找错: forward() is right, but an optimizer finds no weights in this network. Repair it.

    forward() 没有错，但优化器在这个网络里找不到权重。请改正。See 07, "Does the network know its blocks?".

    >>> for channels, depth in ((16, 3), (8, 5)):
    ...     stack, x = Stack(channels, depth), torch.rand(2, channels, 5, 5)
    ...     print(sum(parameter.numel() for parameter in stack.parameters()), stack(x).shape)
    13920 torch.Size([2, 16, 5, 5])
    5840 torch.Size([2, 8, 5, 5])
    """

    def __init__(self, channels, depth):
        super().__init__()
        self.blocks = [ResidualBlock(channels) for _ in range(depth)]

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def batch_norm(x):
    """★★ Batch norm by hand 手写批归一化: give each channel of N×C×H×W numbers the mean 0 and the variance 1.

    Compute (x - mean) / √(variance + 0.00001). The mean of a channel is that of all its N·H·W numbers. The variance is
    the mean of (x - mean)². mean(dim=(0, 2, 3), keepdim=True) takes the mean over three dimensions and keeps them, with
    size 1. See 07, "Batch norm, and what eval() changes".
    让 N×C×H×W 的每个通道均值为 0、方差为 1：(x - mean) / √(variance + 0.00001)。

    >>> x = 5 + torch.randn(8, 4, 6, 7) * torch.tensor([3.0, 6.0, 9.0, 0.003]).reshape(4, 1, 1)
    >>> torch.allclose(batch_norm(x), nn.BatchNorm2d(4)(x), atol=1e-3)
    True
    >>> {"batch_norm", "BatchNorm2d"} & set(batch_norm.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def gradient_sizes(model, loss):
    """★★ Where is the gradient lost? 梯度在哪里消失: return a dict from parameter names to mean |gradients|, floats.

    Use model.named_parameters(). A second call must not return twice as much: a network has zero_grad(), too. See 07,
    "How much gradient reaches the first of 20 untrained blocks" and 01, "Why zero_grad()?".
    返回字典：参数名 → 梯度绝对值的均值。再调用一次，数值不能翻倍。

    >>> model, x = nn.Sequential(*[PlainBlock(16) for _ in range(4)]), torch.rand(1, 16, 12, 12)
    >>> sizes, again = gradient_sizes(model, model(x).sum()), gradient_sizes(model, model(x).sum())
    >>> sizes["0.0.weight"] < 0.1 * sizes["3.2.weight"], sizes == again
    (True, True)
    >>> by_autograd = torch.autograd.grad(model(x).sum(), model.parameters())
    >>> torch.allclose(torch.tensor(list(sizes.values())), torch.stack([g.abs().mean() for g in by_autograd]))
    True
    """
    raise NotImplementedError("replace this line with your code")


class DownBlock(nn.Module):
    """★★★ Smaller and wider 缩小一半，通道加倍: a residual block N×C×H×W → N×2C×H/2×W/2.

    conv1 is 3×3, has stride 2 and padding 1, and makes 2C channels. conv2 is 3×3, with padding 1. The input does not
    fit the sum. A 1×1 convolution with stride 2, `shortcut`, makes it fit. The ReLUs are where those of ResidualBlock
    are. See 07, "What if the block changes the shape?" and "What does a residual block compute?".
    写一个高宽减半、通道加倍的残差块；`shortcut` 是步长为 2 的 1×1 卷积，使输入能与输出相加。

    >>> block, x = DownBlock(6), torch.randn(3, 6, 10, 14)
    >>> block(x).shape, sum(parameter.numel() for parameter in block.parameters())
    (torch.Size([3, 12, 5, 7]), 2052)
    >>> shortcut = F.conv2d(x[:, :, ::2, ::2], block.shortcut.weight, block.shortcut.bias)
    >>> fill = nn.init.constant_
    >>> _ = fill(block.conv2.weight, 0), fill(block.conv2.bias, -0.5)
    >>> torch.allclose(block(x), F.relu(shortcut - 0.5), atol=1e-6)  # conv2 answers -0.5 everywhere
    True
    >>> _ = fill(block.conv1.weight, 0), fill(block.conv1.bias, -1), fill(block.conv2.weight, 1)
    >>> torch.allclose(block(x), F.relu(shortcut - 0.5), atol=1e-6)  # conv1 answers -1, and a ReLU makes it 0
    True
    """

    def __init__(self, channels):
        """Makes the three layers."""
        super().__init__()
        raise NotImplementedError("replace this line with your code")

    def forward(self, x):
        """Returns N×2C×H/2×W/2 numbers."""
        raise NotImplementedError("replace this line with your code")
