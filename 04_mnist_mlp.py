"""Softmax and many classes 多分类问题: five linear layers tell the ten digits of MNIST apart.

Images come as the article has them, by datasets.MNIST and a transform. train_epoch() and evaluate() are the loops of
05, 06, 07, 09 and 10, too: common.py has both, for any number of inputs and with a schedule. The second half of the
section trains the same network on your own data: CSV files, the label first, then 784 pixels of 0 to 255, fed as they
are.

五个线性层识别 MNIST 的十个数字；train_epoch() 和 evaluate() 完整写出了训练循环和测试循环，05、06、07、09、10 沿用。
要点：CrossEntropyLoss 已经包含 softmax，所以网络的最后一层不加激活函数。

    python 04_mnist_mlp.py --plot loss.png
    python 04_mnist_mlp.py --raw                                      pixels 0 to 255, 20 epochs
    python 04_mnist_mlp.py --raw --activation sigmoid
    python 04_mnist_mlp.py --csv mnist_train.csv mnist_test.csv       your own files, also .gz

After ten epochs 97.53 % normalised, 97.61 % raw (--raw --epochs 10); after 20 epochs raw 98.55 %, where the article
reports 98.33 %. At this learning rate raw pixels, which are larger, learn faster; at 0.1 they end in nan. (Seed 0,
torch 2.14.1.) An image at a time, an epoch takes about 4 s on two cores; all at once, as from 05 on, under 2 s.

Before running 先猜再跑: an epoch in batches of 10 instead of 64 has six times as many steps. How much longer does it
take, and is the accuracy after it better? --raw --epochs 1, with and without --batch-size 10

Worked examples 例子, run by `python -m doctest 04_mnist_mlp.py`

Softmax turns the logits z into probabilities. The cross-entropy is minus the logarithm of one of them, that of the true
class 交叉熵只取真实类别的那一项:

>>> y, z = np.array([1, 0, 0]), np.array([0.2, 0.1, -0.1])
>>> p = np.exp(z) / np.exp(z).sum()
>>> p.round(3).tolist(), round(float((-y * np.log(p)).sum()), 4)
([0.378, 0.342, 0.28], 0.9729)

CrossEntropyLoss does both, and takes the class's number for y. It is LogSoftmax followed by NLLLoss 两步合一:

>>> target, logits = torch.tensor([0]), torch.tensor([[0.2, 0.1, -0.1]])
>>> nn.CrossEntropyLoss()(logits, target)
tensor(0.9729)
>>> nn.NLLLoss()(nn.LogSoftmax(dim=1)(logits), target)
tensor(0.9729)

A new network gives each digit about 1/10, so its loss is near ln 10 = 2.303. Where training leaves it there, nothing
was learned 训练后仍在 2.303 附近，就是什么也没学到:

>>> from common import mnist
>>> images, labels = mnist(train=True).tensors
>>> with torch.no_grad():
...     logits = MLP(torch.relu)(images[:1000])
>>> probabilities = logits.softmax(dim=1)
>>> round(probabilities.min().item(), 1), round(probabilities.max().item(), 1)
(0.1, 0.1)
>>> round(nn.CrossEntropyLoss()(logits, labels[:1000]).item(), 1)
2.3

Mean and standard deviation of the training pixels, with which the images are normalised 均值和标准差:

>>> pixels = datasets.MNIST(DATA).data / 255
>>> round(pixels.mean().item(), 4), round(pixels.std().item(), 4)
(0.1307, 0.3081)

The DataLoader asks for one image after the other, and each is transformed. From 05 on mnist() transforms all at once,
to the same 逐张变换与一次性变换，结果相同:

>>> transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
>>> x, target = next(iter(DataLoader(datasets.MNIST(DATA, transform=transform), batch_size=64)))
>>> torch.allclose(x, images[:64], atol=1e-6), torch.equal(target, labels[:64])
(True, True)
>>> x.view(-1, 784).shape, torch.equal(x.view(-1, 784), x.flatten(1))  # the article's view(), and flatten()
(torch.Size([64, 784]), True)
"""

import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

from common import DATA, options, parse, pick_device, plot_history, reading


class MLP(nn.Module):
    """N×1×28×28 images → N×10 logits."""

    def __init__(self, activation):
        super().__init__()
        self.linear1 = nn.Linear(784, 512)
        self.linear2 = nn.Linear(512, 256)
        self.linear3 = nn.Linear(256, 128)
        self.linear4 = nn.Linear(128, 64)
        self.linear5 = nn.Linear(64, 10)
        self.activation = activation

    def forward(self, x):
        x = x.flatten(1)  # N×784
        x = self.activation(self.linear1(x))  # N×512
        x = self.activation(self.linear2(x))  # N×256
        x = self.activation(self.linear3(x))  # N×128
        x = self.activation(self.linear4(x))  # N×64
        return self.linear5(x)  # N×10


def read_digits(path):
    """Returns a Dataset of a CSV file's digits, also of a .gz: images N×1×28×28 of 0 to 255, and labels N."""
    with reading(path):
        rows = np.loadtxt(path, np.float32, delimiter=",", quotechar='"', ndmin=2, encoding="utf-8-sig")
        labels, pixels = rows[:, 0], rows[:, 1:]
        if (
            pixels.shape[1] != 784
            or not set(labels) <= set(range(10))
            or pixels.min() < 0
            or not 1 < pixels.max() <= 255
        ):
            raise ValueError("each line must be a label of 0 to 9, then 784 pixels of 0 to 255")
    images = pixels.reshape(-1, 1, 28, 28)
    return TensorDataset(torch.from_numpy(images), torch.from_numpy(labels).long())


def train_epoch(model, train_loader, loss_fn, optimizer, device):
    """Trains for one pass over `train_loader`; returns the losses of the batches."""
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
def evaluate(model, test_loader, loss_fn, device):
    """Returns the mean loss and the accuracy (0 to 1) over `test_loader`."""
    model.eval()
    loss, correct, samples = 0, 0, 0
    for images, target in test_loader:
        images = images.to(device)
        target = target.to(device)
        logits = model(images)
        loss += loss_fn(logits, target).item() * len(target)  # a batch's mean to its sum: the last may be smaller
        correct += (logits.argmax(dim=1) == target).sum().item()
        samples += len(target)
    return loss / samples, correct / samples


if __name__ == "__main__":
    parser = options(__doc__, epochs=10, lr=0.01, batch_size=64)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="relu", help="(%(default)s)")
    parser.add_argument("--raw", action="store_true", help="pixels 0 to 255, not normalised, 20 epochs")
    parser.add_argument("--csv", nargs=2, metavar=("TRAIN", "TEST"), help="your own digits, as with --raw, 20 epochs")
    args = parse(parser, raw={"epochs": 20}, csv={"epochs": 20})
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    if args.csv:
        train_set = read_digits(args.csv[0])
        test_set = read_digits(args.csv[1])
        images, labels = train_set.tensors
        classes = labels.unique().tolist()
        read = f"labels {classes}, pixels from {images.min():g} to {images.max():g}"
        print(f"{len(train_set)} and {len(test_set)} images; for training {read}")
        if len(classes) == 1:
            sys.exit(f"{args.csv[0]}: all labels are {classes[0]}; is the label the first column?")
    else:
        if args.raw:
            change = transforms.Lambda(lambda image: 255 * image)  # ToTensor has divided by 255
        else:
            change = transforms.Normalize((0.1307,), (0.3081,))
        transform = transforms.Compose([transforms.ToTensor(), change])
        with reading(DATA / "MNIST"):
            train_set = datasets.MNIST(DATA, train=True, transform=transform, download=True)
            test_set = datasets.MNIST(DATA, train=False, transform=transform, download=True)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    activation = {"relu": torch.relu, "sigmoid": torch.sigmoid}[args.activation]
    model = MLP(activation).to(device)

    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)  # half of a step is added to the next

    history = []
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        losses = train_epoch(model, train_loader, loss_fn, optimizer, device)
        test_loss, test_accuracy = evaluate(model, test_loader, loss_fn, device)
        loss = sum(losses) / len(losses)
        measured = f"loss {loss:.4f}  test loss {test_loss:.4f}  test accuracy {100 * test_accuracy:.2f} %"
        print(f"epoch {epoch:2}/{args.epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
        history.append({"losses": losses, "test_loss": test_loss, "test_accuracy": test_accuracy})
    print(f"test accuracy {100 * test_accuracy:.2f} %")

    if args.plot:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3), layout="constrained")
        plot_history(figure, history)
        figure.savefig(args.plot)
