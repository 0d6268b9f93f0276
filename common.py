"""What the nine scripts share: options, device, data in memory, mini-batches and the training loop.

In the order in which a script uses them: options, mnist or read_csv, batches, fit, which calls train_epoch and
evaluate, and summary. `fail` ends the program with one line where the user's input is at fault.
"""

import argparse
import contextlib
import math
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.hub import tqdm  # the real tqdm where it is installed, else PyTorch's own small one
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parent / "data"
MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels on a scale of 0 to 1; 04_mnist_mlp.py computes them


def fail(message):
    """Ends the program with one line on standard error and exit status 2: the error is in what the user gave."""
    print(f"{Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
    sys.exit(2)


def options(doc, argv=None, *, epochs, lr, batch_size=None, seed=0, fast=None, **extra):
    """Reads the command line: the options that every script has, and those of `extra`.

    `doc` is the script's docstring, shown by --help. `epochs`, `lr` and `batch_size` are the article's values and
    stand where the command line names none; `fast` is a dict of those that --fast puts in their place. Each further
    keyword is an option, its value the arguments of argparse's add_argument: `model=dict(choices=["a", "b"],
    default="b")` adds --model. Bad values end the program through `fail`.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = fail
    whole = whole_number(1)
    parser.add_argument("--epochs", type=whole, metavar="N", help="passes over the data")
    if batch_size:
        parser.add_argument("--batch-size", type=whole, metavar="N", help="samples in a step")
    parser.add_argument("--lr", type=positive_number, metavar="LR", help="learning rate")
    parser.add_argument("--seed", type=whole_number(0), default=seed, metavar="N", help="of the random numbers")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, mps, … (the accelerator if there is one)")
    if fast:
        parser.add_argument("--fast", action="store_true", help="today's recipe instead of the article's: one_cycle")
    for name, arguments in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **arguments)
    # Text pasted into a notebook belongs to no file, and sys.argv is then the notebook's, not the user's.
    if argv is None and "IPython" in sys.modules and not hasattr(sys.modules["__main__"], "__file__"):
        argv = []
    args = parser.parse_args(argv)
    args.device = pick_device(args.device)
    recipe = {"epochs": epochs, "lr": lr, "batch_size": batch_size} | (fast if fast and args.fast else {})
    for name, value in recipe.items():
        if getattr(args, name, None) is None:  # what was typed beats the recipe
            setattr(args, name, value)
    return args


def whole_number(least):
    """Returns a converter for argparse: text to an int of at least `least`."""

    def convert(text):
        if not text.isdecimal() or not least <= int(text) < 2**63:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return convert


def positive_number(text):
    """Converts text to a float above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


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


def mnist(train, device="cpu", raw=False):
    """Reads MNIST from data/: the 60,000 training samples, or with train=False the 10,000 test samples.

    Returns images N×1×28×28 float32 and labels N int64, both on `device`. The pixels have mean 0 and deviation 1 over
    the training set; with raw=True they are 0 to 255. All images are converted at once, not one PIL image at a time.
    """
    from torchvision.datasets import MNIST  # slow to import: only the scripts that need it wait

    try:
        dataset = MNIST(DATA, train=train)
    except (OSError, RuntimeError, ValueError, AssertionError):
        fail(f"the files in {DATA / 'MNIST' / 'raw'} are missing or damaged; 'git checkout data' brings them back")
    images = dataset.data.to(device).unsqueeze(1).float()
    if not raw:
        images.div_(255).sub_(MEAN).div_(STD)
    return images, dataset.targets.to(device)


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


def new_figure(path):
    """Returns an empty matplotlib figure that `save_figure` can write to `path`.

    A script calls this before it trains: a missing matplotlib or an unknown format should not cost a run.
    """
    try:
        from matplotlib.figure import Figure  # not pyplot: it would look for a display
    except ImportError:
        fail("argument --plot needs matplotlib: pip install matplotlib")
    figure = Figure(figsize=(6, 4), layout="constrained")
    formats = figure.canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in formats or not Path(path).parent.is_dir():
        fail(f"argument --plot: {path!r} must lie in an existing folder and end in one of .{', .'.join(formats)}")
    return figure


def save_figure(figure, path):
    """Writes the figure; the ending of `path` says in which format."""
    try:
        figure.savefig(path)
    except OSError as error:
        fail(f"argument --plot: {error}")


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
    (2018). The schedule is made for `steps` batches in all.
    """
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.7, 0.9), fused=True)  # fused: one pass over the weights
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, cycle_momentum=False)
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


def fit(model, train_batches, test_batches, loss_fn, optimizer, epochs, scheduler=None):
    """Trains for `epochs` epochs and prints one line after each; `scheduler` moves on after every batch.

    With test_batches=None, accuracy is that on the training samples. Returns the history, a list with one dict per
    epoch: loss (mean of the training batches), test_loss and accuracy (0 to 1). A loss that is nan or infinite ends
    the program with status 1.
    """
    history = []
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        loss = train_epoch(model, train_batches, loss_fn, optimizer, scheduler)
        if not math.isfinite(loss):
            sys.exit(f"the loss of epoch {epoch} is {loss}: the gradients exploded; try a lower --lr")
        test_loss, accuracy = evaluate(model, train_batches if test_batches is None else test_batches, loss_fn)
        history.append({"loss": loss, "test_loss": test_loss, "accuracy": accuracy})
        measured = "accuracy" if test_batches is None else f"test loss {test_loss:.4f}  test accuracy"
        print(
            f"epoch {epoch:{len(str(epochs))}}/{epochs}  loss {loss:.4f}  {measured} {100 * accuracy:6.2f} %"
            f"  {time.perf_counter() - start:.1f} s",
            flush=True,
        )
    return history


def summary(history):
    """Returns the line that states a run's result: the accuracy after the last epoch, and the best on the way."""
    accuracies = [epoch["accuracy"] for epoch in history]
    best = max(accuracies)
    return (
        f"accuracy {100 * accuracies[-1]:.2f} % after {len(history)} epochs"
        f" (best {100 * best:.2f} % after {accuracies.index(best) + 1})"
    )
