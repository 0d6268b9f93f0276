"""Many features 处理多维特征的输入, and a Dataset with its DataLoader 加载数据集.

Eight measurements of a patient → probability of diabetes, by three layers 8 → 6 → 4 → 1. The article first trains on
all rows at once, then in shuffled mini-batches: a Dataset returns one row, and a DataLoader makes batches of them. An
epoch is one pass over all rows, an iteration is the step for one batch: 768 rows in batches of 32 take 24 iterations.

八个特征经过三层网络得到患病的概率；Dataset 按索引取出一个样本，DataLoader 负责打乱样本、组成批次。
要点：准确率停在 65.10% 不是程序有错，而是网络对所有人都预测“健康”；换成 ReLU 并同时调大学习率，准确率才会稳定提高。

    python 03_diabetes.py
    python 03_diabetes.py --workers 2                   two processes read the rows: no gain for rows in memory
    python 03_diabetes.py --activation relu --lr 0.1
    python 03_diabetes.py --batch-size 768 --lr 0.1     the first program: all rows at once
    python 03_diabetes.py --csv my.csv                  features and a label of 0 or 1 in each line

500 of the 768 patients are healthy: always answering "healthy" is right 65.10 % of the time. The article's 100 epochs
learn no more, with mini-batches (--lr 0.01) or without (--lr 0.1). ReLU and --lr 0.1 reach 77.73 %. There is no test
set: the accuracy is that on the training rows. (Seed 0, torch 2.14.1.)

Label 1 is diabetes here, as in the original data. The course's own diabetes.csv.gz has its labels the other way round,
1 for the 496 healthy of its 759 rows: from that file the network learns the probability of being healthy.

Slices cut the rows into features and labels. A layer takes all rows in one matrix product, without a loop.

>>> rows, layer = torch.rand(5, 9), nn.Linear(8, 6)
>>> features, labels = rows[:, :-1], rows[:, -1:]
>>> features.shape, labels.shape, layer(features).shape
(torch.Size([5, 8]), torch.Size([5, 1]), torch.Size([5, 6]))
>>> torch.allclose(layer(features), torch.stack([layer.weight @ row + layer.bias for row in features]), atol=1e-6)
True
>>> dataset = DiabetesDataset(DATA / "diabetes.csv.gz")
>>> x, target = next(iter(DataLoader(dataset, batch_size=32, shuffle=True)))
>>> len(dataset), x.shape, target.shape
(768, torch.Size([32, 8]), torch.Size([32, 1]))
"""

import sys
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from common import DATA, at_least, data_lines, options, parse


class DiabetesDataset(Dataset):
    """The rows of a CSV file, also of .csv.gz: features, as many as there are, and last a label of 0 or 1.

    If the data do not fit in memory, keep only file names in __init__, and open one file in __getitem__.
    """

    def __init__(self, path):
        numbers = []  # of the lines that np.loadtxt has asked for
        warnings.filterwarnings("ignore", "loadtxt")  # of a file without rows
        try:
            rows = np.loadtxt(data_lines(path, numbers), np.float32, delimiter=",", ndmin=2)
        except ValueError:
            rule = "numbers with commas between them, as many as in the lines before; a heading begins with #"
            sys.exit(f"{path}, line {numbers[-1]}: a line must be {rule}")
        if rows.shape[1] < 2:
            sys.exit(f"{path}: each line must be features and a label of 0 or 1, with commas between them")
        right = np.isfinite(rows).all(axis=1) & np.isin(rows[:, -1], (0, 1))
        if not right.all():
            line = numbers[right.argmin()]  # the first that is wrong
            sys.exit(f"{path}, line {line}: the last number, the label, must be 0 or 1, and each feature finite")
        if rows[:, -1].min() == rows[:, -1].max():
            sys.exit(f"{path}: all labels are {rows[0, -1]:.0f}; is the label the last column?")
        self.features = torch.from_numpy(rows[:, :-1])
        self.labels = torch.from_numpy(rows[:, -1:])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.features[index], self.labels[index]


class DiabetesMLP(nn.Module):
    """N×F features → N×1 probabilities; the article has F = 8."""

    def __init__(self, features, activation):
        super().__init__()
        self.linear1 = nn.Linear(features, 6)
        self.linear2 = nn.Linear(6, 4)
        self.linear3 = nn.Linear(4, 1)
        self.activation = activation

    def forward(self, x):
        x = self.activation(self.linear1(x))  # N×6
        x = self.activation(self.linear2(x))  # N×4
        return torch.sigmoid(self.linear3(x))  # N×1, always a sigmoid: a probability is from 0 to 1


if __name__ == "__main__":  # workers that are not forked (Windows, macOS, Python 3.14) import this file: no training
    parser = options(__doc__, epochs=100, lr=0.01, batch_size=32, plot=False)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="sigmoid", help="(%(default)s)")
    parser.add_argument("--workers", type=at_least(int, 0), default=0, help="processes that load data (%(default)s)")
    parser.add_argument("--csv", default=DATA / "diabetes.csv.gz", help="your own rows (%(default)s)")
    args = parse(parser)
    device = args.device
    torch.manual_seed(args.seed)

    dataset = DiabetesDataset(args.csv)
    low, high = dataset.features.min().item(), dataset.features.max().item()
    ones = int(dataset.labels.sum())
    counts = f"label 0: {len(dataset) - ones}, label 1: {ones}"
    print(f"{len(dataset)} rows of {dataset.features.shape[1]} features from {low:g} to {high:g}; {counts}")
    if max(-low, high) > 10:
        print("hint: scale each feature to about -1 to 1, or the network may learn little", file=sys.stderr)

    train_batches = DataLoader(
        dataset,
        batch_size=args.batch_size,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,  # started once, not once per epoch
    )
    features = dataset.features.to(device)
    labels = dataset.labels.to(device)

    activation = {"relu": torch.relu, "sigmoid": torch.sigmoid}[args.activation]
    model = DiabetesMLP(features.shape[1], activation).to(device)

    loss_fn = nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    width = len(str(args.epochs))
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        total = 0
        for x, target in train_batches:
            probability = model(x.to(device))
            if probability.isnan().any():  # BCELoss would raise an error
                sys.exit(f"epoch {epoch}: the probabilities are nan; the weights exploded: try a lower --lr")
            loss = loss_fn(probability, target.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()  # still a tensor: .item() would wait for the device in every batch
        predicted = model(features) >= 0.5
        accuracy = (predicted == labels).float().mean().item()
        measured = f"loss {total.item() / len(train_batches):.4f}  accuracy {100 * accuracy:5.2f} %"
        seconds = time.perf_counter() - start
        print(f"epoch {epoch:{width}}/{args.epochs}  {measured}  {seconds:.1f} s", flush=True)
    print(f"accuracy {100 * accuracy:.2f} %")
