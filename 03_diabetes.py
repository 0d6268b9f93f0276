"""Many features 处理多维特征的输入, and a Dataset with its DataLoader 加载数据集.

Eight measurements of a patient → probability of diabetes, by three layers 8 → 6 → 4 → 1. The article first trains on
all rows at once, then in shuffled mini-batches that a DataLoader draws from a Dataset, with worker processes where
asked.

    python 03_diabetes.py
    python 03_diabetes.py --workers 2
    python 03_diabetes.py --activation relu --lr 0.1
    python 03_diabetes.py --batch-size 768 --lr 0.1     the first program: all rows at once
    python 03_diabetes.py --csv my.csv                  eight features and a label of 0 or 1 in each line

500 of the 768 patients are healthy, so 65.10 % are right who always say "healthy", and that is all that the article's
100 epochs learn, with its mini-batches (--lr 0.01) and without (--lr 0.1). ReLU and --lr 0.1 reach 76.95 %. There is
no test set: the accuracy is that on the rows it learned from. (Seed 0, torch 2.14.1.)

A layer takes any number of rows in one matrix product. Slices cut the rows into features and labels.

>>> rows = torch.zeros(5, 9)
>>> rows[:, :-1].shape, rows[:, -1:].shape
(torch.Size([5, 8]), torch.Size([5, 1]))
>>> nn.Linear(8, 6)(rows[:, :-1]).shape
torch.Size([5, 6])
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from common import DATA, drawing, fail, fit, number, options, plot_history, read_csv, run


class DiabetesDataset(Dataset):
    """The rows of a CSV file: eight features, then a label of 0 or 1."""

    def __init__(self, path, device):
        expected = "eight features and a label of 0 or 1, separated by commas"
        rows = read_csv(path, 9, expected, valid=lambda row: row[-1] in (0, 1)).to(device)
        self.features = rows[:, :-1]
        self.labels = rows[:, -1:]
        if len(self.labels.unique()) < 2:
            fail(f"{path}: all labels are the same; there is nothing to tell apart")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.features[index], self.labels[index]


class DiabetesMLP(nn.Module):
    """N×8 features → N×1 probabilities."""

    def __init__(self, activation):
        super().__init__()
        self.linear1 = nn.Linear(8, 6)
        self.linear2 = nn.Linear(6, 4)
        self.linear3 = nn.Linear(4, 1)
        self.activation = activation

    def forward(self, x):
        x = self.activation(self.linear1(x))  # N×6
        x = self.activation(self.linear2(x))  # N×4
        return torch.sigmoid(self.linear3(x))  # N×1, always a sigmoid: log(0) waits where a ReLU ends


def main(argv=None):
    args = options(
        __doc__,
        argv,
        epochs=100,
        lr=0.01,
        batch_size=32,
        activation=dict(choices=["sigmoid", "relu"], default="sigmoid", help="between the layers (sigmoid)"),
        workers=dict(type=number(int, 0), default=0, metavar="N", help="processes that load the data (0: none)"),
        predict=dict(nargs=8, type=number(), metavar="X", help="a patient's eight features, scaled as in the data"),
        csv=dict(default=DATA / "diabetes.csv.gz", metavar="FILE", help="other data in the same format"),
    )
    if args.workers and args.device.type != "cpu":
        fail("argument --workers: other processes cannot read the accelerator's memory; add --device cpu")
    torch.manual_seed(args.seed)

    dataset = DiabetesDataset(args.csv, args.device)
    train_batches = DataLoader(
        dataset,
        batch_size=args.batch_size,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,  # started once, not once per epoch
    )
    model = DiabetesMLP(torch.sigmoid if args.activation == "sigmoid" else torch.relu).to(args.device)
    loss_fn = nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    history = fit(model, train_batches, None, loss_fn, optimizer, args)

    if args.plot:
        with drawing(args.plot, width=8) as figure:
            plot_history(figure, history)
    if args.predict:
        probability = model(torch.tensor([args.predict], device=args.device)).item()
        print(f"probability of diabetes: {100 * probability:.1f} %")


if __name__ == "__main__":
    run(main)
