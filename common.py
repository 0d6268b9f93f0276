"""What the nine scripts share: options, device, data in memory, mini-batches and the training loop.

In the order in which a script uses them: options, mnist or read_csv, batches, one_cycle, fit, which calls train_epoch
and evaluate, and what shows the result. `fail` ends the program with one line where the user's input is at fault.
"""

import argparse
import contextlib
import math
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.hub import tqdm  # the real tqdm where it is installed, else PyTorch's own small one
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parent / "data"
BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers, too: Okabe and Ito (2008)


def fail(message):
    """Ends the program with one line on standard error and exit status 2: the error is in what the user gave."""
    print(f"{Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
    sys.exit(2)


def options(doc, argv=None, *, epochs, lr, batch_size=None, seed=0, fast=None, **extra):
    """Reads the command line: the options that every script has, and those of `extra`.

    `doc` is the script's docstring, shown by --help. `epochs`, `lr` and `batch_size` are the article's values and
    stand where neither the command line nor a file of --load names one; `fast` is a dict of those that --fast puts in
    their place. With `batch_size` come the options that `fit` reads. Each further keyword is an option, its value the
    arguments of argparse's add_argument: `model=dict(choices=["a", "b"], default="b")` adds --model. Bad values end
    the program through `fail`.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = fail
    parser.add_argument("--epochs", type=whole_number(0 if batch_size else 1), metavar="N", help="passes over the data")
    parser.add_argument("--lr", type=number(above=0), metavar="LR", help="learning rate")
    parser.add_argument("--seed", type=whole_number(0), default=seed, metavar="N", help="of the random numbers")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, mps, … (the accelerator if there is one)")
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="draw the run, as PNG, SVG, PDF, …")
    if batch_size:
        parser.add_argument("--batch-size", type=whole_number(1), metavar="N", help="samples in a step")
        parser.add_argument("--save", type=output_file, metavar="FILE", help="write the model after each epoch")
        parser.add_argument("--load", type=read_checkpoint, metavar="FILE", help="go on with a model of --save")
        parser.add_argument("--summary", action="store_true", help="print the layers, their shapes and parameters")
    if fast:
        parser.add_argument("--fast", action="store_true", help="today's recipe instead of the article's: one_cycle")
    for name, arguments in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **arguments)
    # Text pasted into a notebook belongs to no file, and sys.argv is then the notebook's, not the user's.
    if argv is None and "IPython" in sys.modules and not hasattr(sys.modules["__main__"], "__file__"):
        argv = []
    section = doc.partition("\n")[0]
    parser.set_defaults(section=section)
    args = parser.parse_args(argv)
    if batch_size and args.load:
        if args.load["options"]["section"] != section:
            fail(f"argument --load: the file is of another script: {args.load['options']['section']}")
        parser.set_defaults(**args.load["options"])  # what is typed beats the file, the file beats the recipe
        args = parser.parse_args(argv)
    args.device = pick_device(args.device)
    recipe = {"epochs": epochs, "lr": lr, "batch_size": batch_size} | (fast if fast and args.fast else {})
    for name, value in recipe.items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)
    return args


def whole_number(least):
    """Returns a converter for argparse: text to an int of at least `least`."""

    def convert(text):
        if not text.isdecimal() or not least <= int(text) < 2**63:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return convert


def number(above=-math.inf):
    """Returns a converter for argparse: text to a finite float greater than `above`."""

    def convert(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not above < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number" + f" above {above}" * (above > -math.inf))
        return value

    return convert


def output_file(path):
    """Checks, for argparse, that a file can be written to `path`: not after a run but before it."""
    try:
        with tempfile.TemporaryFile(dir=Path(path).parent):
            pass
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path!r} cannot be written: {error.strerror}") from None
    if Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"{path!r} is a folder")
    return path


def picture_file(path):
    """Checks, for argparse, that matplotlib is there and can write `path`."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise argparse.ArgumentTypeError("needs matplotlib: pip install matplotlib") from None
    formats = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in formats:
        raise argparse.ArgumentTypeError(f"{path!r} must end in one of .{', .'.join(formats)}")
    return output_file(path)


def pick_device(name=None):
    """Returns the device called `name`; without a name the accelerator if this machine has one, else the CPU."""
    if name is None:
        # On a build for CUDA, current_accelerator() names cuda even where no GPU is: ask is_available() first.
        return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError):
        fail(f"argument --device: this machine has no device {name!r}; 'cpu' is always there")
    return device


def mnist(device="cpu", dataset="MNIST", raw=False):
    """Reads MNIST from data/, or downloads another of torchvision's data sets in its form to data/.

    Returns the training samples and the test samples, each as images N×1×28×28 float32 and labels N int64, on
    `device`. The pixels have mean 0 and deviation 1 over the training set; with raw=True they are 0 to 255. All images
    are converted at once, not one PIL image at a time.
    """
    from torchvision import datasets  # slow to import: only the scripts that need it wait

    parts = []
    for train in (True, False):
        try:
            part = getattr(datasets, dataset)(DATA, train=train, download=dataset != "MNIST")
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            if dataset == "MNIST":
                fail(f"files in {DATA / 'MNIST' / 'raw'} are missing or damaged; 'git checkout data' brings them back")
            reason = str(error).strip().rpartition("\n")[2]
            fail(f"argument --dataset: {reason}; {dataset} needs the internet once, or its files in {DATA / dataset}")
        labels = part.targets if part.targets.ndim == 1 else part.targets[:, 0]  # QMNIST: the digit, then its writer
        parts.append((part.data.to(device).unsqueeze(1).float(), labels.to(device)))
    if not raw:
        for images, _ in parts:
            images.div_(255)
        # Four digits, as the article has them: 0.1307 and 0.3081 for MNIST.
        mean, std = (round(value.item(), 4) for value in (parts[0][0].mean(), parts[0][0].std()))
        for images, _ in parts:
            images.sub_(mean).div_(std)
    return parts


@contextlib.contextmanager
def reading(path):
    """Where a file of the user's cannot be read inside `with reading(path):`, that is one line and not a traceback."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy only warns of an empty file
            yield
    except Exception as error:
        fail(f"{path}: {error}")


def read_csv(path, columns):
    """Reads a CSV file of numbers without a heading, also as .gz; returns a tensor rows×columns, float32."""
    with reading(path):
        rows = np.loadtxt(path, delimiter=",", dtype=np.float32, ndmin=2, encoding="utf-8-sig")
    if rows.shape[1] != columns or not np.isfinite(rows).all():
        fail(f"{path}: each line must be {columns} finite numbers")
    return torch.from_numpy(rows)


def batches(*tensors, batch_size, shuffle=False):
    """Returns a DataLoader over tensors that are in memory: each batch is a list, one part per tensor.

    The tensors have the same first dimension, the samples. The loader only draws their numbers; a batch is then taken
    out of each tensor at once, where a Dataset would be called once per sample.
    """

    def gather(rows):
        rows = torch.tensor(rows)
        return [tensor.index_select(0, rows.to(tensor.device, non_blocking=True)) for tensor in tensors]

    return DataLoader(range(len(tensors[0])), batch_size=batch_size, shuffle=shuffle, collate_fn=gather)


def one_cycle(model, lr, steps):
    """Returns the optimizer and the schedule of --fast: the learning rate rises to `lr`, then falls to nearly 0.

    Large steps in the middle cover the distance and small ones at the end settle: Smith and Topin, Super-Convergence
    (2018). The schedule is made for `steps` batches in all; --epochs 0 has none.
    """
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.7, 0.9), fused=True)  # fused: one pass over the weights
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps or 1, cycle_momentum=False)
    return optimizer, scheduler


def train_epoch(model, batches, loss_fn, optimizer, scheduler=None):
    """Trains for one pass over `batches`, each of them inputs and a target; returns the mean loss per sample."""
    model.train()
    total, samples = 0, 0
    terminal = sys.stderr.isatty()
    with tqdm(total=len(batches), leave=False, disable=not terminal) as bar:
        for *inputs, target in batches:
            loss = loss_fn(model(*inputs), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            # Still a tensor: .item() here would wait for the device in every batch.
            total += loss.detach() * len(target)
            samples += len(target)
            bar.update(1)
        bar.close()
    if terminal:
        print(end="\r", file=sys.stderr, flush=True)  # the epoch's line shall take the place of the bar
    return total.item() / samples


@torch.inference_mode()
def evaluate(model, batches, loss_fn):
    """Returns mean loss and accuracy (0 to 1) over `batches`.

    The model's output is N×classes, the largest the prediction, or N×1 probabilities, predicting 1 from 0.5 on.
    """
    model.eval()
    total, correct, samples = 0, 0, 0
    for *inputs, target in batches:
        output = model(*inputs)
        total += loss_fn(output, target) * len(target)
        predicted = output.argmax(dim=1) if output.shape[1] > 1 else output >= 0.5
        correct += (predicted == target).sum()
        samples += len(target)
    return total.item() / samples, correct.item() / samples


def fit(model, train_batches, test_batches, loss_fn, optimizer, args, scheduler=None):
    """Trains up to epoch `args.epochs` and prints one line after each; `scheduler` moves on after every batch.

    With test_batches=None, accuracy is that on the training samples. `args` is what `options` returned: --load goes on
    where the file ends, --save writes one after each epoch. Returns the history, a list with one dict per epoch: loss
    (mean of the training batches), test_loss and accuracy (0 to 1). A loss that is nan or infinite ends the program
    with status 1.
    """
    parts = {"model": model, "optimizer": optimizer} | ({"scheduler": scheduler} if scheduler else {})
    history = load_checkpoint(args, parts) if args.load else []
    if args.summary:
        print_summary(model, *train_batches.collate_fn([train_batches.dataset[0]])[:-1])
    which, tested = ("training", train_batches) if test_batches is None else ("test", test_batches)
    first = len(history) + 1
    for epoch in range(first, args.epochs + 1):
        start = time.perf_counter()
        loss = train_epoch(model, train_batches, loss_fn, optimizer, scheduler)
        if not math.isfinite(loss):
            sys.exit(f"the loss of epoch {epoch} is {loss}: the gradients exploded; try a lower --lr")
        test_loss, accuracy = evaluate(model, tested, loss_fn)
        history.append({"loss": loss, "accuracy": accuracy} | ({"test_loss": test_loss} if test_batches else {}))
        measured = f"test loss {test_loss:.4f}  test accuracy" if test_batches else "accuracy"
        print(
            f"epoch {epoch:{len(str(args.epochs))}}/{args.epochs}  loss {loss:.4f}  {measured} {100 * accuracy:6.2f} %"
            f"  {time.perf_counter() - start:.1f} s",
            flush=True,
        )
        if args.save:
            save_checkpoint(args, parts, history)
    if first > args.epochs:  # nothing to train
        if args.save:
            save_checkpoint(args, parts, history)
        accuracy = evaluate(model, tested, loss_fn)[1]
    accuracies = [epoch["accuracy"] for epoch in history]
    best = f" (best {100 * max(accuracies):.2f} % after {accuracies.index(max(accuracies)) + 1})" if history else ""
    print(f"{which} accuracy {100 * accuracy:.2f} % after {len(history)} epochs{best}")
    return history


def save_checkpoint(args, parts, history):
    """Writes to args.save what --load needs; where that is interrupted, the file is the old one or the new one."""
    left_out = ("device", "plot", "save", "load", "predict", "summary")
    kept = {k: v for k, v in vars(args).items() if k not in left_out and not isinstance(v, Path)}
    content = {name: part.state_dict() for name, part in parts.items()}
    content |= {"options": kept, "history": history, "random": torch.get_rng_state()}
    temporary = f"{args.save}.part"
    try:
        with open(temporary, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it takes the old file's name
        os.replace(temporary, args.save)
    except (OSError, RuntimeError) as error:  # PyTorch makes a RuntimeError of a full disk
        fail(f"argument --save: {error}")


def read_checkpoint(path):
    """Reads, for argparse, a file of --save; weights_only=True refuses whatever would run code."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except Exception:  # half a dozen kinds, one for each way of being damaged
        content = None
    if not isinstance(content, dict) or not {"model", "options", "history", "random"} <= content.keys():
        raise argparse.ArgumentTypeError(f"{path!r} is damaged, or not a file of --save")
    return content


def load_checkpoint(args, parts):
    """Brings model, optimizer, schedule and random numbers to where args.load has them; returns the history."""
    saved = args.load
    try:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    except (KeyError, RuntimeError, ValueError):
        fail("argument --load: the file was made with other options than those given now, or with other data")
    if "scheduler" not in parts:
        for group in parts["optimizer"].param_groups:
            group["lr"] = args.lr
    elif args.epochs > len(saved["history"]) and any(
        getattr(args, name) != saved["options"][name] for name in ("epochs", "lr", "batch_size")
    ):
        fail("argument --load: --fast goes on only with the epochs, learning rate and batch size that it began with")
    torch.set_rng_state(saved["random"])
    return saved["history"]


def print_summary(model, *inputs):
    """Prints each layer's output shape and parameters, in the order in which `inputs` pass them."""
    names = {module: name for name, module in model.named_modules() if not list(module.children())}

    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    def row(module, inputs, output):
        if module in names:
            output = output[0] if type(output) is tuple else output  # a GRU returns out and hidden
            print(f"{names[module]:24}{'×'.join(map(str, output.data.shape)):16}{count(module):>10,}")

    print(f"{'layer':24}{'output':16}{'parameters':>10}")
    with torch.inference_mode(), nn.modules.module.register_module_forward_hook(row):
        model(*inputs)
    print(f"{'total':40}{count(model):>10,}")


@torch.inference_mode()
def probabilities(model, *inputs):
    """Returns the softmax of the model's logits, N×classes, on the CPU."""
    model.eval()
    return torch.cat([model(*batch).softmax(dim=1).cpu() for batch in batches(*inputs, batch_size=250)])


@contextlib.contextmanager
def drawing(path, width=6, height=4):
    """`with drawing(path) as figure:` gives an empty matplotlib figure and writes it to `path` at the end."""
    from matplotlib.figure import Figure  # not pyplot: it would look for a display

    figure = Figure(figsize=(width, height), layout="constrained")
    yield figure
    try:
        figure.savefig(path)
    except OSError as error:
        fail(f"argument --plot: {error}")


def plot_history(figure, history):
    """Draws loss and accuracy per epoch, side by side."""
    losses, accuracies = figure.subplots(1, 2)
    epochs = range(1, len(history) + 1)
    losses.plot(epochs, [epoch["loss"] for epoch in history], ".-", color=BLUE, label="training")
    if history and "test_loss" in history[0]:
        losses.plot(epochs, [epoch["test_loss"] for epoch in history], ".--", color=ORANGE, label="test")
        losses.legend()
    accuracies.plot(epochs, [100 * epoch["accuracy"] for epoch in history], ".-", color=BLUE)
    losses.set(xlabel="Epoch", ylabel="Loss")
    accuracies.set(xlabel="Epoch", ylabel="Accuracy (%)")
    for axes in (losses, accuracies):
        axes.locator_params(axis="x", integer=True)
        axes.grid(alpha=0.3)


def show_digits(args, model, history, images, labels):
    """Does what --plot and --predict ask for; wrong test images are drawn, those with the highest probability first."""
    if args.plot:
        confidence, predicted = probabilities(model, images).max(dim=1)
        wrong = (predicted != labels.cpu()).nonzero().squeeze(1)
        worst = wrong[confidence[wrong].argsort(descending=True)[:8]]
        with drawing(args.plot, width=8, height=5) as figure:
            top, bottom = figure.subfigures(2, 1, height_ratios=[2, 1])
            plot_history(top, history)
            bottom.suptitle("wrong, and most certain of it")
            for axes, index in zip(bottom.subplots(1, 8), worst, strict=False):
                axes.imshow(images[index, 0].cpu().numpy(), cmap="gray_r")
                axes.set_title(f"{labels[index]} as {predicted[index]}\n{100 * confidence[index]:.1f} %", fontsize=9)
            for axes in bottom.axes:
                axes.axis("off")
    if args.predict:
        low, high = images.min(), images.max()  # paper and ink, on the scale that the network knows
        digits = torch.stack([digit for _, digit, _ in args.predict]).to(images.device)
        for (path, _, form), row in zip(args.predict, probabilities(model, low + (high - low) * digits), strict=True):
            print(f"{path}: {row.argmax()} ({100 * row.max():.1f} %), {form}")


def read_digit(path):
    """Brings, for argparse, an image of one digit to MNIST's form; returns path, pixels 1×28×28 of 0 to 1, and a note.

    The border is taken for the paper. As in LeCun and others, Gradient-Based Learning Applied to Document Recognition
    (1998), section III.A, the digit becomes 20 pixels large, and its centre of mass the middle of the image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode[0] in "IF":  # 16 bits or floats, which PIL would cut at 255
                image = Image.fromarray(np.uint8(np.asarray(image, float) * 255 / max(image.getextrema()[1], 1)))
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("L")
    except Exception as error:  # PIL has many kinds, one for each way of being damaged
        raise argparse.ArgumentTypeError(f"{path!r} cannot be read as an image: {error}") from None
    low, high = image.getextrema()
    if high - low < 32:
        raise argparse.ArgumentTypeError(f"{path!r} shows nothing: it is equally light all over")
    pixels = np.asarray(image)
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]))
    dark = border > (low + high) / 2
    image = ImageOps.autocontrast(ImageOps.invert(image) if dark else image)
    image = ImageOps.contain(image.crop(image.point(lambda level: level > 76 and 255).getbbox()), (20, 20))
    ink = torch.from_numpy(np.asarray(image, np.float32) / 255)
    height, width = ink.shape
    y = round(13.5 - (ink.sum(1) @ torch.arange(float(height)) / ink.sum()).item())
    x = round(13.5 - (ink.sum(0) @ torch.arange(float(width)) / ink.sum()).item())
    y, x = min(max(y, 0), 28 - height), min(max(x, 0), 28 - width)
    digit = nn.functional.pad(ink, (x, 28 - width - x, y, 28 - height - y)).unsqueeze(0)
    return path, digit, f"read as {'dark on light' if dark else 'light on dark'}"


DIGITS = {  # options of the scripts that learn MNIST
    "dataset": dict(
        choices=["MNIST", "FashionMNIST", "KMNIST", "QMNIST"], default="MNIST", help="downloaded if not MNIST"
    ),
    "predict": dict(nargs="+", type=read_digit, metavar="IMAGE", help="files with one digit each, to read at the end"),
}
