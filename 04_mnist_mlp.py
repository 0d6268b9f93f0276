"""Reads handwritten digits with five linear layers 多分类问题 (lecture 9).

New beside 03: ten classes, so softmax and cross-entropy, and a test set that the network never trains on.
train_epoch() and evaluate() are written out here. The later scripts take the same two from common.py.
CrossEntropyLoss 已经包含 softmax，所以网络的最后一层不加激活函数；训练循环和测试循环在这里完整写出，后面各节沿用。

    python 04_mnist_mlp.py --plot softmax.png                      97.53 % after 10 epochs
    python 04_mnist_mlp.py --raw                                   98.55 % after 20 epochs (the article: 98.33 %)
    python 04_mnist_mlp.py --raw --activation sigmoid              learns far more slowly
    python 04_mnist_mlp.py --csv mnist_train.csv mnist_test.csv    your own: a label, then 784 pixels in each line

Lesson: docs/lessons/04_mnist_mlp.md, 中文课程: docs/lessons/zh-CN/04_mnist_mlp.md
"""

import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

from common import DATA, load, new_figure, options, parse, pick_device, plot_history, reading, save


class MLP(nn.Module):
    """Turns N×1×28×28 images into N×10 logits."""

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
    """Reads digits from a CSV file, or from a .gz. Returns a Dataset: images N×1×28×28 of 0 to 255, and labels N."""
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
    """Trains for one pass over `train_loader`. Returns the loss of each batch."""
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
        loss += loss_fn(logits, target).item() * len(target)  # mean × size = sum: the last batch may be smaller
        correct += (logits.argmax(dim=1) == target).sum().item()
        samples += len(target)
    return loss / samples, correct / samples


def plot(path, history, images, labels, probabilities):
    """Draws the history, and digits over the ten probabilities that the network gives each."""
    figure = new_figure(10, 6)
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 4])
    plot_history(top, history, classes=10)
    bottom.suptitle("softmax: ten probabilities, together 1 (blue: the true digit); right: the least certain digits")
    axes = bottom.subplots(2, len(images))
    for column, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        axes[0, column].imshow(image[0].numpy(), cmap="gray_r")
        axes[0, column].set_axis_off()
        bars = axes[1, column].bar(range(10), probabilities[column].tolist(), color="silver")
        bars[label].set_color("C0")
        axes[1, column].set(ylim=(0, 1.05), xticks=range(10), yticks=[])
        axes[1, column].set_title(f"{100 * probabilities[column, label]:.1f} %", fontsize="medium")
        axes[1, column].tick_params(axis="x", labelsize=8, length=0)
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=10, lr=0.01, batch_size=64, saves=True)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="relu", help="(default: %(default)s)")
    parser.add_argument("--raw", action="store_true", help="pixels 0 to 255, not normalized; 20 epochs")
    parser.add_argument("--csv", nargs=2, metavar=("TRAIN", "TEST"), help="your own digits, as with --raw; 20 epochs")
    args = parse(parser, raw={"epochs": 20}, csv={"epochs": 20}, load={"epochs": 0})
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
    model = MLP(activation)
    if args.load:
        with reading(args.load):
            model.load_state_dict(load(args.load))
    model.to(device)

    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)  # half of each step is added to the next

    history = []
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        losses = train_epoch(model, train_loader, loss_fn, optimizer, device)
        test_loss, test_accuracy = evaluate(model, test_loader, loss_fn, device)
        loss = sum(losses) / len(losses)
        measured = f"loss {loss:.4f}  test loss {test_loss:.4f}  test accuracy {100 * test_accuracy:.2f} %"
        print(f"epoch {epoch:2}/{args.epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
        history.append({"losses": losses, "test_loss": test_loss, "test_accuracy": test_accuracy})
    if not history:  # the weights were only loaded
        test_loss, test_accuracy = evaluate(model, test_loader, loss_fn, device)
    print(f"test accuracy {100 * test_accuracy:.2f} %")

    if args.save:
        save(model.state_dict(), args.save)

    if args.plot:
        images = torch.stack([image for image, label in test_set])  # 10,000×1×28×28
        labels = torch.tensor([label for image, label in test_set])
        model.eval()
        with torch.inference_mode():
            logits = model(images.to(device)).cpu()
        probabilities = logits.softmax(dim=1)
        least_certain = probabilities.max(dim=1).values.argsort()[:4]
        shown = torch.cat([torch.arange(len(least_certain)), least_certain])  # and the first four
        plot(args.plot, history, images[shown], labels[shown], probabilities[shown])
