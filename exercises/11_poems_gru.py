"""Exercises 练习 for lesson 11: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/11_poems_gru.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

from runpy import run_path

import torch
import torch.nn.functional as F
from torch import nn

from common import DATA

lesson = run_path("11_poems_gru.py")
encode = lesson["encode"]
train_poems, test_poems = lesson["read_poems"](DATA / "poems.txt.gz")
vocabulary = lesson["build_vocabulary"](train_poems)


def inputs_and_targets(rows):
    """★ Find the mistake 找错: with this code the loss soon reaches 0, but the network writes one character forever.

    `rows`, N×L, are the numbers of the characters of N poems. See 11, "What is the target?".
    用这段代码，损失很快接近 0，网络却只会重复同一个字。`rows` 是 N 首诗的字的编号。请改正。

    >>> x, target = inputs_and_targets(torch.tensor([[1, 3, 4, 1], [1, 3, 1, 0]]))
    >>> x.tolist(), target.tolist()
    ([[1, 3, 4], [1, 3, 1]], [[3, 4, 1], [3, 1, 0]])
    >>> x, target = inputs_and_targets(torch.arange(80).reshape(4, 20))
    >>> x.shape, torch.equal(x + 1, target)
    (torch.Size([4, 19]), True)
    """
    return rows[:, :-1], rows[:, :-1]


def perplexity(logits, target):
    """★★ Perplexity by hand 手写困惑度: return e to the mean cross-entropy. Targets that are 0, padding, do not count.

    `logits` are N×C×L, `target` is N×L. You may use F.cross_entropy with reduction="none", which returns N×L losses.
    losses[mask] takes those where a mask of N×L is True. See 11, "What is perplexity?".
    返回 e 的“平均交叉熵”次方；目标为 0（填充）的位置不计。

    >>> logits, target = torch.randn(6, 50, 9), torch.randint(5, (6, 9))
    >>> round(float(perplexity(torch.zeros(6, 50, 9), target)), 2)
    50.0
    >>> abs(float(perplexity(logits, target)) - F.cross_entropy(logits, target, ignore_index=0).exp()) < 0.01
    tensor(True)
    """
    raise NotImplementedError("replace this line with your code")


def sample(logits, temperature):
    """★★ Draw a character 按温度采样: return the number of a character, an int, drawn at random by C logits.

    See 11, "What does the temperature do?" and "Why sample, and not take the likeliest?".
    按 C 个 logits 和温度随机抽取一个字，返回它的编号（int）。

    >>> logits = torch.tensor([4.0, 2.0, 1.0]).log()
    >>> for temperature in (1, 0.5, 100):
    ...     draws = torch.tensor([sample(logits, temperature) for _ in range(4000)])
    ...     frequencies = draws.bincount(minlength=3) / 4000
    ...     assert torch.allclose(frequencies, (logits / temperature).softmax(dim=0), atol=0.04), frequencies
    """
    raise NotImplementedError("replace this line with your code")


def write(model, start, end, most):
    """★★ A greedy poet 贪心生成: add the likeliest character again and again, and return the list of all numbers.

    `start` is a list of numbers. Stop when the character `end` comes up (leave it out), or when there are `most`
    numbers. The network turns characters N×L into logits N×C×L, as PoemGRU does. See 11, "Why sample, and not take".
    从 `start` 开始，一次次接上最可能的字，返回所有编号；遇到 `end`（不写入）或满 `most` 个时停止。

    >>> class Sum(nn.Module):  # the next number is the last digit of the sum of the last two
    ...     def forward(self, x):
    ...         return 9.0 * F.one_hot((x + x.roll(1, dims=1)) % 10, 10).transpose(1, 2)
    >>> write(Sum(), [1, 2], end=9, most=20), write(Sum(), [3, 3, 1], end=0, most=7)
    ([1, 2, 3, 5, 8, 3, 1, 4, 5], [3, 3, 1, 4, 5, 9, 4])
    >>> for start in torch.randint(1, 10, (5, 2)).tolist():
    ...     numbers = write(Sum(), start, end=10, most=30)
    ...     assert len(numbers) == 30 and all((sum(numbers[i - 2 : i]) - numbers[i]) % 10 == 0 for i in range(2, 30))
    """
    raise NotImplementedError("replace this line with your code")


def next_table(x, target, size):
    """★★★ Is the GRU worth it? 二元模型基线: return a size×size table, the probability of each character after each.

    `x` and `target`, N×L, are those of encode(). Row a, column b: (how often b follows a, plus 0.01) / (how often any
    character follows a, plus 0.01·size). Targets of 0, padding, do not count. A loop over the 383,926 pairs is slow.
    See 11, "What is the target?" and 09, "How is a confusion matrix counted?".
    返回 size×size 的表，第 a 行第 b 列是 a 后面出现 b 的概率，算式见上。

    >>> next_table(torch.tensor([[1, 2], [1, 2]]), torch.tensor([[2, 1], [2, 0]]), size=3)[1:]
    tensor([[0.0049, 0.0049, 0.9901],
            [0.0097, 0.9806, 0.0097]])
    >>> table = next_table(*encode(train_poems, vocabulary), len(vocabulary))
    >>> x, target = encode(test_poems, vocabulary)
    >>> round((-table[x, target][target != 0].log()).mean().exp().item())  # the test perplexity; the GRU has 92
    371
    """
    raise NotImplementedError("replace this line with your code")
