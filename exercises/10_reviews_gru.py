"""Exercises 练习 for lesson 10: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/10_reviews_gru.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

import math
from collections import Counter
from runpy import run_path

import torch

from common import DATA

lesson = run_path("10_reviews_gru.py")
tokenize, read_reviews = lesson["tokenize"], lesson["read_reviews"]
train_sentences, train_labels = read_reviews(DATA / "reviews_train.csv.gz")
test_sentences, test_labels = read_reviews(DATA / "reviews_test.csv.gz")


def pairs(sentence):
    """★ Pairs of neighbors 相邻的两个词: return the words of the sentence, and then each two neighbors as one word.

    tokenize() makes the words. zip(words, words[1:]) goes through the pairs. See 10, "Does some order help?".
    返回句子的所有单词，后面接上每两个相邻的单词（合成一个词，中间用空格）。

    >>> pairs("Not bad!"), pairs("Bad")
    (['not', 'bad', '!', 'not bad', 'bad !'], ['bad'])
    >>> all(len(pairs(sentence)) == 2 * len(tokenize(sentence)) - 1 for sentence in test_sentences)
    True
    """
    raise NotImplementedError("replace this line with your code")


def mean_of_words(x, lengths):
    """★★ A mean without the padding 忽略填充求平均: return the mean of the word vectors of each of N sentences, N×H.

    `x` is N×L×H. In 10 the padding is 0, so the sum ignores it. Here the padding holds any numbers. Do it without a
    loop. Which of torch.arange(L) are less than the length? See 10, "What does padding_idx do?" and 01,
    "What if two shapes differ?".
    `x` 是 N×L×H 的词向量，填充处可以是任何数。返回每句话词向量的均值（N×H），不用循环。

    >>> x, lengths = torch.randn(40, 9, 6), torch.randint(1, 10, (40,))
    >>> expected = torch.stack([row[:length].mean(dim=0) for row, length in zip(x, lengths)])
    >>> torch.allclose(mean_of_words(x, lengths), expected, atol=1e-6)
    True
    """
    raise NotImplementedError("replace this line with your code")


def word_dropout(x, p, training):
    """★★ Dropout of words by hand 手写单词 dropout: set each word vector of `x`, N×L×H, to 0 with probability p.

    Divide the others by 1 - p, so that the mean stays the same. A vector is left out as a whole or not at all. If
    `training` is False, return `x` as it is. torch.rand(…) < p is True with probability p. See 10, "What does Dropout1d
    leave out?".
    以概率 p 把 `x` 中的整个词向量置 0，其余的除以 1 - p；`training` 为 False 时原样返回。

    >>> x = torch.rand(100, 50, 8) + 1
    >>> y = word_dropout(x, 0.3, training=True)
    >>> kept = (y != 0).all(dim=2)
    >>> torch.allclose(y[kept], x[kept] / 0.7), y[~kept].abs().max().item(), 0.66 < kept.float().mean() < 0.74
    (True, 0.0, tensor(True))
    >>> torch.equal(word_dropout(x, 0.3, training=False), x), torch.equal(word_dropout(x, 0.3, training=True), y)
    (True, False)
    >>> {"dropout", "dropout1d", "Dropout", "Dropout1d"} & set(word_dropout.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def naive_bayes(sentences, labels, words=tokenize):
    """★★★ Is the GRU worth it? 朴素贝叶斯基线: classify a sentence by counts of its words, without a network.

    Return a dict with a number for each word: log((a + 1) / (A + V)) - log((b + 1) / (B + V)). The word occurs a times
    in all positive sentences together, and b times in the negative ones. They have A and B words in all, counted with
    repetition. V is the number of different words in both. words(sentence) cuts a sentence into words. A sentence is
    positive if the sum of its numbers is above 0. See 10, "What does the simplest model do?" and "How does it answer?".
    不用网络，按单词的次数分类：返回字典，每个单词对应上式的数；一句话各词之和大于 0 就是正面。

    >>> odds = naive_bayes(["good good film", "bad film", "good"], [1, 0, 1])
    >>> [(word, round(odds[word], 4)) for word in sorted(odds)]
    [('bad', -1.0296), ('film', -0.3365), ('good', 1.0498)]
    >>> def accuracy(words):
    ...     odds = naive_bayes(train_sentences, train_labels, words)
    ...     sums = torch.tensor([sum(odds.get(word, 0) for word in words(sentence)) for sentence in test_sentences])
    ...     return ((sums > 0) == torch.tensor(test_labels)).float().mean().item()
    >>> round(100 * accuracy(tokenize), 1), round(100 * accuracy(pairs), 1)  # the GRU: 78.77 ± 0.34
    (78.6, 79.4)
    """
    raise NotImplementedError("replace this line with your code")
