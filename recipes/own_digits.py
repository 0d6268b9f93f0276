"""Recognize your own handwritten digits 识别自己写的数字 with the network that 05_mnist_cnn.py has saved.

A network only works on images like those it was trained on. MNIST digits are light on dark, 20 pixels large and
centered by their mass. So read_digit() first turns your photo, scan or drawing into such an image.

用训练好的网络识别自己手写的数字。网络只认识和训练数据相似的图片，所以先把照片变成 MNIST 的样子：黑底白字、20 像素大小、
按质心居中。保存的文件里只有权重（state_dict），没有网络的代码，因此要先导入 05 的类，再加载权重。

    python 05_mnist_cnn.py --fast --save cnn.pt
    python recipes/own_digits.py cnn.pt docs/digit.png
    python recipes/own_digits.py cnn.pt photos "scans/*.jpg"        a folder, and all files that fit a pattern

It prints each digit and its probability. Put one digit on plain paper: lines and the edge of the table count as ink,
too. We changed 200 test images in nine ways (tests/test_recipes_pictures.py); in the worst, thin strokes, 95.0 % are
right. The rest shows what your own program needs for a saved network: its class, load_state_dict(), eval(),
inference_mode().
"""

import argparse
import glob
import importlib
import os
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torchvision.transforms.functional import center_crop, crop, normalize, resize, to_tensor

Image.MAX_IMAGE_PIXELS = None  # phones take pictures of 200 megapixels, which Pillow refuses otherwise


def expand(name):
    """Returns the paths that `name` means: the files of a folder, those that fit a pattern, or one file."""
    pattern = os.path.join(glob.escape(name), "*") if os.path.isdir(name) else name
    found = [path for path in sorted(glob.glob(pattern)) if os.path.isfile(path)]
    return found if found and not os.path.isfile(name) else [name]  # a name that is not found gets its line, too


def read_picture(path):
    """Reads a picture; returns gray levels, 1×H×W from 0 (black) to 1 (white), at most 100 pixels wide and high."""
    try:
        with Image.open(path) as file:
            file.draft(None, (200, 200))  # a large JPEG is read in a smaller size, which is faster
            image = ImageOps.exif_transpose(file)  # phones store how they were held
    except Exception as error:  # missing, damaged or not a picture: Pillow raises many kinds of exceptions
        raise ValueError(f"cannot be read as a picture: {error}") from error
    if max(image.size) > 30 * min(image.size):
        raise ValueError("too long and narrow for a picture of a digit")

    if image.mode.startswith(("I", "F")):  # 16 or 32 bits per pixel
        image = image.convert("F")
        darkest, brightest = image.getextrema()
        image = image.point(lambda level: level * 255 / max(brightest, 1))
    image = ImageOps.contain(image.convert("LA"), (100, 100))
    level, alpha = to_tensor(image).split(1)
    return alpha * level + (1 - alpha) / 2  # transparent paper becomes gray, because its ink may be dark or light


def read_digit(path):
    """Reads a picture of one digit; returns it as in MNIST: light on dark, 20 pixels large, 1×28×28, normalized."""
    level = read_picture(path)
    border = torch.cat([level[0, 0], level[0, -1], level[0, :, 0], level[0, :, -1]])
    if border.median() < (level.min() + level.max()) / 2:  # the border is mostly paper; this paper is dark
        level = 1 - level  # now the ink is dark

    # The mean around each pixel estimates the paper there, with its shadow.
    paper = F.avg_pool2d(level, kernel_size=51, stride=1, padding=25, count_include_pad=False)
    contrast = (paper - level).clamp(min=0)
    if contrast.max() < 0.1:
        raise ValueError("a blank picture")
    ink = contrast / paper.clamp(min=0.1)  # a shadow darkens ink and paper by the same factor
    ink = (2 * ink / ink.max() - 0.5).clamp(0, 1)  # removes what is faint: noise or blur

    depth, rows, columns = (ink > 0.5).nonzero(as_tuple=True)
    digit = ink[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    side = max(digit.shape)
    square = center_crop(digit, [side, side])  # adds zeros at the sides, so a thin 1 stays thin
    small = resize(square, [20, 20])
    small = small / small.max()  # thin strokes become as bright as thick ones

    places = torch.arange(20.0)
    row = small[0].sum(dim=1) @ places / small.sum()
    column = small[0].sum(dim=0) @ places / small.sum()
    top = round(row.item() - 13.5)  # the center of mass goes to the middle of 28 pixels
    left = round(column.item() - 13.5)
    return normalize(crop(small, top, left, 28, 28), [0.1307], [0.3081])


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # prints ? for what the console cannot show
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="the file saved by 05_mnist_cnn.py --save")
    parser.add_argument("pictures", nargs="+", metavar="picture", help="a picture of one digit, a folder or a pattern")
    args = parser.parse_args()

    try:
        state = torch.load(args.weights, map_location="cpu", weights_only=True)
    except OSError as error:
        sys.exit(f"{args.weights} cannot be read: {error.strerror}")
    except Exception:  # many kinds of exceptions
        sys.exit(f"{args.weights} is damaged, or not a file of weights")
    repository = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(repository))  # where import looks for 05_mnist_cnn.py
    cnn = importlib.import_module("05_mnist_cnn")  # `import` does not accept a name that begins with a digit
    try:
        model = cnn.SimpleCNN() if "linear.weight" in state else cnn.ImprovedCNN()
        model.load_state_dict(state)
    except (RuntimeError, TypeError):
        sys.exit(f"{args.weights} does not have the weights of 05's networks: save them with 05_mnist_cnn.py --save")

    bad = 0
    model.eval()
    for path in [path for name in args.pictures for path in expand(name)]:
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
