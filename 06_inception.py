"""Reads handwritten digits with Inception modules 卷积神经网络（高级篇） (lecture 11).

Which kernel size is best? A module tries several at once: four branches see the same input, and their outputs are
joined along the channels. Everything else is as in 05.
四条并行的分支处理同一个输入，输出在通道维上拼接，一次试用几种大小的卷积核。其余与 05 相同。

    python 06_inception.py                                   98.98 % after 30 epochs (the article: 98.9 %)
    python 06_inception.py --fast --plot inception.png       99.05 % after one epoch (mean of ten seeds)

Lesson: docs/lessons/06_inception.md, 中文课程: docs/lessons/zh-CN/06_inception.md
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from common import fit, load, mnist, new_figure, one_cycle, options, parse, pick_device, plot_history, reading, save


class InceptionA(nn.Module):
    """Turns N×C×H×W into N×88×H×W: stacks the outputs of four branches. As in the article, they have no ReLU."""

    def __init__(self, in_channels):
        super().__init__()
        self.branch1x1 = nn.Conv2d(in_channels, 16, kernel_size=1)
        self.branch5x5_1 = nn.Conv2d(in_channels, 16, kernel_size=1)
        self.branch5x5_2 = nn.Conv2d(16, 24, kernel_size=5, padding=2)
        self.branch3x3_1 = nn.Conv2d(in_channels, 16, kernel_size=1)
        self.branch3x3_2 = nn.Conv2d(16, 24, kernel_size=3, padding=1)
        self.branch3x3_3 = nn.Conv2d(24, 24, kernel_size=3, padding=1)
        self.branch_pool = nn.Conv2d(in_channels, 24, kernel_size=1)

    def forward(self, x):
        branch1x1 = self.branch1x1(x)  # N×16×H×W
        branch5x5 = self.branch5x5_2(self.branch5x5_1(x))  # N×24×H×W
        branch3x3 = self.branch3x3_2(self.branch3x3_1(x))  # N×24×H×W
        branch3x3 = self.branch3x3_3(branch3x3)  # N×24×H×W
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))  # N×24×H×W
        return torch.cat([branch1x1, branch5x5, branch3x3, branch_pool], dim=1)  # N×88×H×W


class InceptionNet(nn.Module):
    """Turns N×1×28×28 images into N×10 logits."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.inception1 = InceptionA(10)
        self.conv2 = nn.Conv2d(88, 20, kernel_size=5)
        self.inception2 = InceptionA(20)
        self.pooling = nn.MaxPool2d(2)
        self.linear = nn.Linear(1408, 10)  # 88·4·4 = 1408

    def forward(self, x):
        x = F.relu(self.pooling(self.conv1(x)))  # N×10×12×12
        x = self.inception1(x)  # N×88×12×12
        x = F.relu(self.pooling(self.conv2(x)))  # N×20×4×4
        x = self.inception2(x)  # N×88×4×4
        return self.linear(x.flatten(1))  # N×10


def plot(path, history, digit, branches):
    """Draws the history, and the feature maps that the first module's four branches make of one digit."""
    figure = new_figure(10, 6)
    top, bottom = figure.subfigures(2, 1, height_ratios=[2, 3])
    plot_history(top, history, classes=10)
    bottom.suptitle("Four branches see the same input, and their 16 + 24 + 24 + 24 = 88 feature maps are joined")
    left, right = bottom.subfigures(1, 2, width_ratios=[1, 4])
    left.add_subplot(xticks=[], yticks=[]).imshow(digit.numpy(), cmap="gray_r")
    for axes, (name, maps) in zip(right.subplots(4, 1), branches.items(), strict=True):
        order = maps.std(dim=(1, 2)).argsort(descending=True)
        strongest = F.pad(maps[order[:10]], (0, 1, 0, 0), value=torch.nan)  # a column of nan: a gap between two maps
        limit = maps.abs().max()
        row = torch.cat(list(strongest), dim=1)
        axes.imshow(row.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_ylabel(f"{name}\nten of {len(maps)} maps", rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=30, lr=0.01, batch_size=64, saves=True)
    parser.add_argument("--fast", action="store_true", help="one epoch: Adam, one-cycle learning rate, label smoothing")
    args = parse(parser, fast={"epochs": 1, "lr": 0.007, "batch_size": 128}, load={"epochs": 0})
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_set = mnist(train=True)
    test_set = mnist(train=False)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    model = InceptionNet()
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
        image = test_set.tensors[0][:1]
        model.eval()
        with torch.inference_mode():
            x = F.relu(model.pooling(model.conv1(image.to(device))))  # 1×10×12×12
            maps = model.inception1(x)[0].cpu()  # 88×12×12
        names = "1×1", "1×1, then 5×5", "1×1, then 3×3 twice", "pooling, then 1×1"
        branches = dict(zip(names, maps.split([16, 24, 24, 24]), strict=True))
        plot(args.plot, history, image[0, 0], branches)
