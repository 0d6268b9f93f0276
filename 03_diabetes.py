"""Predicts diabetes from eight measurements 处理多维特征的输入、加载数据集 (lectures 7 and 8).

New beside 02: three layers, 8 → 6 → 4 → 1, and mini-batches. A Dataset returns one row; a DataLoader makes shuffled
batches of them. 500 of 768 patients are healthy, so the answer "healthy" for everybody is right in 65.10 %.
Dataset 按索引取出一个样本，DataLoader 打乱样本并组成小批量；准确率停在 65.10%，是因为网络对所有人都预测“健康”。

    python 03_diabetes.py                                 65.10 % of the training rows, as in the article
    python 03_diabetes.py --activation relu --lr 0.1      77.73 %
    python 03_diabetes.py --batch-size 768 --lr 0.1       65.10 %: the article's first program, all rows at once
    python 03_diabetes.py --csv my.csv                    your own: features, then a label of 0 or 1 in each line

Lesson: docs/lessons/03_diabetes.md, 中文课程: docs/lessons/zh-CN/03_diabetes.md
"""

import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from common import DATA, at_least, new_figure, options, parse, pick_device, reading


class DiabetesDataset(Dataset):
    """Reads the rows of a CSV file, or of a .csv.gz. A row has any number of features, then a label of 0 or 1.

    Label 1 means diabetes here. In the course's own diabetes.csv.gz it means healthy (496 of 759 rows).
    If your data does not fit in memory, store only file names in __init__, and open one file in __getitem__.
    """

    def __init__(self, path):
        with reading(path):
            rows = np.loadtxt(path, np.float32, delimiter=",", quotechar='"', ndmin=2, encoding="utf-8-sig")
            if rows.shape[1] < 2 or not np.isfinite(rows).all() or set(rows[:, -1]) != {0, 1}:
                raise ValueError("each line must be features and a label of 0 or 1, and both labels must occur")
        self.features = torch.from_numpy(rows[:, :-1])
        self.labels = torch.from_numpy(rows[:, -1:])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.features[index], self.labels[index]


class DiabetesMLP(nn.Module):
    """Turns N×F features into N×1 probabilities. In the article, F = 8."""

    def __init__(self, features, activation):
        super().__init__()
        self.linear1 = nn.Linear(features, 6)
        self.linear2 = nn.Linear(6, 4)
        self.linear3 = nn.Linear(4, 1)
        self.activation = activation

    def forward(self, x):
        x = self.activation(self.linear1(x))  # N×6
        x = self.activation(self.linear2(x))  # N×4
        return torch.sigmoid(self.linear3(x))  # N×1, always a sigmoid, because a probability is from 0 to 1


def plot(path, losses, accuracies, probability, labels):
    """Draws the loss and the accuracy beside those of one answer for all, and at last the answers to both classes."""
    figure = new_figure(10, 3.5)
    left, middle, right = figure.subplots(1, 3)
    share = labels.mean()  # of label 1
    frequencies = nn.functional.binary_cross_entropy(share.expand(len(labels), 1), labels).item()
    commoner = 100 * max(share, 1 - share).item()
    left.axhline(frequencies, color="black", linestyle=":", label=f"the same answer for all: {frequencies:.3f}")
    left.plot(range(1, len(losses) + 1), losses, ".-", markersize=3, label=f"the network, at last {losses[-1]:.3f}")
    left.set(title="loss", xlabel="epoch", ylim=(0, 1))
    middle.axhline(commoner, color="black", linestyle=":", label=f"the same answer for all: {commoner:.1f}")
    percent = [100 * accuracy for accuracy in accuracies]
    middle.plot(range(1, len(losses) + 1), percent, ".-", markersize=3, label=f"the network, at last {percent[-1]:.1f}")
    middle.set(title="accuracy on the training rows (%)", xlabel="epoch", ylim=(0, 100))
    answers = [probability[labels == label].tolist() for label in (0, 1)]
    right.hist(answers, bins=torch.linspace(0, 1, 21), label=["rows of label 0", "rows of label 1"])
    right.axvline(0.5, color="black", linestyle="--")
    right.set(title="the answers at last", xlabel="0 ←  probability of label 1  → 1", ylabel="rows")
    for axes in (left, middle, right):
        axes.legend()
    figure.savefig(path)


if __name__ == "__main__":  # on Windows, macOS and Python 3.14 each worker imports this file, and must not train
    parser = options(__doc__, epochs=100, lr=0.01, batch_size=32)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="sigmoid", help="(default: %(default)s)")
    parser.add_argument("--workers", type=at_least(0), default=0, help="loader processes (default: %(default)s)")
    parser.add_argument("--csv", default=DATA / "diabetes.csv.gz", help="your own rows (default: %(default)s)")
    args = parse(parser)
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    dataset = DiabetesDataset(args.csv)
    low, high = dataset.features.min().item(), dataset.features.max().item()
    columns = f"{dataset.features.shape[1]} features from {low:g} to {high:g}"
    print(f"{len(dataset)} rows of {columns}; {dataset.labels.sum():.0f} of them have label 1")
    if max(-low, high) > 10:
        print("hint: scale each feature to about -1 to 1, or the network may learn little")

    train_loader = DataLoader(
        dataset,
        batch_size=args.batch_size,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,  # start the workers once, not in every epoch
    )

    activation = {"relu": torch.relu, "sigmoid": torch.sigmoid}[args.activation]
    model = DiabetesMLP(dataset.features.shape[1], activation).to(device)

    loss_fn = nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    losses, accuracies = [], []
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        model.train()
        total = 0
        for x, target in train_loader:
            x = x.to(device)  # the network and the batch must be on the same device
            target = target.to(device)
            probability = model(x)
            loss = loss_fn(probability, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(train_loader))

        model.eval()
        with torch.inference_mode():
            probability = model(dataset.features.to(device)).cpu()
        correct = (probability >= 0.5) == dataset.labels
        accuracies.append(correct.float().mean().item())
        measured = f"loss {losses[-1]:.4f}  accuracy {100 * accuracies[-1]:.2f} %"
        print(f"epoch {epoch}/{args.epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
    print(f"accuracy {100 * accuracies[-1]:.2f} %")

    if args.plot:
        plot(args.plot, losses, accuracies, probability, dataset.labels)
