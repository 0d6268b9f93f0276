"""Many features 处理多维特征的输入, and a Dataset with its DataLoader 加载数据集.

Eight measurements of a patient → probability of diabetes, by three layers 8 → 6 → 4 → 1. The article first trains on
all rows at once, then in shuffled mini-batches: a Dataset returns one row, and a DataLoader makes batches of them. An
epoch is one pass over all rows, an iteration is the step for one batch: 768 rows in batches of 32 take 24 iterations.
So a step costs a batch, not the whole data, and there are many more steps in the same time.

八个特征经过三层网络得到患病的概率；Dataset 按索引取出一个样本，DataLoader 负责打乱样本、组成小批次。
要点：准确率停在 65.10% 不是程序有错，而是网络对所有人都预测“健康”；换成 ReLU、调大学习率会怎样，先猜再跑。

    python 03_diabetes.py
    python 03_diabetes.py --workers 2                   two processes read the rows: no gain for rows in memory
    python 03_diabetes.py --activation relu --lr 0.1 --plot loss.png
    python 03_diabetes.py --batch-size 768 --lr 0.1     the first program: all rows at once
    python 03_diabetes.py --csv my.csv                  features and a label of 0 or 1 in each line

500 of the 768 patients are healthy: always answering "healthy" is right 65.10 % of the time. The article's 100 epochs
learn hardly more, with mini-batches (--lr 0.01) or without (--lr 0.1): the loss ends at 0.646, where the frequencies
alone give 0.647. ReLU and --lr 0.1 reach 77.73 %. There is no test set: the accuracy is that on the training rows.
(Seed 0, torch 2.14.1.)

Label 1 is diabetes here, as in the original data. The course's own diabetes.csv.gz has its labels the other way round,
1 for the 496 healthy of its 759 rows: from that file the network learns the probability of being healthy.

Before running 先猜再跑: what does ReLU alone change, --activation relu, and what does --lr 0.1 alone?

Worked examples 例子, run by `python -m doctest 03_diabetes.py`

Slices cut the rows into features and labels. A layer takes all rows in one matrix product, without a loop 一次矩阵乘法:

>>> rows, layer = torch.rand(5, 9), nn.Linear(8, 6)
>>> features, labels = rows[:, :-1], rows[:, -1:]
>>> features.shape, labels.shape, layer(features).shape
(torch.Size([5, 8]), torch.Size([5, 1]), torch.Size([5, 6]))
>>> torch.allclose(layer(features), torch.stack([layer.weight @ row + layer.bias for row in features]), atol=1e-6)
True

What a DataLoader yields are the batches of one epoch; the last one may be smaller 最后一个批次可能不满:

>>> dataset = DiabetesDataset(DATA / "diabetes.csv.gz")
>>> train_loader = DataLoader(dataset, batch_size=50, shuffle=True)
>>> [len(target) for x, target in train_loader]
[50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 18]
>>> first, second = [torch.cat([target for x, target in train_loader]) for epoch in (1, 2)]
>>> torch.equal(first, second), torch.equal(first.sum(), second.sum())  # the same rows, in another order
(False, True)

ReLU keeps what is positive and makes the rest 0. Its gradient is 1 or 0: it does not shrink as the sigmoid's does
ReLU 的导数是 0 或 1:

>>> x = torch.tensor([-2.0, 3.0], requires_grad=True)
>>> torch.relu(x), torch.autograd.grad(torch.relu(x).sum(), x)
(tensor([0., 3.], grad_fn=<ReluBackward0>), (tensor([0., 1.]),))

The loss of the frequencies, 268 of 768 with diabetes 只会猜比例，损失就是 0.647:

>>> nn.BCELoss()(torch.full((768, 1), 268 / 768), dataset.labels)
tensor(0.6468)
"""

import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from common import DATA, at_least, options, parse, pick_device, reading


class DiabetesDataset(Dataset):
    """The rows of a CSV file, also of .csv.gz: features, as many as there are, and last a label of 0 or 1.

    If the data do not fit in memory, keep only file names in __init__, and open one file in __getitem__.
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


def plot(path, losses, accuracies):
    """Draws the loss and the accuracy of each epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(losses) + 1), losses)
    left.set(title="loss", xlabel="epoch")
    right.plot(range(1, len(losses) + 1), [100 * accuracy for accuracy in accuracies])
    right.set(title="accuracy on the training rows (%)", xlabel="epoch")
    figure.savefig(path)


if __name__ == "__main__":  # on Windows, macOS and Python 3.14 each worker imports this file, and must not train, too
    parser = options(__doc__, epochs=100, lr=0.01, batch_size=32)
    parser.add_argument("--activation", choices=["relu", "sigmoid"], default="sigmoid", help="(%(default)s)")
    parser.add_argument("--workers", type=at_least(0), default=0, help="processes that load data (%(default)s)")
    parser.add_argument("--csv", default=DATA / "diabetes.csv.gz", help="your own rows (%(default)s)")
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
        persistent_workers=args.workers > 0,  # started once, not once per epoch
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
            x = x.to(device)  # network and batch must be on one device
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
            predicted = model(dataset.features.to(device)).cpu() >= 0.5
        correct = predicted == dataset.labels
        accuracies.append(correct.float().mean().item())
        measured = f"loss {losses[-1]:.4f}  accuracy {100 * accuracies[-1]:.2f} %"
        print(f"epoch {epoch}/{args.epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
    print(f"accuracy {100 * accuracies[-1]:.2f} %")

    if args.plot:
        plot(args.plot, losses, accuracies)
