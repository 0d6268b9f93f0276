"""Reads handwritten digits with residual blocks 深度残差学习 (lecture 11).

A residual block adds its input to the result of its convolutions. This shortcut lets the signal and the gradient pass
many blocks. Everything else is as in 05.
残差块把输入加到卷积的结果上，信号和梯度可以沿跳跃连接通过许多块。其余与 05 相同。

    python 07_resnet.py                                           99.10 % after 30 epochs (the article: 99.2 %)
    python 07_resnet.py --fast --plot resnet.png                  99.36 % after one epoch (mean of ten seeds)
    python 07_resnet.py --fast --block plain --depth 3            11.35 %: it answers 1 for every digit
    python 07_resnet.py --fast --block residual --depth 3         99.42 %

Lesson: docs/lessons/07_resnet.md, 中文课程: docs/lessons/zh-CN/07_resnet.md
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from common import (
    at_least,
    fit,
    load,
    mnist,
    new_figure,
    one_cycle,
    options,
    parse,
    pick_device,
    plot_history,
    reading,
    save,
)


def conv3x3(in_channels, out_channels):
    """Returns a 3×3 convolution that keeps height and width."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)


class ResidualBlock(nn.Module):
    """Computes relu(x + conv(relu(conv(x)))). The shape N×C×H×W stays the same, here and in all blocks."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.conv2 = conv3x3(channels, channels)

    def forward(self, x):
        y = F.relu(self.conv1(x))  # N×C×H×W
        return F.relu(x + self.conv2(y))  # N×C×H×W


class PlainBlock(nn.Sequential):
    """Computes relu(conv(relu(conv(x)))): no shortcut."""

    def __init__(self, channels):
        super().__init__(conv3x3(channels, channels), nn.ReLU(), conv3x3(channels, channels), nn.ReLU())


class HePlainBlock(PlainBlock):
    """Starts a plain block with weights made for ReLU (He et al., Delving Deep into Rectifiers, 2015)."""

    def __init__(self, channels):
        super().__init__(channels)
        for conv in (self[0], self[2]):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)


class PreactivationBlock(nn.Module):
    """Puts the ReLU before each convolution: He et al., Identity Mappings (2016), figure 4(e), without batch norm."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), conv3x3(channels, channels), nn.ReLU(), conv3x3(channels, channels))

    def forward(self, x):
        return x + self.layers(x)  # N×C×H×W


BLOCKS = {
    "residual": ResidualBlock,
    "plain": PlainBlock,
    "he-plain": HePlainBlock,
    "preactivation": PreactivationBlock,
}


class ResNet(nn.Module):
    """Turns N×1×28×28 images into N×10 logits."""

    def __init__(self, block=ResidualBlock, depth=1):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5)
        self.blocks1 = nn.Sequential(*[block(16) for _ in range(depth)])
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5)
        self.blocks2 = nn.Sequential(*[block(32) for _ in range(depth)])
        self.pooling = nn.MaxPool2d(2)
        self.linear = nn.Linear(512, 10)  # 32·4·4 = 512

    def forward(self, x):
        x = F.relu(self.pooling(self.conv1(x)))  # N×16×12×12
        x = self.blocks1(x)  # N×16×12×12
        x = F.relu(self.pooling(self.conv2(x)))  # N×32×4×4
        x = self.blocks2(x)  # N×32×4×4
        return self.linear(x.flatten(1))  # N×10


def gradients(block):
    """Stacks 20 untrained blocks; returns the mean |gradient| of the summed output at the input of each block."""
    inputs = [torch.rand(1, 16, 12, 12, requires_grad=True)]
    for _ in range(20):
        x = block(16)(inputs[-1])
        inputs.append(x)
    sizes = []
    for gradient in torch.autograd.grad(x.sum(), inputs[:-1]):
        size = gradient.abs().mean()
        sizes.append(size.item())
    return sizes


def plot(path, history, sizes):
    """Draws the history, and the mean |gradient| at the input of each of 20 untrained blocks."""
    figure = new_figure(10, 7)
    top, bottom = figure.subfigures(2, 1, height_ratios=[2, 3])
    plot_history(top, history, classes=10)
    axes = bottom.add_subplot(title="How much of the gradient comes back to the first of 20 untrained blocks?")
    for (name, size), marker, side in zip(sizes.items(), "osv", ["bottom", "top", "center"], strict=True):
        axes.semilogy(range(1, 21), size, marker=marker)
        axes.text(0.7, size[0], f"{name}: {size[0]:.0g}", va=side)
    axes.set(xlabel="block: the gradient begins at the last one, and travels back", ylabel="mean |gradient|")
    axes.set_xticks(range(20, 0, -1))
    axes.set_xlim(20.5, -2)
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=30, lr=0.01, batch_size=64, saves=True)
    parser.add_argument("--fast", action="store_true", help="one epoch: Adam, one-cycle learning rate, label smoothing")
    parser.add_argument(
        "--block", choices=BLOCKS, default="residual", help="with --load, the saved one (default: %(default)s)"
    )
    parser.add_argument("--depth", type=at_least(1), default=1, help="blocks in each stage (default: %(default)s)")
    args = parse(parser, fast={"epochs": 1, "lr": 0.007, "batch_size": 128}, load={"epochs": 0})
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_set = mnist(train=True)
    test_set = mnist(train=False)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    model = ResNet(BLOCKS[args.block], args.depth)
    if args.load:
        with reading(args.load):
            model.load_state_dict(load(args.load))
    model.to(device, memory_format=torch.channels_last)  # convolutions run faster in this memory format

    if args.fast:
        loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
        optimizer, scheduler = one_cycle(model, args.lr, steps=args.epochs * len(train_loader))
    else:
        loss_fn = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)
        scheduler = None

    history = fit(model, train_loader, test_loader, loss_fn, optimizer, scheduler, epochs=args.epochs, device=device)

    if args.save:
        save(model.state_dict(), args.save)

    if args.plot:
        sizes = {name: gradients(BLOCKS[name]) for name in ("residual", "he-plain", "plain")}
        plot(args.plot, history, sizes)
