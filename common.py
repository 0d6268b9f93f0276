"""What the scripts share: the device and the loops that 04 has written out; further down, options and files.

`train_epoch` and `evaluate` are 04's, for networks with any number of inputs. `fit` calls the two in turn.
"""

import argparse
import contextlib
import gzip
import math
import os
import pickle
import sys
import textwrap
import time
import warnings
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

DATA = Path(__file__).resolve().parent / "data"


def pick_device(name):
    """Returns the device called `name`; without a name the accelerator if this machine has one, else the CPU."""
    if not name:
        name = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except Exception:  # many kinds of exception, one message
        sys.exit(f"this machine has no device {name}; --device cpu is always there")
    return torch.device(name)


def mnist(train):
    """Returns what 04's transform makes of MNIST, all at once: a TensorDataset of images N×1×28×28 and labels N."""
    from torchvision import datasets  # slow to import: only the scripts that need it wait

    with reading(DATA / "MNIST"):
        digits = datasets.MNIST(DATA, train=train, download=True)  # downloads nothing where data/ is there
        images = digits.data.unsqueeze(1).float()
        images.div_(255).sub_(0.1307).div_(0.3081)  # in place: there is no second copy of all images
        return TensorDataset(images, digits.targets)


def train_epoch(model, train_loader, loss_fn, optimizer, device, scheduler=None):
    """Trains for one pass over `train_loader`; returns the losses of the batches.

    A batch is the network's inputs (05 has one, 09 two), then the target.
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
            scheduler.step()  # after each batch, not each epoch
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
    """Yields the batches of `loader`. A terminal shows how many there were, until the epoch's line covers it."""
    terminal = sys.stderr is sys.__stderr__ and os.isatty(2)  # a notebook and IDLE have a stderr of their own
    for number, batch in enumerate(loader, start=1):
        yield batch
        if terminal:
            print(f"{number}/{len(loader)}", end="\r", file=sys.stderr)


def fit(model, train_loader, test_loader, loss_fn, optimizer, scheduler=None, *, epochs, device):
    """Trains and tests in turn, as 04 does. Ctrl-C ends the training, not the program.

    Returns the history, a dict for each epoch: losses (one for each batch), test_loss, test_accuracy (0 to 1).
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

    if len(history) < epochs or not epochs:  # after Ctrl-C, or of weights that were loaded
        test_loss, test_accuracy = evaluate(model, test_loader, loss_fn, device)
    print(f"test accuracy {100 * test_accuracy:.2f} %")
    return history


def one_cycle(model, lr, steps, betas=(0.7, 0.9)):
    """Returns Adam and a schedule of one cycle: the learning rate rises to `lr`, then falls to nearly 0.

    It rises over the first fifth (warm-up): Adam's first steps rest on few gradients. Then large steps cover the
    distance, and small ones settle at the end. A plain form of the policy of Smith and Topin, Super-Convergence (2018).
    `betas`: how long Adam remembers its gradients; few steps want short memories.
    """
    optimizer = torch.optim.Adam(model.parameters(), betas=betas, fused=True)  # fused: one pass over all weights
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=lr,
        total_steps=max(steps, 6),  # with 5, it would divide by 0
        pct_start=0.2,  # the part that rises: settling takes longer
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    return optimizer, scheduler


def plot_history(figure, history):
    """Draws on a figure of matplotlib, or on a part of one, the losses and the test accuracy of each epoch."""
    if not history:  # nothing was trained, only loaded
        return
    left, right = figure.subplots(1, 2, sharex=True)
    left.set(title="loss", xlabel="epoch", yscale="log")
    right.set(title="test accuracy (%)", xlabel="epoch")
    left.locator_params(axis="x", integer=True)  # whole epochs
    epochs = range(1, len(history) + 1)
    losses = [loss for epoch in history for loss in epoch["losses"]]
    steps = torch.linspace(0, len(history), len(losses))
    left.plot(steps, losses, linewidth=0.5, label="training, each batch")
    left.plot(epochs, [epoch["test_loss"] for epoch in history], "o-", label="test")
    left.legend()
    right.plot(epochs, [100 * epoch["test_accuracy"] for epoch in history], "o-")
    right.set_ylim(top=min(100, right.get_ylim()[1]))


def options(doc, *, epochs, lr=None, batch_size=None, saves=False, plot=True, seed=0):
    """Returns an ArgumentParser with the shared options, to which the script adds its own before it calls parse().

    --help begins with the script's docstring `doc`, up to its worked examples.
    """
    words, *examples = doc.split("Worked examples")
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=at_least(1), default=epochs, help="passes over the data (%(default)s)")
    if lr:
        parser.add_argument("--lr", type=at_least(1e-9), default=lr, help="learning rate (%(default)s)")
    if batch_size:
        parser.add_argument("--batch-size", type=at_least(1), default=batch_size, help="samples (%(default)s)")
    parser.add_argument("--seed", type=at_least(0), default=seed, help="random seed (%(default)s)")
    parser.add_argument("--device", default="", help="cpu, cuda, mps, … (the accelerator, if any)")
    if plot:
        parser.add_argument("--plot", type=picture, metavar="FILE", help="draw a picture: .png, .svg or .pdf")
    if saves:
        parser.add_argument("--save", type=writable, metavar="FILE", help="write the weights after the training")
        parser.add_argument(
            "--load", type=Path, metavar="FILE", help="start from these weights; train on only with --epochs"
        )
    return parser


def parse(parser, **presets):
    """Returns the options. `presets`: the defaults that an option brings, as in fast={"epochs": 1}.

    Of two options with presets the later one wins; what is typed beats both.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has none
        sys.stdout.reconfigure(errors="replace")  # a character that the console lacks becomes a ?
    program = Path(sys.argv[0])
    own = program == Path() or program.resolve().parent == DATA.parent  # not a notebook's or PyCharm's console
    typed = sys.argv[1:] if own else []
    args = parser.parse_args(typed)
    for option, defaults in presets.items():
        if getattr(args, option):
            parser.set_defaults(**defaults)
    return parser.parse_args(typed)  # once more, with these defaults


def at_least(least):
    """Returns a converter for argparse: text to a number, an int or a float as `least` is."""

    def number(text):
        value = type(least)(text)
        if not least <= value <= 10**18:  # the random generator takes no seed far above
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to 10**18")
        return value

    return number


def writable(path):
    """A converter for argparse: the path of a file that save() can write."""
    try:
        if not path or (os.path.exists(path) and not (os.path.isfile(path) and os.access(path, os.W_OK))):
            raise OSError("no name, a folder, a device, or protected")
        open(beside(path), "x").close()
        os.remove(beside(path))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path!r} cannot be written: {error.strerror or error}") from None
    return path


def picture(path):
    """A converter for argparse: the path of a picture that can be drawn. Gets matplotlib ready for Chinese words."""
    try:
        from matplotlib import rcParams
    except Exception as error:  # not installed, or not well
        raise argparse.ArgumentTypeError(f"needs matplotlib, pip install matplotlib: {error}") from None
    if not path.lower().endswith((".png", ".svg", ".pdf")):
        raise argparse.ArgumentTypeError(f"{path!r} does not end in .png, .svg or .pdf")
    chinese = ["Microsoft YaHei", "PingFang SC", "Arial Unicode MS", "Noto Sans CJK SC", "WenQuanYi Micro Hei"]
    rcParams["font.sans-serif"] = [*chinese, "DejaVu Sans"]  # the first of them that is installed
    rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]  # what the first lacks comes from the second
    warnings.filterwarnings("ignore", "Glyph .* missing")  # a character that no font has becomes a box
    return writable(path)


@contextlib.contextmanager
def reading(path):
    """Whatever is wrong with the file that is read in the block ends the program with one line, not with a traceback.

    NameError and AttributeError pass: they are slips in the program, not in the file, and a traceback says where.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "loadtxt")  # a file without rows is only a warning of NumPy's
            yield
    except (NameError, AttributeError):
        raise
    except pickle.UnpicklingError:
        sys.exit(f"{path} cannot be read: it is damaged, or no file of weights")
    except UnicodeDecodeError:
        sys.exit(f"{path} is not a text in UTF-8: save it as one, in Excel as CSV UTF-8")
    except Exception as error:  # no such file, a damaged .gz, no number, weights of another network, …
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # ValueErrors are in plain words
        sys.exit(f"{path} cannot be read: {textwrap.shorten(f'{kind}{error}', 200)}")


def open_text(path):
    """Returns a text file in UTF-8, or the .gz of one, open for reading; a byte-order mark is dropped."""
    opener = gzip.open if str(path).endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig")


def save(state, path):
    """torch.save() to a file beside, then a move: with a full disk, or after a kill, an old file is still there."""
    torch.save(state, beside(path))
    os.replace(beside(path), os.path.realpath(path))  # a link stays a link


def beside(path):
    """Returns the path of a file beside `path` that no other program uses."""
    return f"{os.path.realpath(path)}.{os.getpid()}"
