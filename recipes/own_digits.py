"""Your own digits 识别自己写的数字: pictures of one digit each, read by the network that 05_mnist_cnn.py has saved.

    python 05_mnist_cnn.py --fast --save cnn.pt
    python recipes/own_digits.py cnn.pt docs/digit.png

MNIST's digits are light on dark, 20 pixels large and centred by their mass. A network knows only what it has learned
from, so read_digit() makes such an image of your picture: a photo, a scan or a drawing, dark on light or light on dark.
Of 200 test images of MNIST, brought in nine forms (tests/test_recipes_pictures.py has them), 95.0 % are read right in
the worst form, thin strokes. Take one digit on plain paper: lines and the edge of the table are ink, too.

The rest is what a program of your own needs that uses a saved network: its class, load_state_dict(), eval() and
inference_mode().

用训练好的网络识别自己手写的数字。网络只认识和训练数据相似的图片，所以先把照片变成 MNIST 的样子：黑底白字、20 像素大小、
按质心居中。保存的文件里只有权重（state_dict），没有网络的代码，因此要先导入 05 的类，再加载权重。
"""

import argparse
import importlib
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torchvision.transforms.functional import center_crop, crop, normalize, resize, to_tensor


def read_picture(path):
    """Reads a picture; returns its levels of grey, 1×H×W from 0 (black) to 1, at most 100 pixels wide and high."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)  # a telephone notes how it was held
    except Exception as error:  # not there, no picture, damaged: Pillow has many kinds of exceptions
        raise ValueError(f"cannot be read as a picture: {error}") from error
    if max(image.size) > 30 * min(image.size):
        raise ValueError("too long and narrow for a picture of a digit")

    if image.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel
        image = image.convert("F")
        darkest, brightest = image.getextrema()
        image = image.point(lambda level: level * 255 / max(brightest, 1))
    image = ImageOps.contain(image.convert("LA"), (100, 100))
    level, alpha = to_tensor(image).split(1)
    return alpha * level + (1 - alpha) / 2  # transparent paper becomes grey: its ink may be dark or light


def read_digit(path):
    """Reads a picture of one digit; returns it as in MNIST, light on dark and 20 pixels large: 1×28×28, normalised."""
    level = read_picture(path)
    border = torch.cat([level[0, 0], level[0, -1], level[0, :, 0], level[0, :, -1]])
    if border.median() < (level.min() + level.max()) / 2:  # most of the border is paper, and dark
        level = 1 - level  # now the ink is dark

    # The mean of what is around a pixel is the paper there, with its shadow.
    paper = F.avg_pool2d(level, kernel_size=51, stride=1, padding=25, count_include_pad=False)
    contrast = (paper - level).clamp(min=0)
    if contrast.max() < 0.1:
        raise ValueError("a blank picture")
    ink = contrast / paper.clamp(min=0.1)  # a shadow darkens ink and paper by the same factor
    ink = (2 * ink / ink.max() - 0.5).clamp(0, 1)  # what is faint is noise or blur

    depth, rows, columns = (ink > 0.5).nonzero(as_tuple=True)
    digit = ink[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    side = max(digit.shape)
    square = center_crop(digit, [side, side])  # with a border of zeros: a thin 1 stays thin
    small = resize(square, [20, 20])
    small = small / small.max()  # thin strokes are as bright as thick ones

    places = torch.arange(20.0)
    row = small[0].sum(dim=1) @ places / small.sum()
    column = small[0].sum(dim=0) @ places / small.sum()
    top = round(row.item() - 13.5)  # the centre of mass goes to the middle of 28 pixels
    left = round(column.item() - 13.5)
    return normalize(crop(small, top, left, 28, 28), [0.1307], [0.3081])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="the file that 05_mnist_cnn.py --save has written")
    parser.add_argument("pictures", nargs="+", metavar="picture", help="a picture of one digit")
    args = parser.parse_args()

    repository = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(repository))  # where import looks for 05_mnist_cnn.py
    cnn = importlib.import_module("05_mnist_cnn")  # the import statement takes no name that begins with a digit
    model = cnn.ImprovedCNN()
    try:
        model.load_state_dict(torch.load(args.weights, map_location="cpu", weights_only=True))
    except Exception as error:  # not there, no file of PyTorch's, weights of another network, …
        sys.exit(f"{args.weights} is not there, or not what 05_mnist_cnn.py saves: {type(error).__name__}")

    bad = 0
    model.eval()
    for path in args.pictures:
        try:
            digit = read_digit(path)
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            bad += 1
            continue
        with torch.inference_mode():
            logits = model(digit.unsqueeze(0))  # a batch of one
        probability, predicted = logits.softmax(dim=1).max(dim=1)
        print(f"{path}: {predicted.item()} ({100 * probability.item():.1f} %)")
    if bad:
        sys.exit(1)
