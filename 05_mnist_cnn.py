"""Reads handwritten digits with convolutions 卷积神经网络 (lecture 10).

A convolution slides one small grid of weights, the kernel, over the whole image. Data, loss, optimizer and loops are
those of 04, except that mnist() transforms all images once. New: --fast.
卷积核在整张图上滑动，处处共用同一组权重；损失、优化器和循环与 04 相同。

    python 05_mnist_cnn.py                                        99.12 % after 30 epochs (the article: 99.11 %)
    python 05_mnist_cnn.py --fast                                 99.11 % after one epoch (mean of ten seeds)
    python 05_mnist_cnn.py --fast --save cnn.pt --plot cnn.png
    python recipes/own_digits.py cnn.pt docs/digit.png            reads a digit of your own

Lesson: docs/lessons/05_mnist_cnn.md, 中文课程: docs/lessons/zh-CN/05_mnist_cnn.md
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from common import fit, load, mnist, new_figure, one_cycle, options, parse, pick_device, plot_history, reading, save


class SimpleCNN(nn.Module):
    """Turns N×1×28×28 images into N×10 logits, with two convolutions and one linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.pooling = nn.MaxPool2d(2)
        self.linear = nn.Linear(320, 10)  # 20 channels of 4×4 pixels: 20·4·4 = 320

    def forward(self, x):
        x = F.relu(self.pooling(self.conv1(x)))  # N×10×12×12
        x = F.relu(self.pooling(self.conv2(x)))  # N×20×4×4
        return self.linear(x.flatten(1))  # N×10


class ImprovedCNN(nn.Module):
    """Turns N×1×28×28 images into N×10 logits, with the same convolutions and three linear layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.pooling = nn.MaxPool2d(2)
        self.linear1 = nn.Linear(320, 256)  # 20·4·4 = 320
        self.linear2 = nn.Linear(256, 64)
        self.linear3 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.pooling(self.conv1(x)))  # N×10×12×12
        x = F.relu(self.pooling(self.conv2(x)))  # N×20×4×4
        x = x.flatten(1)  # N×320
        x = F.relu(self.linear1(x))  # N×256
        x = F.relu(self.linear2(x))  # N×64
        return self.linear3(x)  # N×10


def plot(path, history, digit, kernels, feature_maps, mistakes):
    """Draws the history; kernels, two made by hand and ten learned, and what they find; the most confident mistakes."""
    figure = new_figure(10, 6.5)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=[2.3, 2.2, 1.8])
    plot_history(top, history, classes=10)

    middle.suptitle("a kernel, 5×5, looks at every place of the digit: its feature map, 24×24 (red +, white 0, blue –)")
    axes = middle.subplots(2, 13)
    axes[0, 0].imshow(digit.numpy(), cmap="gray_r")
    names = ["by hand", "by hand"] + [f"learned {number}" for number in range(1, 11)]
    for column, name in enumerate(names, start=1):
        for axis, picture in zip(axes[:, column], (kernels, feature_maps), strict=True):
            limit = picture.abs().quantile(0.99)  # one scale for all
            axis.imshow(picture[column - 1].numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes[0, column].set_title(name, fontsize=8)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    axes[1, 0].set_axis_off()

    bottom.suptitle("the most confident mistakes: true digit, prediction, probability")
    for column, (image, caption) in enumerate(mistakes, start=1):
        axis = bottom.add_subplot(1, len(mistakes), column, xlabel=caption, xticks=[], yticks=[])
        axis.imshow(image, cmap="gray_r")
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=30, lr=0.01, batch_size=64, saves=True)
    parser.add_argument("--fast", action="store_true", help="one epoch: Adam, one-cycle learning rate, label smoothing")
    parser.add_argument("--model", choices=["simple", "improved"], default="improved", help="(default: %(default)s)")
    args = parse(parser, fast={"epochs": 1, "lr": 0.01, "batch_size": 128}, load={"epochs": 0})
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    train_set = mnist(train=True)
    test_set = mnist(train=False)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    model = SimpleCNN() if args.model == "simple" else ImprovedCNN()
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
        test_images, test_labels = test_set.tensors
        model.eval()
        with torch.inference_mode():
            logits = model(test_images.to(device)).cpu()  # 10,000×10
        probability, predicted = logits.softmax(dim=1).max(dim=1)
        wrong = (predicted != test_labels).nonzero().squeeze(1)
        order = probability[wrong].argsort(descending=True)
        mistakes = []
        for index in wrong[order[:8]]:
            caption = f"{test_labels[index]}, predicted {predicted[index]}\n{100 * probability[index]:.1f} %"
            mistakes.append((test_images[index, 0].numpy(), caption))
        edge = torch.tensor([-0.2, -0.2, 0, 0.2, 0.2]).expand(5, 5)  # finds ink on the right, and none on the left
        learned = model.conv1.weight[:, 0].detach().cpu()  # 10×5×5
        kernels = torch.cat([torch.stack([edge, edge.T]), learned])  # 12×5×5
        digit = test_images[0, 0] - test_images.min()  # the paper is 0
        feature_maps = F.conv2d(digit.expand(1, 1, 28, 28), kernels.unsqueeze(1))[0]  # 12×24×24
        plot(args.plot, history, digit, kernels, feature_maps, mistakes)
