"""Lecture 9's homework 第九讲作业: products in nine classes. From Kaggle's train.csv and test.csv to submission.csv.

    python recipes/otto.py train.csv test.csv
    python recipes/otto.py train.csv test.csv --output second.csv --epochs 30

The files come from https://www.kaggle.com/c/otto-group-product-classification-challenge/data. Kaggle's measure is the
log loss: minus the logarithm of the probability that the true class was given, the mean over all products. That is what
CrossEntropyLoss computes. So submission.csv has nine probabilities for each product, and they are not rounded: for a
true class with probability 0 Kaggle takes 10⁻¹⁵, and that alone is a loss of 34.5.

A fifth of train.csv, chosen at random, is held out: the network does not learn from it, and is judged by it. The log
loss is 0.494 (0.484 to 0.504, seeds 0 to 2), the accuracy 80.7 %. Who knows only how frequent each class is gets
a log loss of 1.95. (About half a minute, torch 2.14.1, CPU)

93 个特征、9 个类别的多分类问题。Kaggle 的评分标准就是交叉熵损失，所以提交的是 softmax 输出的九个概率，而不是类别。
Dropout 在训练时随机丢弃一部分神经元的输出，可以减轻过拟合；预测之前要调用 model.eval()，让它不再起作用。
"""

import argparse
import csv
import os
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

FEATURES = [f"feat_{number}" for number in range(1, 94)]
CLASSES = [f"Class_{number}" for number in range(1, 10)]


def read_products(path, labelled):
    """Returns the ids, the features N×93 and, if the products are labelled, their classes N, numbers from 0 to 8."""
    ids, features, labels = [], [], []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for product in csv.DictReader(file, restval=""):
                numbers = [float(product[column]) for column in FEATURES]
                features.append(torch.tensor(numbers))
                if labelled:
                    labels.append(CLASSES.index(product["target"]))
                ids.append(product["id"])
    except (OSError, KeyError, ValueError, csv.Error) as error:
        sys.exit(f"{path} cannot be read after {len(ids)} products: {type(error).__name__}: {error}")
    if not ids:
        sys.exit(f"{path} has no products")
    return ids, torch.stack(features), torch.tensor(labels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="Kaggle's train.csv")
    parser.add_argument("test", type=Path, help="Kaggle's test.csv")
    parser.add_argument("--output", type=Path, default="submission.csv", help="file to write (%(default)s)")
    parser.add_argument("--epochs", type=int, default=15, help="passes over the data (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed, also of what is held out (%(default)s)")
    args = parser.parse_args()
    if args.epochs < 1 or not 0 <= args.seed < 2**63:
        parser.error("--epochs must be 1 or more, --seed from 0 to 2**63 - 1")
    output = args.output.resolve()
    writable = os.access(output if output.exists() else output.parent, os.W_OK) and not output.is_dir()
    if output in [args.train.resolve(), args.test.resolve()] or not writable:
        sys.exit(f"{args.output} cannot be written: it is read, a folder, protected, or in a folder that is not there")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    torch.manual_seed(args.seed)

    ids, features, labels = read_products(args.train, labelled=True)
    test_ids, test_features, _ = read_products(args.test, labelled=False)
    if len(ids) < 10:
        sys.exit(f"{args.train} must have ten products or more")
    train_set, held_out_set = random_split(TensorDataset(features, labels), [0.8, 0.2])
    train_loader = DataLoader(train_set, batch_size=256, shuffle=True)
    held_out_loader = DataLoader(held_out_set, batch_size=1000)

    model = nn.Sequential(
        nn.Linear(93, 256),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 9),
    ).to(device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

    for epoch in range(1, args.epochs + 1):
        model.train()
        for x, target in train_loader:
            x = x.to(device)
            target = target.to(device)
            logits = model(x)
            loss = loss_fn(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        model.eval()
        loss, correct = 0, 0
        with torch.inference_mode():
            for x, target in held_out_loader:
                x = x.to(device)
                target = target.to(device)
                logits = model(x)
                loss += loss_fn(logits, target).item() * len(target)
                correct += (logits.argmax(dim=1) == target).sum().item()
        loss = loss / len(held_out_set)
        accuracy = 100 * correct / len(held_out_set)
        print(f"epoch {epoch:2}/{args.epochs}  held-out log loss {loss:.4f}  accuracy {accuracy:.2f} %", flush=True)

    with torch.inference_mode():
        logits = model(test_features.to(device)).cpu()
    probabilities = logits.double().softmax(dim=1)  # in float the smallest ones could become 0
    with open(args.output, "w") as file:
        print("id", *CLASSES, sep=",", file=file)
        for number, row in zip(test_ids, probabilities.tolist(), strict=True):
            print(number, *row, sep=",", file=file)
