"""What the scripts share: the device and the loops that 04 has written out; further down, options and files.

`train_epoch` and `evaluate` are 04's train() and test(), for networks with any number of inputs. `fit` calls the two in
turn, and adds what is worth having in a longer run: a file after each epoch, a stop where the loss is nan, and Ctrl-C.
"""

import argparse
import contextlib
import csv
import gzip
import importlib.util
import io
import math
import os
import sys
import time
import uuid
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parent / "data"


def pick_device(name=""):
    """Returns the device called `name`; without a name the accelerator if this machine has one, else the CPU.

    It is the `type` of --device: a device that is not there raises argparse.ArgumentTypeError.
    """
    if not name:
        accelerated = torch.accelerator.is_available()
        name = torch.accelerator.current_accelerator().type if accelerated else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except Exception:  # many kinds of exception, one message
        raise argparse.ArgumentTypeError(f"this machine has no device {name!r}; 'cpu' is always there") from None
    return torch.device(name)


def mnist(device, raw=False):
    """Returns MNIST from data/: images N×1×28×28 and labels N for training, then both for testing.

    The pixels have mean 0 and standard deviation 1 over the training images; with raw=True they are 0 to 255.
    """
    from torchvision import datasets  # slow to import: only the scripts that need it wait

    tensors = []
    for train in (True, False):
        try:
            part = datasets.MNIST(DATA, train=train)
            whole = part.data.shape == (len(part.targets), 28, 28) and part.data.any()
            whole = whole and part.targets.unique().tolist() == list(range(10))
        except Exception:  # many kinds of exception, one message
            whole = False
        if not whole:
            sys.exit(f"{DATA / 'MNIST' / 'raw'}: a file of MNIST is missing or damaged; copy the folder once more")
        images = part.data.to(device).unsqueeze(1).float()
        if not raw:
            images.div_(255).sub_(0.1307).div_(0.3081)
        tensors += [images, part.targets.to(device)]
    return tensors


def batches(*tensors, batch_size, shuffle=False):
    """Returns a DataLoader over tensors in memory; a batch is a list with the same rows of every tensor.

    The DataLoader shuffles row numbers only; take() picks a batch's rows out of each tensor at once, not one sample
    after the other.
    """

    def take(rows):
        rows = torch.tensor(rows)
        return [tensor.index_select(0, rows.to(tensor.device)) for tensor in tensors]

    return DataLoader(range(len(tensors[0])), batch_size=batch_size, shuffle=shuffle, collate_fn=take)


def train_epoch(model, train_batches, loss_fn, optimizer, device, scheduler=None):
    """Trains for one pass over `train_batches`; returns a tensor with the loss of each, on the CPU.

    A batch is the network's inputs (05 has one, 09 two), then the target.
    """
    model.train()
    losses = []
    for batch in train_batches:
        *inputs, target = [tensor.to(device) for tensor in batch]
        loss = loss_fn(model(*inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()  # after each batch, not each epoch
        losses.append(loss.detach())  # still a tensor: .item() would wait for the device in every batch
        if sys.stderr and sys.stderr.isatty():
            print(f"{len(losses)}/{len(train_batches)}", end="\r", file=sys.stderr)  # the epoch's line covers it
    return torch.stack(losses).cpu()


@torch.inference_mode()
def evaluate(model, test_batches, device):
    """Returns the mean cross-entropy and the accuracy (0 to 1) over `test_batches`."""
    model.eval()
    loss, correct, samples = 0, 0, 0
    for batch in test_batches:
        *inputs, target = [tensor.to(device) for tensor in batch]
        logits = model(*inputs)
        loss += F.cross_entropy(logits, target, reduction="sum")
        correct += (logits.argmax(dim=1) == target).sum()
        samples += len(target)
    return loss.item() / samples, correct.item() / samples


def fit(
    model, train_batches, test_batches, loss_fn, optimizer, device, scheduler=None, *, epochs, save=None, extra=None
):
    """Trains and tests in turn, as 04 does; prints a line after each epoch, and the test accuracy at the end.

    After each epoch the weights go to the file `save`, and with them the entries of the dict `extra`. Ctrl-C ends the
    training, not the program: the weights are tested and saved as they stand. Returns the history, a dict for each
    epoch: losses (one for each batch), test_loss, accuracy (0 to 1).
    """
    extra = extra or {}
    width = len(str(epochs))
    history = []
    with contextlib.suppress(KeyboardInterrupt):
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            losses = train_epoch(model, train_batches, loss_fn, optimizer, device, scheduler)
            test_loss, accuracy = evaluate(model, test_batches, device)
            seconds = time.perf_counter() - start
            loss = losses.mean().item()
            if not math.isfinite(loss + test_loss):
                sys.exit(f"epoch {epoch}: the loss is nan or infinite; the gradients exploded: try a lower --lr")
            measured = f"loss {loss:.4f}  test loss {test_loss:.4f}  test accuracy {100 * accuracy:5.2f} %"
            print(f"epoch {epoch:{width}}/{epochs}  {measured}  {seconds:.1f} s", flush=True)
            if save:
                save_weights(save, model.state_dict() | extra)
            history.append({"losses": losses, "test_loss": test_loss, "accuracy": accuracy})

    interrupted = len(history) < epochs
    if interrupted or not history:
        test_loss, accuracy = evaluate(model, test_batches, device)
    if interrupted and save and math.isfinite(test_loss):
        save_weights(save, model.state_dict() | extra)
    print(f"test accuracy {100 * accuracy:.2f} %")
    return history


def one_cycle(model, lr, steps, betas=(0.7, 0.9)):
    """Returns Adam and a schedule of one cycle: the learning rate rises to `lr`, then falls to nearly 0.

    Large steps cover the distance, small ones settle at the end: Smith and Topin, Super-Convergence (2018).
    `betas`: how long Adam remembers its gradients; few steps want short memories.
    """
    optimizer = torch.optim.Adam(model.parameters(), betas=betas, fused=True)  # fused: one pass over all weights
    # The rate rises for a fifth of the steps only: settling takes longer. With 5 steps, OneCycleLR would divide by 0.
    scheduler = OneCycleLR(optimizer, lr, max(steps, 6), pct_start=0.2, anneal_strategy="linear", cycle_momentum=False)
    return optimizer, scheduler


def plot_history(history, left, right):
    """Draws on two axes of matplotlib: the training loss of each batch, test loss and accuracy after each epoch."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if not history:
        sys.exit("--plot: no epoch was trained to its end, so there is nothing to draw")
    epochs = range(1, len(history) + 1)
    losses = torch.cat([epoch["losses"] for epoch in history])
    left.plot(torch.linspace(0, len(history), len(losses)), losses, linewidth=0.5, label="training, each batch")
    left.plot(epochs, [epoch["test_loss"] for epoch in history], "o", label="test")
    left.set(title="loss", xlabel="epoch", yscale="log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.minorticks_off()
    left.set_ylim(bottom=max(0.001, left.get_ylim()[0]))  # single batches fall far below
    left.legend()
    right.plot(epochs, [100 * epoch["accuracy"] for epoch in history], "o-")
    right.set(title="test accuracy (%)", xlabel="epoch", xlim=(0, len(history) + 0.5))
    right.set_ylim(top=min(100, right.get_ylim()[1]))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # whole epochs


def options(doc, *, epochs, lr=None, batch_size=None, saves=False, plot=True, seed=0, fast=None):
    """Returns an ArgumentParser with the shared options, to which the script adds its own before it calls parse().

    `saves` adds --save and --load; `fast`, the defaults that --fast brings, adds --fast.
    """
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=doc, formatter_class=as_written, allow_abbrev=False)
    parser.add_argument("--epochs", type=at_least(int, 1), default=epochs, help="passes over the data (%(default)s)")
    if lr:
        parser.add_argument("--lr", type=at_least(float, 1e-9), default=lr, help="learning rate (%(default)s)")
    if batch_size:
        parser.add_argument("--batch-size", type=at_least(int, 1), default=batch_size, help="samples (%(default)s)")
    parser.add_argument("--seed", type=at_least(int, 0), default=seed, help="random seed (%(default)s)")
    parser.add_argument("--device", type=pick_device, default="", help="cpu, cuda, mps, … (the accelerator, if any)")
    if plot:
        parser.add_argument("--plot", type=picture, metavar="FILE", help="draw a picture: .png, .svg or .pdf")
    if saves:
        parser.add_argument("--save", type=writable, metavar="FILE", help="write the weights after each epoch")
        parser.add_argument("--load", metavar="FILE", help="start from a file of --save; brings 0 epochs")
    if fast:
        recipe = ", ".join(f"{name} {value}" for name, value in fast.items())
        parser.add_argument(
            "--fast", action="store_true", help=f"Adam, one-cycle learning rate, smoothed labels: {recipe}"
        )
    return parser


def parse(parser, **presets):
    """Returns the options: what was typed, and the defaults of the others.

    `presets`: the defaults that a flag brings, fast={"epochs": 1}. What is typed beats them, and they beat the
    article's. --load brings 0 epochs: the weights are tested and used, not trained.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has none
        sys.stdout.reconfigure(errors="replace")  # a character that the console lacks becomes a ?
    in_notebook = sys.argv[0].endswith("kernel_launcher.py")
    words = [] if in_notebook else sys.argv[1:]  # a notebook's words are for its kernel
    flags = vars(parser.parse_known_args(words)[0])  # a first look: which flags are there?
    presets["load"] = {"epochs": 0}
    for flag, defaults in presets.items():
        if flags.get(flag) not in (None, False):
            parser.set_defaults(**defaults)
    args = parser.parse_args(words)
    for option in ("save", "load"):
        path, plot = flags.get(option), flags.get("plot")
        if path and plot and os.path.realpath(path) == os.path.realpath(plot):
            parser.error(f"--{option} and --plot name the same file")
    return args


def at_least(kind, least):
    """Returns a converter for argparse: text to an int or float (`kind`) from `least` to 10**18."""

    def number(text):
        value = kind(text)
        if not least <= value <= 10**18:  # the random generator takes no seed far above
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to 10**18")
        return value

    return number


def writable(path):
    """A converter for argparse: the path of a file that can be written or replaced."""
    target = os.path.realpath(path)
    new = not os.path.exists(target)
    if os.path.basename(path) and (new or os.path.isfile(target)):
        with contextlib.suppress(OSError):
            open(target, "ab").close()  # changes nothing in a file that is there
            if new:
                Path(target).unlink(missing_ok=True)  # another process may have been here
            return path
    raise argparse.ArgumentTypeError(f"{path!r} is not a file that can be written")


def picture(path):
    """A converter for argparse: the path of a picture that can be drawn and written."""
    if not importlib.util.find_spec("matplotlib"):
        raise argparse.ArgumentTypeError("needs matplotlib: pip install matplotlib")
    if os.path.splitext(path)[1].lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"{path!r} does not end in .png, .svg or .pdf")
    return writable(path)


def open_text(path):
    """Returns a text file in UTF-8, also a .gz, open for reading its lines; a byte-order mark is dropped."""
    try:
        content = Path(path).read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except Exception as error:  # no such file, a damaged .gz, …
        sys.exit(f"{path} cannot be read: {error}")
    try:
        is_text = "\0" not in content.decode()  # all of it now, not in the middle of a loop over its lines
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        sys.exit(f"{path} is not a text in UTF-8: save it as UTF-8")
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")


def data_lines(path, numbers):
    """Yields the lines of a text file that are neither blank nor a comment; adds the number of each to `numbers`."""
    for number, line in enumerate(open_text(path), start=1):
        if line.partition("#")[0].strip(", \t\r\n"):  # a spreadsheet's blank row has commas
            numbers.append(number)
            yield line


def csv_rows(path):
    """Yields the line number and the fields of each row of a CSV file that is not blank."""
    reader = csv.reader(open_text(path), skipinitialspace=True)  # a quotation mark may follow a blank
    number = 1
    try:
        for row in reader:
            if reader.line_num > number:
                raise csv.Error("a field of several lines")
            if any(field.strip() for field in row):
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:  # also a field of more than 131,072 characters
        sys.exit(f"{path}, line {number}: {error}; was a quotation mark not closed?")


def save_weights(path, state):
    """Writes a file of weights. After a kill, or with a full disk, an old file is still there."""
    target = Path(path).resolve()  # a link stays one, and leads to the new file
    part = target.with_name(f"{target.name[:50]}.{uuid.uuid4().hex}")  # a name that nobody else uses
    try:
        with open(part, "xb") as file:
            torch.save(state, file)
        part.replace(target)
    except (OSError, RuntimeError) as error:
        sys.exit(f"{path} cannot be written; is the disk full? {error}")
    finally:
        part.unlink(missing_ok=True)


def read_weights(path, **entries):
    """Reads a file of --save; returns a dict: the weights by name, and what was saved beside them.

    `entries` names what must be there besides weights: countries=list for a list of texts, rhymes=dict for a dict.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # refuses a file that would run code
    except Exception:  # many kinds of exception, one message
        sys.exit(f"{path!r} is missing or damaged, or not a file of --save")
    for name, kind in entries.items():
        entry = state.get(name) if isinstance(state, dict) else None
        texts = entry.values() if isinstance(entry, dict) else entry
        if not isinstance(entry, kind) or not all(isinstance(text, str) for text in texts):
            sys.exit(f"{path!r} is not a file that this script has saved: it has no {name}")
    return state


def load_weights(model, state, path):
    """Copies the weights of a file of --save into the model."""
    try:
        model.load_state_dict(state)
    except Exception:  # many kinds of exception, one message
        sys.exit(f"{path!r} has the weights of another network; is every option as at --save?")
    if not all(weights.isfinite().all() for weights in model.state_dict().values()):
        sys.exit(f"{path!r} has weights that are nan or infinite")
