"""Softmax and many classes 多分类问题: five linear layers tell the ten digits of MNIST apart.

train() and test() are the loops of 05, 06, 07, 09 and 10, too: common.py has them as train_epoch(), which also takes a
schedule, and evaluate(). The second half of the section trains the same network on your own data: CSV files, the label
first, then 784 pixels of 0 to 255, fed as they are.

五个线性层识别 MNIST 的十个数字；train() 和 test() 完整写出了训练循环和测试循环，05、06、07、09、10 沿用。
要点：CrossEntropyLoss 已经包含 softmax，所以网络的最后一层不加激活函数。

    python 04_mnist_mlp.py
    python 04_mnist_mlp.py --raw                                      pixels 0 to 255, 20 epochs
    python 04_mnist_mlp.py --raw --activation sigmoid
    python 04_mnist_mlp.py --csv mnist_train.csv mnist_test.csv       your own files, also .gz

The article reports 98.33 % for --raw, 20 epochs; here it is 98.55 %. Normalised, after 10 epochs, it is 97.53 %: at
this learning rate raw pixels are ahead, at 0.1 they end in nan. (Seed 0, torch 2.14.1, 2 s an epoch.)

Softmax turns the logits z into probabilities; the cross-entropy is minus the logarithm of the true class's probability.

>>> y, z = np.array([1, 0, 0]), np.array([0.2, 0.1, -0.1])
>>> p = np.exp(z) / np.exp(z).sum()
>>> p.round(3).tolist(), round(float((-y * np.log(p)).sum()), 4)
([0.378, 0.342, 0.28], 0.9729)

CrossEntropyLoss does both, and takes the class's number for y. It is LogSoftmax followed by NLLLoss.

>>> target, logits = torch.tensor([0]), torch.tensor([[0.2, 0.1, -0.1]])
>>> nn.CrossEntropyLoss()(logits, target)
tensor(0.9729)
>>> nn.NLLLoss()(nn.LogSoftmax(dim=1)(logits), target)
tensor(0.9729)

Mean and standard deviation of the training pixels, with which the images are normalised:

>>> pixels = mnist("cpu", raw=True)[0] / 255
>>> round(pixels.mean().item(), 4), round(pixels.std().item(), 4)
(0.1307, 0.3081)

Other programs ask a Dataset for one image after the other, and transform each. Their first batch, unshuffled, is ours:

>>> from common import DATA
>>> from torch.utils.data import DataLoader
>>> from torchvision import datasets, transforms
>>> transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
>>> x, target = next(iter(DataLoader(datasets.MNIST(DATA, transform=transform), batch_size=64)))
>>> images, labels, test_images, test_labels = mnist("cpu")
>>> torch.allclose(x, images[:64], atol=1e-6), torch.equal(target, labels[:64])
(True, True)
>>> torch.equal(x.view(-1, 784), x.flatten(1))  # the article's view(), and flatten()
True
"""

import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import batches, data_lines, mnist, options, parse


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
    """Reads a CSV file, also .csv.gz; returns images N×1×28×28 of 0 to 255 and labels N."""
    numbers = []  # of the lines that np.loadtxt has asked for
    warnings.filterwarnings("ignore", "loadtxt")  # of a file without rows
    try:
        rows = np.loadtxt(data_lines(path, numbers), np.float32, delimiter=",", ndmin=2)
    except ValueError:
        rule = "numbers with commas between them, as many as in the lines before; a heading begins with #"
        sys.exit(f"{path}, line {numbers[-1]}: a line must be {rule}")
    if rows.shape[1] != 785:
        sys.exit(f"{path}: each line must be a label and 784 pixels, with commas between them")
    pixels, labels = rows[:, 1:], rows[:, 0]
    right = np.isin(labels, range(10)) & ((pixels >= 0) & (pixels <= 255)).all(axis=1)
    if not right.all():
        line = numbers[right.argmin()]  # the first that is wrong
        sys.exit(f"{path}, line {line}: the first number, the label, must be 0 to 9, and each pixel 0 to 255")
    if pixels.max() <= 1:
        sys.exit(f"{path}: the pixels end at {pixels.max():g}; they must be from 0 to 255")
    return torch.from_numpy(pixels.reshape(-1, 1, 28, 28)), torch.from_numpy(labels).long()


def train(model, train_batches, loss_fn, optimizer, device):
    """Trains for one pass over `train_batches`; returns the mean of the batches' losses."""
    model.train()  # matters to layers such as Dropout and BatchNorm, not to these
    total = 0
    for images, target in train_batches:
        # Network and batch must be on one device. What is there already, as the images of mnist(), costs nothing; the
        # rows of --csv, or of any other DataLoader, are moved.
        images, target = images.to(device), target.to(device)
        logits = model(images)
        loss = loss_fn(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()  # still a tensor: .item() would wait for the device in every batch
    return total.item() / len(train_batches)


@torch.inference_mode()  # today's form of the article's no_grad: nothing is kept for a gradient
def test(model, test_batches, device):
    """Returns the mean loss and the accuracy (0 to 1) over `test_batches`."""
    model.eval()
    loss, correct, samples = 0, 0, 0
    for images, target in test_batches:
        images, target = images.to(device), target.to(device)
        logits = model(images)
        loss += F.cross_entropy(logits, target, reduction="sum")  # a sum: the last batch may be smaller
        correct += (logits.argmax(dim=1) == target).sum()
        samples += len(target)
    return loss.item() / samples, correct.item() / samples


if __name__ == "__main__":
    parser = options(__doc__, epochs=10, lr=0.01, batch_size=64, plot=False)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="relu", help="(%(default)s)")
    parser.add_argument("--raw", action="store_true", help="pixels 0 to 255, not normalised, 20 epochs")
    parser.add_argument("--csv", nargs=2, metavar=("TRAIN", "TEST"), help="your own digits, as with --raw, 20 epochs")
    args = parse(parser, raw={"epochs": 20}, csv={"epochs": 20})
    device = args.device
    torch.manual_seed(args.seed)

    if args.csv:
        images, labels = read_digits(args.csv[0])
        test_images, test_labels = read_digits(args.csv[1])
        classes = labels.unique().tolist()
        if len(classes) == 1:
            sys.exit(f"{args.csv[0]}: all labels are {classes[0]}; is the label the first column?")
        pixels = f"pixels from {images.min():g} to {images.max():g}"
        test_classes = test_labels.unique().tolist()
        print(f"{len(images)} and {len(test_images)} images, {pixels}; labels {classes} and {test_classes}")
    else:
        images, labels, test_images, test_labels = mnist(device, args.raw)
    train_batches = batches(images, labels, batch_size=args.batch_size, shuffle=True)
    test_batches = batches(test_images, test_labels, batch_size=250)

    activation = {"relu": torch.relu, "sigmoid": torch.sigmoid}[args.activation]
    model = MLP(activation).to(device)

    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)  # half of a step is added to the next

    width = len(str(args.epochs))
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        loss = train(model, train_batches, loss_fn, optimizer, device)
        test_loss, accuracy = test(model, test_batches, device)
        measured = f"loss {loss:.4f}  test loss {test_loss:.4f}  test accuracy {100 * accuracy:5.2f} %"
        seconds = time.perf_counter() - start
        print(f"epoch {epoch:{width}}/{args.epochs}  {measured}  {seconds:.1f} s", flush=True)
    print(f"test accuracy {100 * accuracy:.2f} %")
