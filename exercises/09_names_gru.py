"""Exercises 练习 for lesson 09: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/09_names_gru.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence


def padded(rows):
    """★ Padding by hand 手写填充: make one tensor, N×L, of N lists of numbers; zeros fill the shorter rows.

    Return it and the lengths, N, both int64. Do not use pad_sequence. See 09, "How does a name become numbers?".
    把 N 个数字列表变成一个 N×L 的张量，短的用 0 补齐；返回它和各行的长度。不用 pad_sequence。

    >>> padded([[109, 97, 99], [119, 117]])
    (tensor([[109,  97,  99],
            [119, 117,   0]]), tensor([3, 2]))
    >>> rows = [torch.randint(1, 9, (length,)) for length in torch.randint(1, 30, (40,))]
    >>> x, lengths = padded([row.tolist() for row in rows])
    >>> torch.equal(x, pad_sequence(rows, batch_first=True)), lengths.tolist() == [len(row) for row in rows]
    (True, True)
    >>> {"pad_sequence"} & set(padded.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def confusion(target, predicted, classes):
    """★★ A confusion matrix by hand 混淆矩阵: in row t, column p: how often was class t predicted as p?

    `target` and `predicted` are N class numbers. Return a tensor, int64. Write a loop over the N pairs, without
    bincount. See 09, "How is a confusion matrix counted?".
    第 t 行第 p 列：类别 t 有多少次被预测为 p。用循环逐对计数，不用 bincount。

    >>> confusion(torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 1, 1, 1, 0]), classes=3)
    tensor([[1, 2, 0],
            [0, 1, 0],
            [1, 0, 0]])
    >>> target, predicted = torch.randint(4, (2, 500))
    >>> numbers = (4 * target + predicted).bincount(minlength=16)
    >>> torch.equal(confusion(target, predicted, classes=4), numbers.reshape(4, 4))
    True
    >>> {"bincount"} & set(confusion.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def early_stopping(losses, patience):
    """★★ Early stopping 早停: `losses` are those of a validation set, one after each epoch. When does training end?

    It ends as soon as `patience` epochs in a row brought no loss below the lowest one. Return two numbers: after which
    epoch it ends, and which epoch has the weights to keep. The first epoch is 1. See 09, "Overfitting".
    连续 `patience` 轮没有低于最低的损失就停止。返回在第几轮停止，以及应保留第几轮的权重；轮数从 1 数起。

    >>> early_stopping([0.9, 0.7, 0.8, 0.75, 0.6, 0.5], patience=2)  # 0.75 is below 0.8, but not below 0.7
    (4, 2)
    >>> early_stopping([0.9, 0.7, 0.8, 0.75, 0.6, 0.5], patience=3), early_stopping([0.5, 0.5, 0.5], patience=2)
    ((6, 6), (3, 1))
    >>> for patience in range(1, 30):
    ...     losses = torch.rand(100).tolist()
    ...     last, best = early_stopping(losses, patience)
    ...     assert losses[best - 1] == min(losses[:last]) and last == min(best + patience, 100)
    """
    raise NotImplementedError("replace this line with your code")


def last_outputs(out, lengths):
    """★★ The last letter 取最后一个有效输出: from N×L×H outputs of padded names take each name's last one; return N×H.

    Do it without a loop, as in the exercise cross_entropy() of 04: out[rows, columns] with two tensors of N numbers
    takes N outputs. See 09, "Which output is that of the last letter?".
    从填充过的 N×L×H 的输出中，取出每个姓氏最后一个字母的输出，返回 N×H；不用循环。

    >>> gru, x, lengths = nn.GRU(3, 4, batch_first=True), torch.rand(30, 12, 3), torch.randint(1, 13, (30,))
    >>> _, hidden = gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    >>> torch.allclose(last_outputs(gru(x)[0], lengths), hidden[0], atol=1e-6)
    True
    """
    raise NotImplementedError("replace this line with your code")


def pack(rows):
    """★★★ Packing by hand 手写打包: `rows` are lists of numbers, the longest first. Do not use padding.

    Return two lists: first all first numbers, then all second ones, and so on; and how many rows have a first number, a
    second one, and so on. See 09, "What does a packed sequence hold?".
    `rows` 从长到短排列。返回两个列表：先是所有的第一个数，再是所有的第二个数，依此类推；以及每一步还有多少行。

    >>> pack([[77, 97, 99], [87, 117], [76]])
    ([77, 87, 76, 97, 117, 99], [3, 2, 1])
    >>> lengths = torch.randint(1, 15, (20,)).sort(descending=True).values
    >>> rows = [torch.randint(100, (length,)) for length in lengths]
    >>> expected = pack_padded_sequence(pad_sequence(rows), lengths)
    >>> pack([row.tolist() for row in rows]) == (expected.data.tolist(), expected.batch_sizes.tolist())
    True
    >>> {"pack_padded_sequence", "pack_sequence", "pad_sequence"} & set(pack.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")
