"""Draws kernel.gif, the moving picture of lesson 05: a kernel slides over an image. `python docs/kernel.py`

The numbers are those of the lesson's first worked example, and the sums are computed by the convolution itself.
卷积核在图像上滑动的动画：每一帧是一个位置上的乘积之和。
"""

import io
from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

IMAGE = torch.tensor([[3, 4, 6, 5, 7], [2, 4, 6, 8, 2], [1, 6, 7, 8, 4], [9, 7, 4, 6, 2], [3, 7, 5, 4, 1]])
KERNEL = torch.arange(1, 10).reshape(3, 3)
FEATURE_MAP = F.conv2d(IMAGE.float().reshape(1, 1, 5, 5), KERNEL.float().reshape(1, 1, 3, 3))[0, 0].int()


def draw_grid(axes, numbers, title, shown, frame):
    """Draws the first `shown` numbers of a matrix, and a frame: its left column, top row and size."""
    rows, columns = numbers.shape
    left, top, size = frame
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], aspect="equal", title=title)
    for row in range(rows):
        for column in range(columns):
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor="white", edgecolor="silver"))
            if row * columns + column < shown:
                number = numbers[row, column].item()
                axes.text(column + 0.5, row + 0.5, number, ha="center", va="center", fontsize=13)
    axes.add_patch(Rectangle((left, top), size, size, fill=False, edgecolor="tab:orange", linewidth=4))


def draw_frame(position):
    """Returns the picture of one position, 0 to 8, of the kernel."""
    top, left = divmod(position, 3)
    figure = Figure(figsize=(7, 3), dpi=100, layout="constrained")
    image, kernel, feature_map = figure.subplots(1, 3, width_ratios=[5, 3, 3])
    draw_grid(image, IMAGE, "image, 5×5", shown=25, frame=(left, top, 3))
    draw_grid(kernel, KERNEL, "kernel, 3×3", shown=9, frame=(0, 0, 3))
    draw_grid(feature_map, FEATURE_MAP, "feature map, 3×3", shown=position + 1, frame=(left, top, 1))
    pixels = IMAGE[top : top + 3, left : left + 3].flatten().tolist()
    products = [f"{weight}·{pixel}" for weight, pixel in enumerate(pixels, start=1)]
    figure.supxlabel(f"{' + '.join(products)} = {FEATURE_MAP[top, left]}", fontsize=12)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE, colors=32)


if __name__ == "__main__":
    frames = [draw_frame(position) for position in range(9)]
    path = Path(__file__).with_name("kernel.gif")
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1500, loop=0)
