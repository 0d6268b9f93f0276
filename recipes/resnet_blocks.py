"""Compare the blocks of two papers in the network of 07 残差块比较 (lecture 11's homework 第11讲作业).

He et al., Identity Mappings (2016), have the scaled shortcut, the 1×1 convolution on it, and preactivation; the dense
block is from Huang et al., DenseNet (2017). Gradient: what reaches the first of 20 untrained blocks. Then comes the
test accuracy in % after one epoch, seeds 0 to 2; a network that always answers "1" reaches 11.35 %.

    python recipes/resnet_blocks.py        it takes no options: change the capital names, DEPTH = 3 for example

                         gradient   DEPTH = 1           DEPTH = 3           DEPTH = 10
    ResidualBlock        1e+00      99.32 99.46 99.36   99.42 99.40 99.38   99.39 99.26 99.20
    ScaledBlock          9e-09      99.32 99.30 99.29   99.05 99.10 99.17   11.35 11.35 11.35
    ConvShortcutBlock    3e-08      99.19 99.40 99.31   99.09 99.19 99.10   11.35 11.35 11.35
    PreactivationBlock   1e+00      99.34 99.29 99.32   99.37 99.33 99.37   99.44 99.41 99.31
    DenseBlock           9e-12      99.16 99.23 99.21   98.87 98.99 98.24   11.35 11.35 11.35

All have one learning rate: the table shows which blocks train at this rate, not which are best. (torch 2.14.1, CPU)
所有网络用同一个学习率：每个阶段十个块时，只有恒等跳跃连接的两种学会了；此表说明哪些块能用这个学习率训练，不说明哪种最好。
"""

import os
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets

DEPTH = 1  # blocks in each of the two stages
SEEDS = [0, 1, 2]
EPOCHS = 1
BATCH_SIZE = 128
LR = 0.007


class ResidualBlock(nn.Module):  # N×C×H×W → N×C×H×W, as all blocks
    def __init__(self, channels):
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
        )

    def forward(self, x):
        return F.relu(x + self.path(x))


class ScaledBlock(ResidualBlock):  # Identity Mappings, figure 2(b)
    def forward(self, x):
        return F.relu(0.5 * x + 0.5 * self.path(x))


class ConvShortcutBlock(ResidualBlock):  # figure 2(e)
    def __init__(self, channels):
        super().__init__(channels)
        self.shortcut = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.path(x))


class PreactivationBlock(ResidualBlock):  # figure 4(e), without its batch norm: no ReLU after the sum
    def forward(self, x):
        return x + self.path(F.relu(x))


class DenseBlock(nn.Module):  # each layer sees all before it; a 1×1 convolution brings back the number of channels
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels // 2, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(channels * 3 // 2, channels // 2, kernel_size=3, padding=1)
        self.transition = nn.Conv2d(channels * 2, channels, kernel_size=1)

    def forward(self, x):
        x = torch.cat([x, F.relu(self.conv1(x))], dim=1)  # N×1.5C×H×W
        x = torch.cat([x, F.relu(self.conv2(x))], dim=1)  # N×2C×H×W
        return F.relu(self.transition(x))


BLOCKS = [ResidualBlock, ScaledBlock, ConvShortcutBlock, PreactivationBlock, DenseBlock]


def resnet(block, depth):
    """Returns the network of 07_resnet.py: N×1×28×28 images → N×10 logits."""
    stage1 = [nn.Conv2d(1, 16, kernel_size=5), nn.MaxPool2d(2), nn.ReLU()]  # N×16×12×12
    stage1 += [block(16) for _ in range(depth)]
    stage2 = [nn.Conv2d(16, 32, kernel_size=5), nn.MaxPool2d(2), nn.ReLU()]  # N×32×4×4
    stage2 += [block(32) for _ in range(depth)]
    return nn.Sequential(*stage1, *stage2, nn.Flatten(), nn.Linear(512, 10))  # 32·4·4 = 512


def mnist(train):
    """Returns the images of MNIST, normalized, and their labels; a file that is missing is downloaded."""
    folder = Path("data")
    if not (folder / "MNIST").exists() and "__file__" in globals():
        folder = Path(__file__).resolve().parent.parent / "data"
    digits = datasets.MNIST(folder, train=train, download=True)
    images = digits.data.unsqueeze(1).float().div_(255)
    return images.sub_(0.1307).div_(0.3081), digits.targets


def train_epoch(model, train_loader, loss_fn, optimizer, scheduler, device):
    model.train()
    for number, (images, target) in enumerate(train_loader):
        loss = loss_fn(model(images.to(device)), target.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if number % 100 == 0:
            print(".", end="", flush=True)  # it is alive


if __name__ in ["__main__", "builtins"]:  # it is "builtins" in PyCharm's console
    if sys.argv[1:] and os.path.basename(sys.argv[0]) == os.path.basename(globals().get("__file__", "pasted")):
        sys.exit("this program takes no options: change the capital names at its top")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    train_loader = DataLoader(TensorDataset(*mnist(train=True)), batch_size=BATCH_SIZE, shuffle=True)
    test_images, test_target = mnist(train=False)

    for block in BLOCKS:
        torch.manual_seed(SEEDS[0])
        x = torch.rand(1, 16, 12, 12, requires_grad=True)
        untrained = nn.Sequential(*[block(16) for _ in range(20)])
        untrained(x).sum().backward()
        print(f"{block.__name__:18}  gradient {x.grad.abs().mean():.0e}  test accuracy in % ", end="", flush=True)
        for seed in SEEDS:
            torch.manual_seed(seed)
            model = resnet(block, DEPTH).to(device, memory_format=torch.channels_last)  # convolutions run faster
            loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
            optimizer = torch.optim.Adam(model.parameters(), betas=(0.7, 0.9), fused=True)
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, LR, EPOCHS * len(train_loader), pct_start=0.2, anneal_strategy="linear", cycle_momentum=False
            )
            for _ in range(EPOCHS):
                train_epoch(model, train_loader, loss_fn, optimizer, scheduler, device)
            model.eval()
            with torch.inference_mode():
                predicted = model(test_images.to(device)).argmax(dim=1).cpu()
            print(f" {100 * (predicted == test_target).float().mean():.2f} ", end="", flush=True)
        print()
