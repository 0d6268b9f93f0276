"""Lecture 13's homework 第13讲作业: sort phrases of film reviews into five classes, from Kaggle's two tables.

Unpack train.tsv and test.tsv from https://www.kaggle.com/c/sentiment-analysis-on-movie-reviews/data into a folder
"reviews". In the folder above it, run:

    python recipes/kaggle_reviews.py

It writes reviews/submission.csv, for you to upload. It takes no options: change the capital names instead. A row has a
phrase and its sentiment, from 0 (negative) to 4 (positive). The phrases of a sentence overlap. So every fifth sentence
is held out with all its phrases. We did not have Kaggle's files, so we do not know the accuracy on them.

同一个句子的短语互相重叠，所以按句子留出一部分来评估；如果按短语随机划分，准确率会偏高。
每个小批量只填充到其中最长短语的长度，再用 pack_padded_sequence 打包，GRU 就不会处理填充的部分。
"""

import csv
import os
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

TRAIN = "reviews/train.tsv"
TEST = "reviews/test.tsv"
SUBMISSION = "reviews/submission.csv"
EPOCHS = 3
SEED = 0
COLUMNS = ["PhraseId", "SentenceId", "Phrase"]


def encode(row):
    """Returns a phrase: its id, the number of its sentence, its words, and its label from 0 to 4."""
    label = row.get("Sentiment", "0")  # test.tsv has no labels
    if label not in ["0", "1", "2", "3", "4"]:
        raise ValueError(f"Sentiment is {label!r}, not a number from 0 to 4")
    words = row["Phrase"].lower().split() or ["(empty)"]  # packing needs a length of at least 1
    return {"id": int(row["PhraseId"]), "sentence": int(row["SentenceId"]), "words": words, "label": int(label)}


def read(path, columns):
    """Returns what encode() makes of each row. A fault in the file ends the program with one line."""
    rows = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)  # " is a word like any other
            for column in columns:
                if column not in (table.fieldnames or []):
                    raise ValueError(f"no column {column}: the columns are {str(table.fieldnames)[:300]}")
            for row in table:
                if None in row or None in row.values():
                    raise ValueError("this row has more or fewer fields than the heading")
                rows.append(encode(row))
    except OSError as error:
        sys.exit(f"{os.path.abspath(path)} cannot be read: {error.strerror}")
    except (ValueError, csv.Error) as error:
        sys.exit(f"{path}, line {table.line_num}: {error}")
    print(f"{path}: {len(rows)} rows", flush=True)
    return rows


def collate(phrases):
    """Returns a batch: word numbers N×L, padded with 0 to the longest phrase of this batch, lengths N and labels N."""
    rows = [phrase["numbers"] for phrase in phrases]
    lengths = torch.tensor([len(row) for row in rows])
    labels = torch.tensor([phrase["label"] for phrase in phrases])
    return pad_sequence(rows, batch_first=True), lengths, labels


class PhraseGRU(nn.Module):
    """Turns word numbers N×L and lengths N into N×5 logits."""

    def __init__(self, vocabulary_size):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 64, padding_idx=0)  # row 0 is all zeros and is not trained
        self.dropout = nn.Dropout(0.5)
        self.gru = nn.GRU(64, 64, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(128, 5)

    def forward(self, x, lengths):
        x = self.dropout(self.embedding(x))  # N×L×64
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, hidden = self.gru(packed)  # hidden 2×N×64: forwards, backwards
        x = torch.cat([hidden[0], hidden[1]], dim=1)  # N×128
        return self.linear(self.dropout(x))  # N×5


if __name__ in ["__main__", "builtins"]:  # it is "builtins" in PyCharm's console
    if sys.argv[1:] and os.path.basename(sys.argv[0]) == os.path.basename(globals().get("__file__", "pasted")):
        sys.exit("this program takes no options: change the capital names at its top")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    torch.manual_seed(SEED)

    phrases = read(TRAIN, [*COLUMNS, "Sentiment"])
    test_phrases = read(TEST, COLUMNS)
    if os.path.isdir(SUBMISSION) or not os.access(os.path.dirname(SUBMISSION) or ".", os.W_OK):
        sys.exit(f"{SUBMISSION} cannot be written: it is a folder, or its folder is protected or missing")
    training = [phrase for phrase in phrases if phrase["sentence"] % 5 != 0]
    held_out = [phrase for phrase in phrases if phrase["sentence"] % 5 == 0]
    labels = torch.tensor([phrase["label"] for phrase in training])
    if len(labels.unique()) < 2 or not held_out or not test_phrases:
        sys.exit(f"{TRAIN} must have five sentences or more and two labels or more, and {TEST} one row or more")

    most = labels.mode().values.item()
    share = sum(phrase["label"] == most for phrase in held_out) / len(held_out)
    print(f"{len(held_out)} held out; the most frequent label, {most}, is right for {100 * share:.2f} % of them")

    words = sorted({word for phrase in training for word in phrase["words"]})
    vocabulary = {word: number for number, word in enumerate(words, start=1)}
    for phrase in phrases + test_phrases:
        numbers = [vocabulary.get(word, 0) for word in phrase["words"]]  # 0: an unknown word, and padding
        phrase["numbers"] = torch.tensor(numbers)
    train_loader = DataLoader(training, batch_size=256, shuffle=True, collate_fn=collate)
    held_out_loader = DataLoader(held_out, batch_size=500, collate_fn=collate)
    test_loader = DataLoader(test_phrases, batch_size=500, collate_fn=collate)

    model = PhraseGRU(len(vocabulary) + 1).to(device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

    for epoch in range(1, EPOCHS + 1):
        model.train()
        for batch, (x, lengths, target) in enumerate(train_loader, start=1):
            x = x.to(device)
            target = target.to(device)
            logits = model(x, lengths)
            loss = loss_fn(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if batch % 100 == 0:
                print(f"epoch {epoch}/{EPOCHS}  batch {batch}/{len(train_loader)}  loss {loss.item():.4f}", flush=True)

        model.eval()
        correct = 0
        with torch.inference_mode():
            for x, lengths, target in held_out_loader:
                predicted = model(x.to(device), lengths).argmax(dim=1).cpu()
                correct += (predicted == target).sum().item()
        print(f"epoch {epoch}/{EPOCHS}  held-out accuracy {100 * correct / len(held_out):.2f} %", flush=True)

    sentiments = []
    with torch.inference_mode():
        for x, lengths, _ in test_loader:
            predicted = model(x.to(device), lengths).argmax(dim=1)
            sentiments += predicted.tolist()
    with open(f"{SUBMISSION}.part", "w") as file:
        print("PhraseId,Sentiment", file=file)
        for phrase, sentiment in zip(test_phrases, sentiments, strict=True):
            print(f"{phrase['id']},{sentiment}", file=file)
    os.replace(f"{SUBMISSION}.part", SUBMISSION)  # an older submission stays until the new one is complete
    print(f"{SUBMISSION}: {len(sentiments)} rows")
