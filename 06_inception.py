"""Inception GoogLeNet: a module of parallel branches 卷积神经网络（高级篇）, Advanced CNN.

Which kernel size works best is left to training: four branches see the same input, and their outputs are joined along
the channels. The idea is from Szegedy and others, Going Deeper with Convolutions (2014: GoogLeNet). This module is
InceptionA of torchvision's Inception v3, with fewer channels, and without batch norm and ReLU; two 3×3 in a row are
from Rethinking the Inception Architecture (2015). Data, loss, optimizer and loops are those of 05_mnist_cnn.py.

一个模块由四条并行的分支组成（三条卷积分支、一条平均池化分支），各分支的输出在通道维上拼接，哪条更有用由训练决定。
要点：文章的模块里没有 ReLU，所以整个模块只是线性变换；GoogLeNet 的每个卷积后面都有 ReLU。GoogLeNet 用 1×1 卷积把 5×5
卷积的乘法次数降到十分之一左右；本节的通道太少，第一个模块里它反而增加计算量。

    python 06_inception.py
    python 06_inception.py --fast

The article reports 98.9 %; here it is 98.98 % after 30 epochs (seed 0), and 99.05 % after one of --fast (ten seeds).
With a ReLU after each convolution of the module, as GoogLeNet has it, --fast reaches 99.32 ± 0.08 % (five seeds,
without 99.05 ± 0.07 %). (torch 2.14.1, CPU)

Before running 先猜再跑: 06 has fewer parameters than 05, 97,298 and 104,554. Whose epoch takes longer, and how many
times? --epochs 1 of both

Worked examples 例子, run by `python -m doctest 06_inception.py`

In GoogLeNet a 1×1 convolution in front of a 5×5 one saves nine of ten multiplications: 192 → 32 channels on 28×28,
directly, and through 16 channels. Here it does not pay where the module gets 10 channels: 9,760 multiplications a
pixel, directly 6,000. Where it gets 20, it saves a little: 9,920, directly 12,000 乘法次数:

>>> from torch.utils.flop_counter import FlopCounterMode
>>> def multiplications(*layers, channels, side):
...     with FlopCounterMode(display=False) as counter:
...         nn.Sequential(*layers)(torch.empty(1, channels, side, side))
...     return counter.get_total_flops() // 2  # it counts a multiplication and an addition as two
>>> direct = nn.Conv2d(192, 32, kernel_size=5, padding=2)
>>> reduced = nn.Conv2d(192, 16, kernel_size=1), nn.Conv2d(16, 32, kernel_size=5, padding=2)
>>> multiplications(direct, channels=192, side=28), multiplications(*reduced, channels=192, side=28)
(120422400, 12443648)
>>> for channels in (10, 20):
...     direct = nn.Conv2d(channels, 24, kernel_size=5, padding=2)
...     reduced = nn.Conv2d(channels, 16, kernel_size=1), nn.Conv2d(16, 24, kernel_size=5, padding=2)
...     print(*[multiplications(*layers, channels=channels, side=1) for layers in ([direct], reduced)])
6000 9760
12000 9920

Each output of a 1×1 convolution is a weighted sum of one pixel's channels. Average pooling is the mean of nine pixels;
at the border the zeros outside count, too. The module keeps height and width: 16 + 24 + 24 + 24 = 88 channels 形状不变:

>>> x, conv = torch.rand(1, 3, 4, 5), nn.Conv2d(3, 1, kernel_size=1, bias=False)
>>> torch.allclose(conv(x)[0, 0, 1, 2], conv.weight.flatten() @ x[0, :, 1, 2], atol=1e-6)
True
>>> F.avg_pool2d(torch.ones(1, 1, 3, 3), kernel_size=3, stride=1, padding=1)[0, 0]
tensor([[0.4444, 0.6667, 0.4444],
        [0.6667, 1.0000, 0.6667],
        [0.4444, 0.6667, 0.4444]])
>>> InceptionA(10)(torch.zeros(1, 10, 12, 13)).shape
torch.Size([1, 88, 12, 13])

Without ReLU the module is affine, f(a + b) + f(0) = f(a) + f(b), and sees 5×5 pixels: away from the border, its four
branches together can do no more than one 5×5 convolution. With a ReLU behind each convolution that is no longer so
没有 ReLU，多层也等于一层:

>>> module, zero = InceptionA(3), torch.zeros(1, 3, 8, 8)
>>> a, b = torch.randn(2, 1, 3, 8, 8)
>>> torch.allclose(module(a + b) + module(zero), module(a) + module(b), atol=1e-4)
True
>>> x = torch.zeros(1, 3, 9, 9, requires_grad=True)
>>> module(x)[0, :, 4, 4].sum().backward()
>>> (x.grad.abs().sum(dim=1) > 0).sum()  # the pixels on which the middle one depends
tensor(25)
>>> for convolution in module.children():
...     hook = convolution.register_forward_hook(lambda layer, inputs, output: F.relu(output))
>>> torch.allclose(module(a + b) + module(zero), module(a) + module(b), atol=1e-4)
False
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from common import fit, mnist, one_cycle, options, parse, pick_device, plot_history, reading, save


class InceptionA(nn.Module):
    """N×C×H×W → N×88×H×W: the outputs of four branches side by side. As in the article, without ReLU in a branch."""

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
    """N×1×28×28 images → N×10 logits."""

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


if __name__ == "__main__":
    parser = options(__doc__, epochs=30, lr=0.01, batch_size=64, saves=True)
    parser.add_argument("--fast", action="store_true", help="one epoch: Adam, one-cycle learning rate, smoothed labels")
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
            model.load_state_dict(torch.load(args.load, map_location="cpu", weights_only=True))
    model.to(device, memory_format=torch.channels_last)  # convolutions run faster with the channels last

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
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3), layout="constrained")
        plot_history(figure, history)
        figure.savefig(args.plot)
