"""Read MNIST with three convolutions, three pooling layers and three linear layers: lecture 10's homework 第10讲作业.

Each pooling layer halves height and width, rounded down: 28 → 14 → 7 → 3. So the first linear layer gets 64·3·3 = 576
numbers. Without ReLU between them, three linear layers can do no more than one.
每次池化都让高和宽减半（向下取整），所以第一个线性层的输入是 64×3×3 = 576 个数。
线性层之间必须有激活函数，否则几层合起来仍只是一个线性变换。

    python recipes/cnn_one_file.py             98.54 % after 3 epochs

The program takes no options. To change something, change the capital names below 没有命令行选项，请直接修改大写的变量.
You can also paste all of it into a notebook. MNIST is read from data/ in the folder where you start it, or from data/
next to recipes/. If it is in neither, it is downloaded (11 MB). After each epoch the weights are saved to WEIGHTS, so
Ctrl-C loses at most one epoch. To use them in your own program, copy the class CNN into it and write:

    model = CNN()
    model.load_state_dict(torch.load("deep_cnn.pt", map_location="cpu", weights_only=True))
    model.eval()

The learning rate was chosen with 10,000 images held out from the training set, not with the test set. (torch 2.14.1)
"""

import contextlib
import os
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

EPOCHS = 3
LR = 0.05
SEED = 0
WEIGHTS = "deep_cnn.pt"  # "" saves nothing


class CNN(nn.Module):
    """Turns N×1×28×28 images into N×10 logits."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pooling = nn.MaxPool2d(2)
        self.linear1 = nn.Linear(576, 128)  # 64 channels of 3×3 pixels: 64·3·3 = 576
        self.linear2 = nn.Linear(128, 64)
        self.linear3 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.pooling(self.conv1(x)))  # N×16×14×14
        x = F.relu(self.pooling(self.conv2(x)))  # N×32×7×7
        x = F.relu(self.pooling(self.conv3(x)))  # N×64×3×3
        x = x.flatten(1)  # N×576
        x = F.relu(self.linear1(x))  # N×128
        x = F.relu(self.linear2(x))  # N×64
        return self.linear3(x)  # N×10; no softmax, because CrossEntropyLoss includes it


def train_epoch(model, train_loader, loss_fn, optimizer, device):
    """Trains for one pass over `train_loader`; returns the loss of each batch."""
    model.train()
    losses = []
    for images, target in train_loader:
        images = images.to(device)
        target = target.to(device)
        logits = model(images)
        loss = loss_fn(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.inference_mode()
def evaluate(model, test_loader, device):
    """Returns the accuracy (0 to 1) over `test_loader`."""
    model.eval()
    correct = 0
    for images, target in test_loader:
        images = images.to(device)
        target = target.to(device)
        predicted = model(images).argmax(dim=1)
        correct += (predicted == target).sum().item()
    return correct / len(test_loader.dataset)


if __name__ in ["__main__", "builtins"]:  # it is "builtins" in PyCharm's console
    if sys.argv[1:] and os.path.basename(sys.argv[0]) == os.path.basename(globals().get("__file__", "pasted")):
        sys.exit("this program takes no options: change the capital names at its top")
    if WEIGHTS and (os.path.isdir(WEIGHTS) or not os.access(os.path.dirname(WEIGHTS) or ".", os.W_OK)):
        sys.exit(f"WEIGHTS = {WEIGHTS!r} is a folder, or its folder is missing or write-protected")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    torch.manual_seed(SEED)

    folder = Path("data")
    if not (folder / "MNIST").exists() and "__file__" in globals():  # a notebook cell has no __file__
        beside = Path(__file__).resolve().parent.parent / "data"
        folder = beside if (beside / "MNIST").exists() else folder
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    try:
        train_set = datasets.MNIST(folder, train=True, transform=transform, download=True)
        test_set = datasets.MNIST(folder, train=False, transform=transform, download=True)
    except (AssertionError, OSError, RuntimeError, ValueError) as error:
        complete = len(list(folder.glob("MNIST/raw/*-ubyte"))) == 4
        what = "cannot be read; delete it and start again" if complete else "lacks files that cannot be downloaded"
        reason = " ".join(str(error).split())  # torchvision's messages have several lines
        sys.exit(f"{folder / 'MNIST'} {what}: {type(error).__name__} {reason}")
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    model = CNN().to(device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.5)

    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends the training, not the notebook
        for epoch in range(1, EPOCHS + 1):
            losses = train_epoch(model, train_loader, loss_fn, optimizer, device)
            test_accuracy = evaluate(model, test_loader, device)
            loss = sum(losses) / len(losses)
            print(f"epoch {epoch:2}/{EPOCHS}  loss {loss:.4f}  test accuracy {100 * test_accuracy:.2f} %", flush=True)
            if WEIGHTS:
                torch.save(model.state_dict(), f"{WEIGHTS}.part")
                os.replace(f"{WEIGHTS}.part", WEIGHTS)  # an old file is whole until the new one is
