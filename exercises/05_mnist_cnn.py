"""Exercises 练习 for lesson 05: replace each `raise` with your code. Then, in the repository's folder, run

    python -m doctest -f exercises/05_mnist_cnn.py

It shows the first example that fails in each task (tasks in the order of the alphabet), and nothing if all are solved.
★ is easy, ★★ needs thought, ★★★ is hard. An example with __code__ shows forbidden names that your code uses.
把每个 raise 换成自己的代码，直到这条命令不再输出任何内容。
"""

from runpy import run_path

import torch
import torch.nn.functional as F
from torch import nn
from torchvision import datasets

from common import DATA, mnist

ImprovedCNN = run_path("05_mnist_cnn.py")["ImprovedCNN"]


def output_size(size, kernel, padding, stride):
    """★ The size of a feature map 特征图的大小: how many positions does a kernel have along one side of an image?

    Take a pencil: 7 pixels, a kernel of 3, stride 2. Then add a border of one zero. See 05, "How large is the feature
    map?". 卷积核在图像的一条边上有多少个位置？

    >>> output_size(28, kernel=5, padding=0, stride=1), output_size(7, kernel=3, padding=0, stride=2)
    (24, 3)
    >>> for size, kernel, padding, stride in (torch.randint(1, 5, (100, 4)) + torch.tensor([9, 0, 0, 0])).tolist():
    ...     out = nn.Conv2d(1, 1, kernel, padding=padding, stride=stride)(torch.zeros(1, 1, size, size))
    ...     assert output_size(size, kernel, padding, stride) == out.shape[2]
    """
    raise NotImplementedError("replace this line with your code")


def vertical_edge():
    """★ A kernel by hand 边缘检测核: return a 3×3 tensor that finds vertical edges.

    Its answer must be 0 where the brightness does not change from left to right, positive where it grows, and negative
    where it falls. See 05, "What can a kernel see?".
    返回一个检测竖直边缘的 3×3 卷积核：从左到右变亮处结果为正，变暗处为负，不变处为 0。

    >>> kernel = vertical_edge().reshape(1, 1, 3, 3)
    >>> stripes = torch.rand(1, 1, 20, 1).expand(1, 1, 20, 20)  # horizontal: they change only from top to bottom
    >>> x = stripes + torch.arange(20) ** 2  # brighter to the right
    >>> falling = F.conv2d(x.flip(3), kernel)
    >>> F.conv2d(stripes, kernel).abs().max() < 1e-5, F.conv2d(x, kernel).min() > 0, falling.max() < 0
    (tensor(True), tensor(True), tensor(True))
    """
    raise NotImplementedError("replace this line with your code")


def corr2d(x, kernel):
    """★★ A convolution by hand 手写卷积: slide `kernel`, h×w, over the image `x`, H×W, and return the feature map.

    Use two loops, and no function for convolutions. See 05, "What does a convolution compute?".
    用两重循环让 `kernel` 在图像 `x` 上滑动，返回特征图；不用现成的卷积函数。

    >>> corr2d(torch.arange(9.0).reshape(3, 3), torch.tensor([[1.0, 0.0], [0.0, 10.0]]))
    tensor([[40., 51.],
            [73., 84.]])
    >>> x, kernel = torch.rand(12, 9), torch.rand(3, 5)
    >>> torch.allclose(corr2d(x, kernel), F.conv2d(x[None, None], kernel[None, None])[0, 0])
    True
    >>> {"conv2d", "Conv2d"} & set(corr2d.__code__.co_names)
    set()
    """
    raise NotImplementedError("replace this line with your code")


def predict(model, pixels):
    """★★ One image 识别一张图: which digit are these `pixels`, 28×28 whole numbers from 0 to 255?

    Return the digit, an int, and its probability, a float. The network needs N×1×28×28 numbers, normalized as in
    training, and its dropout must be off. See 05, "How do I predict one image?" and 04, "What does the transform do?".
    返回 `pixels`（28×28，0 到 255）是哪个数字，以及它的概率。像训练时一样归一化，并关闭 dropout。

    >>> model, pixels = nn.Sequential(ImprovedCNN(), nn.Dropout(0.5)), datasets.MNIST(DATA, train=False).data[:20]
    >>> digits, probabilities = zip(*[predict(model, image) for image in pixels])
    >>> expected = model.eval()(mnist(train=False)[:20][0]).softmax(dim=1).max(dim=1)
    >>> list(digits) == expected.indices.tolist(), torch.tensor(probabilities).allclose(expected.values, atol=1e-5)
    (True, True)
    """
    raise NotImplementedError("replace this line with your code")


def for_other_classes(model, classes):
    """★★ Transfer learning 迁移学习: keep the trained convolutions, and learn new classes with the linear layers.

    Freeze conv1 and conv2, and replace linear3 with a layer of `classes` outputs. Return an optimizer for it,
    torch.optim.SGD with lr=0.1. In which order? See 05, "How does a trained network learn other classes?".
    冻结两个卷积层，把 linear3 换成 `classes` 个输出，返回 SGD 优化器（lr=0.1）。注意先后顺序。

    >>> for classes in (5, 26):
    ...     model = ImprovedCNN()
    ...     optimizer = for_other_classes(model, classes)
    ...     before = {name: weight.clone() for name, weight in model.state_dict().items()}
    ...     F.cross_entropy(model(torch.rand(3, 1, 28, 28)), torch.tensor([0, 1, classes - 1])).backward()
    ...     optimizer.step()
    ...     print([name for name, weight in model.state_dict().items() if torch.equal(weight, before[name])])
    ['conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias']
    ['conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias']
    """
    raise NotImplementedError("replace this line with your code")
