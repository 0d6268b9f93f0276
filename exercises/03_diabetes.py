"""Exercises 练习 for lesson 03: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/03_diabetes.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

from runpy import run_path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from common import DATA

patients = run_path("03_diabetes.py")["DiabetesDataset"](DATA / "diabetes.csv.gz")


def split(count, held_out):
    """★ Held-out rows 留出验证集: deal out the row numbers 0 … count - 1 at random, each of them once.

    Return two tensors: the numbers for training, and `held_out` numbers for testing. torch.randperm(count) shuffles.
    See 03, "What do the hidden layers bring?".
    把行号 0 … count - 1 随机分成两份，每个只用一次：训练的行号，和 `held_out` 个测试的行号。

    >>> training, testing = split(768, held_out=154)
    >>> len(training), len(testing), torch.equal(torch.cat([training, testing]).sort().values, torch.arange(768))
    (614, 154, True)
    >>> 250 < testing.float().mean() < 520, torch.equal(testing, split(768, held_out=154)[1])
    (tensor(True), False)
    """
    raise NotImplementedError("replace this line with your code")


class Windows(Dataset):
    """★★ A Dataset 自定义数据集: a sample is `size` numbers in sequence, and its label is the number that follows.

    `series` is one long tensor. [10, 11, 12, 13, 14] with size 2 has three samples. See 03, "What is a Dataset?".
    一个样本是 `series` 中相连的 `size` 个数，标签是紧跟其后的那个数。

    >>> windows = Windows(torch.arange(10, 15), size=2)
    >>> len(windows), windows[0], windows[2]
    (3, (tensor([10, 11]), tensor(12)), (tensor([12, 13]), tensor(14)))
    >>> loader = DataLoader(Windows(torch.arange(1000), size=5), batch_size=100, shuffle=True)
    >>> x, target = [torch.cat(batches) for batches in zip(*loader)]
    >>> x.shape, torch.equal(x[:, 4] + 1, target), torch.equal(target.sort().values, torch.arange(5, 1000))
    (torch.Size([995, 5]), True, True)
    """

    def __init__(self, series, size):
        """Keeps what the two other methods need."""
        raise NotImplementedError("replace this line with your code")

    def __len__(self):
        """Returns how many samples there are."""
        raise NotImplementedError("replace this line with your code")

    def __getitem__(self, index):
        """Returns the numbers and the label of one sample."""
        raise NotImplementedError("replace this line with your code")


def weight_of_ones(labels):
    """★★ Class weights 类别不平衡: how many times must each error on a 1 count, so that 0 and 1 count the same in all?

    If everybody gets p = 1/2, the two sums of losses must then be equal. Return a tensor of one number. See 03,
    "How can the ill count as much as the healthy?".
    标签 1 的每个误差要乘以多少，0 和 1 的损失总和才相等（所有人都得到 p = 1/2 时）？

    >>> def sums(labels):
    ...     loss_fn = nn.BCEWithLogitsLoss(pos_weight=weight_of_ones(labels), reduction="none")
    ...     losses = loss_fn(torch.zeros(len(labels), 1), labels)
    ...     return losses[labels == 0].sum(), losses[labels == 1].sum()
    >>> sums(patients.labels)  # 500 healthy ones, 268 with diabetes
    (tensor(346.5736), tensor(346.5736))
    >>> torch.allclose(*sums((torch.rand(1000, 1) < 0.1).float()))
    True
    """
    raise NotImplementedError("replace this line with your code")


def accuracy(probability, labels):
    """★ Find the mistake 找错: all these probabilities are right, but the accuracy is only 0.55. Look at the shapes.

    `probability` is N×1, as a network returns it; `labels` are N. See 01, "What if two shapes differ?".
    这些概率全都正确，准确率却只有 0.55。看一看形状，再改正。

    >>> labels = (torch.arange(768) < 268).float()
    >>> accuracy(labels.unsqueeze(1), labels), round(accuracy(torch.zeros(768, 1), labels), 4)  # right; always healthy
    (1.0, 0.651)
    >>> probability, wrong = torch.rand(100, 1), torch.randint(100, (1,)).item()
    >>> labels = probability.flatten().round()
    >>> labels[:wrong] = 1 - labels[:wrong]
    >>> abs(accuracy(probability, labels) - (1 - wrong / 100)) < 1e-4
    True
    """
    predicted = (probability >= 0.5).float()
    correct = predicted == labels
    return correct.float().mean().item()
