"""Lecture 13's homework 第十三讲作业: phrases of film reviews in five classes. From train.tsv to submission.csv.

    python recipes/kaggle_reviews.py train.tsv test.tsv

The files, unpacked, come from https://www.kaggle.com/c/sentiment-analysis-on-movie-reviews/data. A line has a phrase,
from one word to a whole sentence, and its sentiment, from 0 (negative) to 4 (positive). The phrases of a sentence are
parts of one another, so every fifth sentence is held out with all of its phrases. Kaggle's own files were not here: the
accuracy on them is not known.

把影评的短语分成五类。同一个句子的短语互相包含，所以要按句子留出一部分来评估；如果按短语随机划分，准确率会偏高。
短语长短不一：先用 0 填充到同样的长度，再用 pack_padded_sequence 打包，GRU 就不会处理填充的部分。
"""

import argparse
import csv
import os
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, TensorDataset


def read_phrases(path, column):
    """Returns a dict for each line: the number of its sentence, the words of its phrase, the number in `column`."""
    phrases = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""):  # " is a word
                words = row["Phrase"].lower().split() or ["(empty)"]  # packing refuses a length of 0
                phrases.append({"sentence": int(row["SentenceId"]), "words": words, "number": int(row[column])})
    except (OSError, KeyError, ValueError, csv.Error) as error:
        sys.exit(f"{path} cannot be read after {len(phrases)} phrases: {type(error).__name__}: {error}")
    return phrases


def dataset(phrases, index):
    """Returns words N×L, lengths N and the numbers N beside them; 0 is padding, and a word that is not in `index`."""
    rows = []
    for phrase in phrases:
        indices = [index.get(word, 0) for word in phrase["words"]]
        rows.append(torch.tensor(indices))
    lengths = torch.tensor([len(row) for row in rows])
    numbers = torch.tensor([phrase["number"] for phrase in phrases])
    return TensorDataset(pad_sequence(rows, batch_first=True), lengths, numbers)


class PhraseGRU(nn.Module):
    """Words N×L and lengths N → N×5 logits."""

    def __init__(self, words):
        super().__init__()
        self.embedding = nn.Embedding(words, 64, padding_idx=0)  # 0 is a vector of zeros, and stays one
        self.dropout = nn.Dropout(0.5)
        self.gru = nn.GRU(64, 64, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(128, 5)

    def forward(self, x, lengths):
        x = self.embedding(x[:, : lengths.max()])  # N×L×64; L: the longest of this batch
        packed = pack_padded_sequence(self.dropout(x), lengths, batch_first=True, enforce_sorted=False)
        out, hidden = self.gru(packed)  # hidden 2×N×64: forwards, backwards
        x = torch.cat([hidden[0], hidden[1]], dim=1)  # N×128
        return self.linear(self.dropout(x))  # N×5


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="Kaggle's train.tsv")
    parser.add_argument("test", type=Path, help="Kaggle's test.tsv")
    parser.add_argument("--output", type=Path, default="submission.csv", help="file to write (%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the data (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (%(default)s)")
    args = parser.parse_args()
    if args.epochs < 1 or not 0 <= args.seed < 2**63:
        parser.error("--epochs must be 1 or more, --seed from 0 to 2**63 - 1")
    output = args.output.resolve()
    writable = os.access(output if output.exists() else output.parent, os.W_OK) and not output.is_dir()
    if output in [args.train.resolve(), args.test.resolve()] or not writable:
        sys.exit(f"{args.output} cannot be written: it is read, a folder, protected, or in a folder that is not there")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    torch.manual_seed(args.seed)

    phrases = read_phrases(args.train, "Sentiment")
    test_phrases = read_phrases(args.test, "PhraseId")
    training = [phrase for phrase in phrases if phrase["sentence"] % 5 != 0]
    held_out = [phrase for phrase in phrases if phrase["sentence"] % 5 == 0]
    if not training or not held_out or not test_phrases:
        sys.exit("too few phrases: there must be some to learn from, to hold out and to predict")
    if not {phrase["number"] for phrase in phrases} <= {0, 1, 2, 3, 4}:
        sys.exit(f"{args.train}: each Sentiment must be from 0 to 4")

    vocabulary = sorted({word for phrase in training for word in phrase["words"]})
    index = {word: number for number, word in enumerate(vocabulary, start=1)}
    train_loader = DataLoader(dataset(training, index), batch_size=256, shuffle=True)
    held_out_loader = DataLoader(dataset(held_out, index), batch_size=500)
    test_loader = DataLoader(dataset(test_phrases, index), batch_size=500)

    model = PhraseGRU(len(vocabulary) + 1).to(device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

    for epoch in range(1, args.epochs + 1):
        model.train()
        for x, lengths, target in train_loader:
            x = x.to(device)
            target = target.to(device)
            logits = model(x, lengths)
            loss = loss_fn(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        correct = 0
        with torch.inference_mode():
            for x, lengths, target in held_out_loader:
                predicted = model(x.to(device), lengths).argmax(dim=1).cpu()
                correct += (predicted == target).sum().item()
        print(f"epoch {epoch}/{args.epochs}  held-out accuracy {100 * correct / len(held_out):.2f} %", flush=True)

    with open(args.output, "w") as file, torch.inference_mode():
        print("PhraseId,Sentiment", file=file)
        for x, lengths, ids in test_loader:
            predicted = model(x.to(device), lengths).argmax(dim=1)
            for number, sentiment in zip(ids.tolist(), predicted.tolist(), strict=True):
                print(f"{number},{sentiment}", file=file)
