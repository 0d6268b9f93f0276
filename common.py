"""Code that the scripts share. You can follow every lesson without reading this file.

First come the device and the loops of 04, here for networks with any number of inputs; then options and files.
"""

import argparse
import contextlib
import gzip
import math
import os
import re
import sys
import textwrap
import time
import warnings
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

DATA = Path(__file__).resolve().parent / "data"


def pick_device(name):
    """Returns the device called `name`; without a name, the accelerator (a GPU, say) if there is one, else the CPU."""
    if not name:
        name = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except Exception:  # many kinds of exceptions get the same message
        sys.exit(f"this machine has no device {name}; --device cpu always works")
    return torch.device(name)


def mnist(train):
    """Returns MNIST, normalized all at once, not image by image as in 04: a TensorDataset of N×1×28×28 and labels N."""
    from torchvision import datasets  # imported here because the import is slow

    with reading(DATA / "MNIST"):
        digits = datasets.MNIST(DATA, train=train, download=True)  # downloads nothing if data/ has the files
        images = digits.data.unsqueeze(1).float()
        images.div_(255).sub_(0.1307).div_(0.3081)  # in place, to avoid a second copy of all images
        return TensorDataset(images, digits.targets)


def train_epoch(model, train_loader, loss_fn, optimizer, device, scheduler=None):
    """Trains for one pass over `train_loader`; returns the loss of each batch.

    A batch has one or more inputs (05: one, 09: two), then the target.
    """
    model.train()
    losses = []
    for *inputs, target in train_loader:
        inputs = [tensor.to(device) for tensor in inputs]
        target = target.to(device)
        logits = model(*inputs)
        loss = loss_fn(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()  # after each batch, not after each epoch
        losses.append(loss.item())
    return losses


@torch.inference_mode()
def evaluate(model, test_loader, loss_fn, device):
    """Returns the mean loss and the accuracy (0 to 1) over `test_loader`."""
    model.eval()
    loss, correct, samples = 0, 0, 0
    for *inputs, target in test_loader:
        inputs = [tensor.to(device) for tensor in inputs]
        target = target.to(device)
        logits = model(*inputs)
        loss += loss_fn(logits, target).item() * len(target)
        correct += (logits.argmax(dim=1) == target).sum().item()
        samples += len(target)
    return loss / samples, correct / samples


def counted(loader):
    """Yields the batches of `loader`. A terminal also shows a counter, which the line of the epoch overwrites."""
    terminal = sys.stderr is sys.__stderr__ and os.isatty(2)  # notebooks and IDLE replace sys.stderr
    for number, batch in enumerate(loader, start=1):
        yield batch
        if terminal:
            print(f"{number}/{len(loader)}", end="\r", file=sys.stderr)


def fit(model, train_loader, test_loader, loss_fn, optimizer, scheduler=None, *, epochs, device):
    """Trains and tests in each epoch, as in 04. Ctrl-C stops the training, but not the program.

    Returns the history, one dict per epoch: losses (one per batch), test_loss, test_accuracy (0 to 1).
    """
    history = []
    with contextlib.suppress(KeyboardInterrupt):
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            losses = train_epoch(model, counted(train_loader), loss_fn, optimizer, device, scheduler)
            test_loss, test_accuracy = evaluate(model, test_loader, loss_fn, device)
            if not math.isfinite(sum(losses) + test_loss):
                sys.exit("the loss is nan or infinite: try a lower --lr")
            loss = sum(losses) / len(losses)
            measured = f"loss {loss:.4f}  test loss {test_loss:.4f}  test accuracy {100 * test_accuracy:.2f} %"
            print(f"epoch {epoch:2}/{epochs}  {measured}  {time.perf_counter() - start:.1f} s", flush=True)
            history.append({"losses": losses, "test_loss": test_loss, "test_accuracy": test_accuracy})

    if len(history) < epochs or not epochs:  # after Ctrl-C, or if weights were only loaded
        test_loss, test_accuracy = evaluate(model, test_loader, loss_fn, device)
    print(f"test accuracy {100 * test_accuracy:.2f} %")
    return history


def one_cycle(model, lr, steps, betas=(0.7, 0.9)):
    """Returns Adam and a one-cycle schedule: the learning rate rises to `lr`, then falls to nearly 0.

    It rises during the first fifth (warm-up), because Adam has seen few gradients. Then large steps make progress, and
    small ones at the end let the weights settle. A simple form of Smith and Topin, Super-Convergence (2018). `betas`
    say how long Adam remembers past gradients. If there are few steps, a short memory works better.
    """
    optimizer = torch.optim.Adam(model.parameters(), betas=betas, fused=True)  # fused: one pass over all weights
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=lr,
        total_steps=max(steps, 6),  # with 5 steps, it would divide by 0
        pct_start=0.2,  # the part of the steps in which the rate rises
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    return optimizer, scheduler


# ---- All that a learner needs ends here. Below: pictures, options and files. ----


def new_figure(width, height, text=""):
    """Returns a matplotlib figure, in inches. Prints a hint if `text` is Chinese and no font for it is installed."""
    from matplotlib import font_manager, rcParams  # imported here because only --plot needs matplotlib
    from matplotlib.figure import Figure

    chinese = ["Microsoft YaHei", "PingFang SC", "Arial Unicode MS", "Noto Sans CJK SC", "WenQuanYi Micro Hei"]
    rcParams["font.sans-serif"] = [*chinese, "DejaVu Sans"]  # the first of them that is installed
    rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]  # what the first lacks is taken from the second
    warnings.filterwarnings("ignore", "Glyph .* missing|findfont: Font family")  # a character becomes a box
    if re.search("[\u4e00-\u9fff]", text) and not set(chinese) & set(font_manager.get_font_names()):
        print(f"hint: for Chinese characters in the picture, install one of: {', '.join(chinese)}", file=sys.stderr)
    return Figure(figsize=(width, height), dpi=200, layout="constrained")


def plot_history(figure, history, classes):
    """Draws the losses and the test errors on a figure or a part of one, side by side if it is wide.

    The dotted line is the loss of guessing: the same probability for all `classes`.
    """
    if not history:
        figure.text(0.5, 0.5, "nothing was trained, only loaded", ha="center")
        return
    losses = torch.tensor([loss for epoch in history for loss in epoch["losses"]])
    positions = torch.linspace(0, len(history), len(losses))
    window = 1 + len(losses) // 50
    means = losses.unfold(0, window, 1).mean(dim=1)
    epochs = range(1, len(history) + 1)
    errors = [100 - 100 * epoch["test_accuracy"] for epoch in history]
    panels = min(2, len(history))  # after one epoch the errors are one number: the title has it
    shape = (1, panels) if figure.bbox.width > figure.bbox.height else (panels, 1)
    left, *right = figure.subplots(*shape, sharex=True, squeeze=False).flat
    left.plot(positions, losses, color="C0", alpha=0.3, linewidth=0.5)
    left.plot(positions[window // 2 :][: len(means)], means, color="C0", label=f"training: means of {window} batches")
    left.plot(epochs, [epoch["test_loss"] for epoch in history], "o-", color="C1", label="test")
    left.axhline(math.log(classes), color="black", linestyle=":", label=f"guessing: ln {classes}")
    left.set(title="loss", xlabel="epoch", yscale="log")
    left.locator_params(axis="y", subs=(1, 2, 5))
    left.yaxis.set_major_formatter("{x:g}")
    left.minorticks_off()
    left.locator_params(axis="x", integer=True)  # only whole epochs
    left.tick_params(labelbottom=True)
    left.legend(loc="upper right")
    if right:
        right[0].plot(epochs, errors, "o-", color="C1")
        right[0].set(title=f"test errors: {errors[-1]:.2f} % at the end", xlabel="epoch", ylabel="%", ylim=(0, None))
    else:
        left.set_title(f"loss of one epoch; then {100 - errors[0]:.2f} % of the test set are right")


def options(doc, *, epochs, lr=None, batch_size=None, saves=False, seed=0):
    """Returns an ArgumentParser with the shared options. A script adds its own options, then calls parse().

    --help first prints `doc`, the docstring of the script.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=at_least(1), default=epochs, help="passes over data (default: %(default)s)")
    if lr:
        parser.add_argument("--lr", type=at_least(1e-9), default=lr, help="learning rate (default: %(default)s)")
    if batch_size:
        parser.add_argument("--batch-size", type=at_least(1), default=batch_size, help="samples (default: %(default)s)")
    parser.add_argument("--seed", type=at_least(0), default=seed, help="random seed (default: %(default)s)")
    parser.add_argument("--device", default="", help="cpu, cuda, mps, … (default: the accelerator, if any)")
    parser.add_argument("--plot", type=picture, metavar="FILE", help="save a picture: .png, .svg or .pdf")
    if saves:
        parser.add_argument("--save", type=writable, metavar="FILE", help="save the weights after the training")
        parser.add_argument("--load", type=Path, metavar="FILE", help="load weights; train further only with --epochs")
    return parser


def parse(parser, **presets):
    """Returns the options. `presets` are new defaults that an option sets, as in fast={"epochs": 1}.

    If two options with presets are used, the later preset wins. What the user types always wins.
    """
    if hasattr(sys.stdout, "reconfigure"):  # in a notebook, stdout has no reconfigure()
        sys.stdout.reconfigure(errors="replace")  # prints ? for what the console cannot show
    launchers = ("kernel_launcher.py", "pydevconsole.py", "__main__.py", "ipython")  # of notebooks and consoles
    typed = [] if sys.argv[0].endswith(launchers) else sys.argv[1:]  # what a launcher was given is not meant for us
    args = parser.parse_args(typed)
    for option, defaults in presets.items():
        if getattr(args, option):
            parser.set_defaults(**defaults)
    return parser.parse_args(typed)  # again, with these defaults


def at_least(least):
    """Returns a converter for argparse: text to a number of the type of `least`, and not below it."""

    def number(text):
        value = type(least)(text)
        if not least <= value <= 10**18:  # the random generator takes no seed far above
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and 10**18")
        return value

    return number


def writable(path):
    """A converter for argparse: the path of a file that save() can write."""
    try:
        if not path or (os.path.exists(path) and not (os.path.isfile(path) and os.access(path, os.W_OK))):
            raise OSError("no name, a folder, a device or a protected file")
        open(beside(path), "x").close()
        os.remove(beside(path))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path!r} cannot be written: {error.strerror or error}") from None
    return path


def picture(path):
    """A converter for argparse: the path of a picture that can be saved."""
    try:
        new_figure(1, 1)
    except Exception as error:  # matplotlib is not installed, or broken
        raise argparse.ArgumentTypeError(f"needs matplotlib, pip install matplotlib: {error}") from None
    if not path.lower().endswith((".png", ".svg", ".pdf")):
        raise argparse.ArgumentTypeError(f"{path!r} does not end in .png, .svg or .pdf")
    return writable(path)


@contextlib.contextmanager
def reading(path):
    """If a file cannot be read in this block, ends the program with one line instead of a traceback.

    NameError, AttributeError, TypeError and IndexError pass: they are slips in the program; a traceback shows where.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "loadtxt")  # NumPy only warns if a file has no rows
            yield
    except (NameError, AttributeError, TypeError, IndexError):
        raise
    except UnicodeDecodeError:
        sys.exit(f"{path} is not UTF-8 text: save it as UTF-8, in Excel as CSV UTF-8")
    except Exception as error:  # missing, a damaged .gz, not a number, weights of a different network, …
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # ValueErrors are in plain words
        sys.exit(f"{path} cannot be read: {textwrap.shorten(f'{kind}{error}', 200)}")


def open_text(path):
    """Opens a UTF-8 text file (or .gz) for reading, and skips a byte-order mark."""
    opener = gzip.open if str(path).endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig")


def save(state, path):
    """Saves to a temporary file, then renames it: an old file survives a full disk and a killed program."""
    torch.save(state, beside(path))
    os.replace(beside(path), os.path.realpath(path))  # a symbolic link stays one


def load(path):
    """Returns what save() wrote: a dict with strings as keys, its tensors on the CPU."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:  # it is missing
        raise
    except Exception:  # it is damaged: PyTorch raises many kinds of exceptions
        state = None
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise ValueError("it is damaged, or it is not a file of weights")
    return state


def beside(path):
    """Returns the path of a temporary file next to `path`, used by no other process."""
    return f"{os.path.realpath(path)}.{os.getpid()}"
