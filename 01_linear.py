"""Linear regression 线性回归: tensors, gradients, and the four steps that every later section repeats.

The four steps are data, network, loss and optimizer, training. A network of one weight and one bias learns y = 2x from
three points.

从张量和梯度讲起，再到后面每一节都会重复的四步：准备数据集、设计模型、构造损失函数和优化器、训练循环。
要点：损失开头降得很快，后来越降越慢，100 个 epoch 还不够；换一个优化器会怎样，先猜再跑。

    python 01_linear.py
    python 01_linear.py --optimizer Rprop
    python 01_linear.py --epochs 1000 --plot line.png

After the article's 100 epochs w = 1.75, b = 0.58 and y(4) = 7.56; after 1,000 they are 2.00, 0.00 and 8.00. (Seed 0,
torch 2.14.1.) The picture shows why: the loss surface is a long valley. The first steps go down its side, all others
along its floor. Each step is one of gradient descent, on all three points; SGD's S, for stochastic, begins in 03.

Before running 先猜再跑: Rprop looks only at the sign of each gradient, and makes its steps longer while the sign stays.
How near does w come to 2 in 100 epochs? Adam's steps are about as long as its learning rate: and with --optimizer Adam?

Worked examples 例子, run by `python -m doctest 01_linear.py`

Tensors come from a list, from NumPy, or are filled with a number 创建张量:

>>> import numpy as np
>>> x = torch.tensor([[1, -1], [-1, 1]])
>>> torch.equal(x, torch.from_numpy(np.array([[1, -1], [-1, 1]])))
True
>>> torch.zeros(2, 2).tolist(), torch.ones(1, 2, 5).shape
([[0.0, 0.0], [0.0, 0.0]], torch.Size([1, 2, 5]))

squeeze drops a dimension of size 1, unsqueeze adds one, transpose swaps two, cat joins tensors along one 改变形状:

>>> x = torch.ones(1, 2, 5)
>>> x.squeeze(0).shape, x.unsqueeze(1).shape, x.transpose(1, 2).shape
(torch.Size([2, 5]), torch.Size([1, 1, 2, 5]), torch.Size([1, 5, 2]))
>>> torch.cat([torch.zeros(2, 1, 3), torch.zeros(2, 3, 3), torch.zeros(2, 2, 3)], dim=1).shape
torch.Size([2, 6, 3])

reshape keeps the number of elements, and refuses another one. (resize_ does not: it drops elements, or brings in
whatever was in memory.)

>>> torch.arange(12).reshape(3, 4).shape, torch.arange(12).resize_(2, 2).tolist()
(torch.Size([3, 4]), [[0, 1], [2, 3]])
>>> torch.arange(12).reshape(5, 2)
Traceback (most recent call last):
RuntimeError: shape '[5, 2]' is invalid for input of size 12

Arithmetic works element by element, and repeats a smaller tensor (broadcasting 广播). sum and mean go over all
elements, or along one axis (dim):

>>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
>>> x + x.pow(2) + torch.tensor([10.0, 20.0])
tensor([[12., 26.],
        [22., 40.]])
>>> x.sum(), x.sum(dim=0), x.sum(dim=1), x.mean(dim=0)
(tensor(10.), tensor([4., 6.]), tensor([3., 7.]), tensor([2., 3.]))

Gradients: z = Σx² has the gradient 2x. Gradients add up until they are cleared 梯度会累加，直到清零:

>>> x = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], requires_grad=True)
>>> z = x.pow(2).sum()
>>> z.backward()
>>> x.grad.tolist()
[[2.0, 0.0], [-2.0, 2.0]]
>>> x.pow(2).sum().backward()  # a new z: the graph of the old one is freed by backward()
>>> x.grad.tolist()
[[4.0, 0.0], [-4.0, 4.0]]

z remembers how it was computed: its graph, which leads back to x. Keep z in a list, and the graph stays in memory, if
backward() was not called with all tensors on the way. Keep a number, z.item(), or z.detach(), and nothing of it stays
保存 loss 时用 item()，否则计算图一直占内存:

>>> z.grad_fn is None, z.detach().grad_fn is None, z.item()
(False, True, 3.0)

A step of SGD goes against the gradient, lr times its length. By hand, it must not become part of a graph itself
手动更新参数:

>>> w, same = torch.tensor([3.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
>>> (w.pow(2).sum() + same.pow(2).sum()).backward()
>>> w -= 0.1 * w.grad
Traceback (most recent call last):
RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
>>> with torch.no_grad():
...     w -= 0.1 * w.grad
>>> torch.optim.SGD([same], lr=0.1).step()
>>> round(w.item(), 4), torch.equal(w, same)
(2.4, True)

A linear layer 32 → 64 has a weight for each pair of input and output, and a bias for each output 线性层的参数:

>>> layer = nn.Linear(32, 64)
>>> layer.weight.shape, layer.bias.shape
(torch.Size([64, 32]), torch.Size([64]))

LBFGS, another optimizer, needs loss and gradients several times in a step. So it asks for a function that computes them
anew, a closure 闭包:

>>> x, y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[2.0], [4.0], [6.0]])
>>> model = LinearModel()
>>> optimizer = torch.optim.LBFGS(model.parameters())
>>> losses = []
>>> def closure():
...     loss = nn.functional.mse_loss(model(x), y)
...     optimizer.zero_grad()  # sets the gradients to None
...     loss.backward()
...     losses.append(loss.item())
...     return loss
>>> loss = optimizer.step(closure)
>>> len(losses) > 1, f"w = {model.linear.weight.item():.2f}"
(True, 'w = 2.00')
"""

import torch
from torch import nn

from common import options, parse, pick_device

OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "RMSprop", "Rprop", "SGD"]


class LinearModel(nn.Module):
    """x, N×1 → y = w·x + b, N×1. An nn.Module has layers, and forward() says how data pass them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


def plot(path, x, y, steps, losses):
    """Draws the path of (w, b) over the loss surface, and the loss of each epoch."""
    from matplotlib.figure import Figure  # here, not above: only --plot needs it

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    w, b = torch.meshgrid(torch.linspace(-1, 3, 100), torch.linspace(-2, 3, 100), indexing="xy")
    errors = w * x.reshape(3, 1, 1) + b - y.reshape(3, 1, 1)
    surface = errors.pow(2).sum(dim=0)
    left.contour(w.numpy(), b.numpy(), surface.numpy(), levels=[0.03, 0.1, 0.3, 1, 3, 10, 30, 100], colors="silver")
    left.plot(*zip(*steps, strict=True), ".-", label="one step each epoch")
    left.plot(2, 0, "*", markersize=12, label="y = 2x")
    left.set(xlabel="w", ylabel="b", title="loss surface")
    left.legend()
    right.loglog(range(1, len(losses) + 1), losses)
    right.set(xlabel="epoch", title="loss")
    figure.savefig(path)


if __name__ == "__main__":
    parser = options(__doc__, epochs=100, lr=0.01)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="SGD", help="of torch.optim (%(default)s)")
    args = parse(parser)
    device = pick_device(args.device)
    torch.manual_seed(args.seed)

    x = torch.tensor([[1.0], [2.0], [3.0]], device=device)
    y = torch.tensor([[2.0], [4.0], [6.0]], device=device)

    model = LinearModel().to(device)

    loss_fn = nn.MSELoss(reduction="sum")
    optimizer = getattr(torch.optim, args.optimizer)(model.parameters(), lr=args.lr)

    losses, steps = [], []
    for epoch in range(1, args.epochs + 1):
        prediction = model(x)
        loss = loss_fn(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        steps.append((model.linear.weight.item(), model.linear.bias.item()))
        print(f"epoch {epoch}/{args.epochs}  loss {loss.item():.4f}")

    w, b = steps[-1]
    x4 = torch.tensor([[4.0]], device=device)
    model.eval()  # layers such as Dropout behave otherwise in training; this network has none
    with torch.inference_mode():  # no graph is kept; stricter than no_grad: the result can never be part of one
        y4 = model(x4).item()
    print(f"w = {w:.4f}  b = {b:.4f}  y(4) = {y4:.4f}")

    if args.plot:
        plot(args.plot, x.cpu(), y.cpu(), steps, losses)
