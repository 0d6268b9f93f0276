"""Linear regression 线性回归: tensors, gradients, and the four steps that every later section repeats.

The four steps are data, network, loss and optimizer, training. A network of one weight and one bias learns y = 2x from
three points.

    python 01_linear.py
    python 01_linear.py --optimizer LBFGS
    python 01_linear.py --epochs 1000 --plot line.png

With SGD the loss falls quickly at first and then crawls: after the article's 100 epochs w = 1.75, b = 0.58 and y(4) =
7.56, after 1,000 epochs 2.00, 0.00 and 8.00. LBFGS and Rprop need fewer than 100; Adagrad, Adam, AdamW, Adamax and
RMSprop want a larger --lr here. (Seed 0, torch 2.14.1.)

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

Arithmetic works element by element; sum and mean take all elements or one axis.

>>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
>>> x + x.pow(2)
tensor([[ 2.,  6.],
        [12., 20.]])
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
>>> x.pow(2).sum().backward()
>>> x.grad.tolist(), x.grad.zero_().tolist()
([[4.0, 0.0], [-4.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]])

A linear layer 32 → 64 holds a weight per pair and a bias per output.

>>> layer = nn.Linear(32, 64)
>>> layer.weight.shape, layer.bias.shape
(torch.Size([64, 32]), torch.Size([64]))
"""

import torch
from torch import nn

from common import BLUE, ORANGE, drawing, options, report, run, until_stopped

OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "RMSprop", "Rprop", "SGD"]


def main(argv=None):
    args = options(
        __doc__,
        argv,
        epochs=100,
        lr=0.01,
        optimizer=dict(choices=OPTIMIZERS, default="SGD", help="one of torch.optim (SGD)"),
    )
    torch.manual_seed(args.seed)

    x = torch.tensor([[1.0], [2.0], [3.0]], device=args.device)
    y = torch.tensor([[2.0], [4.0], [6.0]], device=args.device)
    model = nn.Linear(1, 1).to(args.device)
    loss_fn = nn.MSELoss(reduction="sum")
    optimizer = getattr(torch.optim, args.optimizer)(model.parameters(), lr=args.lr)

    def closure():
        prediction = model(x)
        loss = loss_fn(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        return loss

    losses = []
    for epoch in until_stopped(range(1, args.epochs + 1)):
        # Most optimizers call the closure once and could do without; LBFGS calls it several times in one step.
        losses.append(optimizer.step(closure).item())
        report(epoch, args, losses[-1])

    with torch.inference_mode():
        y4 = model(torch.tensor([[4.0]], device=args.device)).item()
        ends = torch.tensor([[0.0], [5.0]], device=args.device)
        line = model(ends)
    if args.plot:
        with drawing(args.plot, width=8) as figure:
            left, right = figure.subplots(1, 2)
            left.plot(ends.cpu(), line.cpu(), color=BLUE, label="model")
            left.plot(x.cpu(), y.cpu(), "o", color=ORANGE, label="data")
            left.set(xlabel="x", ylabel="y")
            left.legend()
            right.semilogy(range(1, len(losses) + 1), losses, color=BLUE)
            right.set(xlabel="Epoch", ylabel="Loss")
    print(f"w = {model.weight.item():.4f}  b = {model.bias.item():.4f}  y(4) = {y4:.4f}")


if __name__ == "__main__":
    run(main)
