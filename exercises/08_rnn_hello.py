"""Exercises 练习 for lesson 08: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/08_rnn_hello.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def states(numbers, u):
    """★ A memory of one number 一个数的记忆: start at h = 0; each step makes h = tanh(x + u·h). Return all h, a list.

    `numbers`, the x, is a list of floats; math.tanh takes a float. Compute the first two h with a calculator. See 08,
    "How long does a state remember?".
    从 h = 0 开始，每一步 h = tanh(x + u·h)，`numbers` 是各步的 x；返回所有的 h（列表）。

    >>> [round(h, 2) for h in states([1.0, 0.0, 0.0, 0.0, 0.0], 0.5)]
    [0.76, 0.36, 0.18, 0.09, 0.04]
    >>> x, rnn = torch.randn(7, 1), nn.RNN(1, 1, bias=False)
    >>> expected, hidden = rnn(x)
    >>> by_hand = states((rnn.weight_ih_l0.item() * x.flatten()).tolist(), rnn.weight_hh_l0.item())
    >>> torch.allclose(torch.tensor(by_hand), expected.flatten(), atol=1e-5)
    True
    """
    raise NotImplementedError("replace this line with your code")


def rnn(sequence, weight_ih, weight_hh, bias_ih, bias_hh):
    """★★ An RNN by hand 手写 RNN: read the L×N×I numbers `sequence`, from a hidden state of zeros.

    Return the hidden states after all steps, L×N×H, and the last one, N×H. weight_ih is H×I, weight_hh is H×H. Write
    the loop, without nn.RNN and nn.RNNCell; torch.stack makes a tensor of a list. See 08, "What does RNNCell compute?".
    从全零的隐藏状态开始读 `sequence`，返回每一步的隐藏状态（L×N×H）和最后一个（N×H）。自己写循环。

    >>> sequence, layer = torch.randn(6, 5, 4), nn.RNN(input_size=4, hidden_size=3)
    >>> expected, last = layer(sequence)
    >>> out, hidden = rnn(sequence, *layer.parameters())
    >>> torch.allclose(out, expected, atol=1e-6), torch.allclose(hidden, last[0], atol=1e-6)
    (True, True)
    >>> {"RNN", "RNNCell", "rnn_tanh", "rnn_tanh_cell"} & set(rnn.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def gru_step(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    """★★★ A GRU cell by hand 手写 GRU 单元: from `x`, N×I, and `hidden`, N×H, compute the next hidden state, N×H.

    Compute a = W_ih x + b_ih and b = W_hh h + b_hh, both N×3H. chunk(3, dim=1) cuts each into three parts, N×H: the
    first for the reset gate, the second for the update gate, the third for the new state. Then

        reset = sigmoid(a1 + b1)    update = sigmoid(a2 + b2)    new = tanh(a3 + reset·b3)
        next h = (1 - update)·new + update·h

    See 08, "What is a gate?" and "How does a GRU keep its state?".
    由输入 `x`（N×I）和隐藏状态 `hidden`（N×H），按上面的公式算出下一个隐藏状态（N×H）。

    >>> x, hidden, cell = torch.randn(5, 4), torch.randn(5, 3), nn.GRUCell(input_size=4, hidden_size=3)
    >>> torch.allclose(gru_step(x, hidden, *cell.parameters()), cell(x, hidden), atol=1e-6)
    True
    >>> {"GRU", "GRUCell", "gru_cell"} & set(gru_step.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


class Speller(nn.Module):
    """★ Find the mistake 找错: this network never turns hello into ohlol. Both l of hello get the same letter. Why?

    两个 l 总是得到同一个字母，学不会 ohlol。请改正。See 08, "How can l be answered by l and by o?".

    >>> letters, target = torch.tensor([["ehlo".index(letter) for letter in word] for word in ("hello", "ohlol")])
    >>> model = Speller()
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    >>> for _ in range(200):
    ...     loss = F.cross_entropy(model(letters), target)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    >>> "".join("ehlo"[index] for index in model(letters).argmax(dim=1))
    'ohlol'
    >>> rnn = nn.RNN(input_size=4, hidden_size=8)  # with the same weights it must give the same numbers
    >>> _ = rnn.load_state_dict({f"{name}_l0": weight for name, weight in model.cell.state_dict().items()})
    >>> out, hidden = rnn(F.one_hot(letters, 4).float())
    >>> torch.allclose(model(letters), model.linear(out), atol=1e-4)
    True
    """

    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(input_size=4, hidden_size=8)
        self.linear = nn.Linear(8, 4)

    def forward(self, letters):
        outputs = []
        for x in F.one_hot(letters, 4).float():
            hidden = torch.zeros(1, 8)
            hidden = self.cell(x.unsqueeze(0), hidden)
            outputs.append(self.linear(hidden))
        return torch.cat(outputs)
