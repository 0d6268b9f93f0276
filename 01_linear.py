"""Linear regression 线性回归: tensors, gradients, and the four steps that every later section repeats.

The four steps are data, network, loss and optimizer, training. A network of one weight and one bias learns y = 2x from
three points.

从张量和梯度讲起，再到后面每一节都会重复的四步：准备数据集、设计模型、构造损失函数和优化器、训练循环。
要点：用 SGD 时，损失开头降得很快，后来越降越慢；换成 Rprop，不到 100 个 epoch 就收敛了。

    python 01_linear.py
    python 01_linear.py --optimizer Rprop
    python 01_linear.py --epochs 1000 --plot line.png

With SGD the loss falls quickly at first and then crawls: after the article's 100 epochs w = 1.75, b = 0.58 and y(4) =
7.56, after 1,000 epochs 2.00, 0.00 and 8.00. Rprop needs fewer than 100; Adagrad, Adam, AdamW, Adamax and RMSprop want
a larger --lr here. (Seed 0, torch 2.14.1.)

Tensors: create them from a list, from NumPy, or filled with a number.

>>> import numpy as np
>>> x = torch.tensor([[1, -1], [-1, 1]])
>>> torch.equal(x, torch.from_numpy(np.array([[1, -1], [-1, 1]])))
True
>>> torch.zeros(2, 2).tolist(), torch.ones(1, 2, 5).shape
([[0.0, 0.0], [0.0, 0.0]], torch.Size([1, 2, 5]))

squeeze drops a dimension of size 1, unsqueeze adds one, transpose swaps two, cat joins tensors along one.

>>> x = torch.ones(1, 2, 5)
>>> x.squeeze(0).shape, x.unsqueeze(1).shape, x.transpose(1, 2).shape
(torch.Size([2, 5]), torch.Size([1, 1, 2, 5]), torch.Size([1, 5, 2]))
>>> torch.cat([torch.zeros(2, 1, 3), torch.zeros(2, 3, 3), torch.zeros(2, 2, 3)], dim=1).shape
torch.Size([2, 6, 3])

Arithmetic works element by element and repeats a smaller tensor (broadcasting); sum and mean take all or one axis.

>>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
>>> x + x.pow(2) + torch.tensor([10.0, 20.0])
tensor([[12., 26.],
        [22., 40.]])
>>> x.sum(), x.sum(dim=0), x.sum(dim=1), x.mean(dim=0)
(tensor(10.), tensor([4., 6.]), tensor([3., 7.]), tensor([2., 3.]))

reshape keeps the number of elements; resize_ changes the tensor itself and may drop some.

>>> torch.arange(12).reshape(3, 4).shape, torch.arange(12).resize_(2, 2).tolist()
(torch.Size([3, 4]), [[0, 1], [2, 3]])

Gradients: z = Σx² has the gradient 2x. They add up until they are cleared. item() takes a number out of a tensor.

>>> x = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], requires_grad=True)
>>> z = x.pow(2).sum()
>>> z.backward()
>>> z.item(), x.grad.tolist()
(3.0, [[2.0, 0.0], [-2.0, 2.0]])
>>> x.pow(2).sum().backward()  # a new z; for the old one, backward() has freed what it needs
>>> x.grad.tolist(), x.grad.zero_().tolist()
([[4.0, 0.0], [-4.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]])

A step of SGD goes against the gradient, lr times its length. By hand, which must not become part of the graph itself:

>>> w, same = torch.tensor([3.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
>>> (w.pow(2).sum() + same.pow(2).sum()).backward()
>>> with torch.no_grad():
...     w -= 0.1 * w.grad
>>> torch.optim.SGD([same], lr=0.1).step()
>>> round(w.item(), 4), torch.equal(w, same)
(2.4, True)

A linear layer 32 → 64 holds a weight per pair and a bias per output.

>>> layer = nn.Linear(32, 64)
>>> layer.weight.shape, layer.bias.shape
(torch.Size([64, 32]), torch.Size([64]))

LBFGS, another optimizer, computes the loss several times in each step. It asks for a function that does so, a closure:

>>> x, y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[2.0], [4.0], [6.0]])
>>> model = LinearModel()
>>> optimizer = torch.optim.LBFGS(model.parameters())
>>> def closure():
...     loss = nn.functional.mse_loss(model(x), y)
...     optimizer.zero_grad()
...     loss.backward()
...     return loss
>>> for epoch in range(10):
...     loss = optimizer.step(closure)
>>> print(f"w = {model.linear.weight.item():.2f}")
w = 2.00
>>> optimizer.zero_grad()  # sets the gradients to None
>>> model.linear.weight.grad is None
True
"""

import torch
from torch import nn

from common import options, parse

OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "RMSprop", "Rprop", "SGD"]


class LinearModel(nn.Module):
    """x, N×1 → y = w·x + b, N×1. An nn.Module has layers, and forward() says how data pass them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


def plot(path, model, x, y, losses):
    """Draws the line beside the points that it was learned from, and the loss of each epoch."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    ends = torch.tensor([[0.0], [5.0]], device=x.device)
    line = model(ends).detach()
    left.plot(ends.cpu(), line.cpu(), label="model")
    left.plot(x.cpu(), y.cpu(), "o", label="data")
    left.set(xlabel="x", ylabel="y")
    left.legend()
    right.semilogy(range(1, len(losses) + 1), losses)
    right.set(xlabel="epoch", ylabel="loss")
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=100, lr=0.01)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="SGD", help="of torch.optim (%(default)s)")
    args = parse(parser)
    device = args.device
    torch.manual_seed(args.seed)

    x = torch.tensor([[1.0], [2.0], [3.0]], device=device)
    y = torch.tensor([[2.0], [4.0], [6.0]], device=device)

    model = LinearModel().to(device)

    loss_fn = nn.MSELoss(reduction="sum")
    optimizer = getattr(torch.optim, args.optimizer)(model.parameters(), lr=args.lr)

    width = len(str(args.epochs))
    losses = []
    for epoch in range(1, args.epochs + 1):
        prediction = model(x)
        loss = loss_fn(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        print(f"epoch {epoch:{width}}/{args.epochs}  loss {loss.item():.4f}")

    x4 = torch.tensor([[4.0]], device=device)
    y4 = model(x4).item()
    print(f"w = {model.linear.weight.item():.4f}  b = {model.linear.bias.item():.4f}  y(4) = {y4:.4f}")
    if args.plot:
        plot(args.plot, model, x, y, losses)
