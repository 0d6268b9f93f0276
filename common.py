"""What the scripts share: options, the device, and the loops that 03 and 04 have written out.

`train_epoch`, `evaluate` and `fit` are 04's loops again. `fit` adds what is worth having in a longer run: a schedule, a
counter on the terminal, a file after each epoch, Ctrl-C, and several processes (torchrun).
"""

import argparse
import contextlib
import gc
import importlib.util
import math
import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parent / "data"


def options(doc, *, epochs, lr=None, batch_size=None, saves=False, plot=True, seed=0, presets=None):
    """Returns an ArgumentParser with the shared options; the script adds its own and calls parse_args().

    `presets` says which flags bring other defaults, {"--fast": {"epochs": 1}}; what you type overrides them. `saves`
    adds --save and --load, which brings 0 epochs: the weights are tested and used, not trained.
    """
    if sys.argv[0].endswith("kernel_launcher.py"):  # pasted into a notebook: these arguments are the kernel's
        del sys.argv[1:]
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=doc, formatter_class=layout, allow_abbrev=False)
    parser.error = fail  # one line, without the usage
    parser.add_argument("--epochs", type=at_least(int, 1), default=epochs, help="passes over the data (%(default)s)")
    if lr:
        parser.add_argument("--lr", type=at_least(float, 1e-9), default=lr, help="learning rate (%(default)s)")
    if batch_size:
        parser.add_argument("--batch-size", type=at_least(int, 1), default=batch_size, help="samples (%(default)s)")
    parser.add_argument("--seed", type=at_least(int, 0), default=seed, help="random seed (%(default)s)")
    parser.add_argument("--device", help="cpu, cuda, mps, … (the accelerator if there is one)")
    if plot:
        parser.add_argument("--plot", type=picture, metavar="FILE", help="draw a picture: .png, .svg or .pdf")
    if saves:
        parser.add_argument("--save", type=writable, metavar="FILE", help="write the weights after each epoch")
        parser.add_argument("--load", metavar="FILE", help="start from a file of --save; brings 0 epochs")
    for flag, values in ((presets or {}) | {"--load": {"epochs": 0}}).items():
        if flag == "--fast":
            recipe = ", ".join(f"{name} {value}" for name, value in values.items())
            parser.add_argument(flag, action="store_true", help=f"Adam with a one-cycle schedule: {recipe}")
        if any(word.partition("=")[0] == flag for word in sys.argv):  # argparse itself has no such defaults
            parser.set_defaults(**values)
    return parser


def at_least(kind, least):
    """Returns a converter for argparse: text to an int or float (`kind`) from `least` to 10**18."""

    def number(text):
        if not least <= kind(text) <= 10**18:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to 10**18")
        return kind(text)

    return number


def writable(path):
    """A converter for argparse: the path of a file that can be written or replaced."""
    taken = os.path.exists(path) and not os.path.isfile(path)
    if not path or taken or not os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
        raise argparse.ArgumentTypeError(f"{path!r} is not a file in a folder that can be written to")
    return path


def picture(path):
    """A converter for argparse: the path of a picture. What is wrong with it is said before the training."""
    if not importlib.util.find_spec("matplotlib"):
        raise argparse.ArgumentTypeError("needs matplotlib: pip install matplotlib")
    if os.path.splitext(path)[1].lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"{path!r} does not end in .png, .svg or .pdf")
    return writable(path)


def fail(message):
    """Ends the program with one line on standard error and exit status 2."""
    print(f"{os.path.basename(sys.argv[0])}: error: {message}", file=sys.stderr)
    sys.exit(2)


def pick_device(name=None):
    """Returns the device called `name`; without a name the accelerator if this machine has one, else the CPU."""
    if not name:  # a build for CUDA calls cuda the current accelerator even where there is no GPU
        name = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    if name == "cuda" and dist.is_torchelastic_launched():  # one GPU for each process
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        torch.zeros(1, device=name).item()
    except Exception:  # many kinds of exception, one message
        fail(f"argument --device: this machine has no device {name!r}; 'cpu' is always there")
    return torch.device(name)


def mnist(device, raw=False):
    """Returns MNIST from data/: images N×1×28×28 and labels N for training, then both for testing.

    The pixels have mean 0 and standard deviation 1 over the training images; with raw=True they are 0 to 255.
    """
    from torchvision import datasets  # slow to import: only the scripts that need it wait

    tensors = []
    for part in (datasets.MNIST(DATA, train=True), datasets.MNIST(DATA, train=False)):
        images = part.data.to(device).unsqueeze(1).float()
        tensors += [images if raw else images.div_(255).sub_(0.1307).div_(0.3081), part.targets.to(device)]
    return tensors


def batches(*tensors, batch_size, shuffle=False):
    """Returns a DataLoader over tensors in memory; a batch is a list with the same rows of every tensor.

    The DataLoader deals out the numbers of rows; take() cuts these rows out of each tensor at once, not one sample
    after the other. Under torchrun each process takes its share of a shuffled batch.
    """

    def take(rows):
        if shuffle and dist.is_initialized():
            rows = rows[dist.get_rank() :: dist.get_world_size()] or rows[:1]  # the last batch may be too short
        return [tensor.index_select(0, torch.tensor(rows, device=tensor.device)) for tensor in tensors]

    return DataLoader(range(len(tensors[0])), batch_size=batch_size, shuffle=shuffle, collate_fn=take)


def report(epoch, epochs, loss, measured="", test_loss=0.0):
    """Prints the line of an epoch; where a loss is nan or infinite, ends the program with advice and status 1."""
    if not math.isfinite(loss + test_loss):
        sys.exit(f"epoch {epoch}: the loss is nan or infinite; the gradients exploded: try a lower --lr")
    print(f"epoch {epoch:{len(str(epochs))}}/{epochs}  loss {loss:.4f}{measured}", flush=True)


def train_epoch(model, train_batches, loss_fn, optimizer, scheduler=None):
    """Trains for one pass over batches of the network's inputs and a target; returns the loss of each, on the CPU."""
    model.train()
    losses = []
    for *inputs, target in train_batches:
        loss = loss_fn(model(*inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.detach())  # still a tensor: .item() would wait for the device in every batch
        if sys.stderr.isatty():
            print(f"{len(losses)}/{len(train_batches)}", end="\r", file=sys.stderr)
    return torch.stack(losses).cpu()


@torch.inference_mode()
def evaluate(model, test_batches):
    """Returns the mean cross-entropy and the accuracy (0 to 1) over `test_batches`."""
    model.eval()
    loss, correct, samples = 0, 0, 0
    for *inputs, target in test_batches:
        logits = model(*inputs)
        loss += nn.functional.cross_entropy(logits, target, reduction="sum")
        correct += (logits.argmax(dim=1) == target).sum()
        samples += len(target)
    return loss.item() / samples, correct.item() / samples


def fit(model, train_batches, test_batches, loss_fn, optimizer, scheduler=None, *, epochs, save=None):
    """Trains and tests in turn, as 04 does; prints a line after each epoch, and the test accuracy at the end.

    The weights go to the file `save` after each epoch. Ctrl-C ends the training, not the program: the weights are
    tested and saved as they stand. Under torchrun the first process prints and saves; the others end here. Returns
    the history, a dict for each epoch: losses (one for each batch), test_loss, accuracy (0 to 1).
    """
    network, rank, history = model, 0, []
    if dist.is_torchelastic_launched():
        dist.init_process_group()
        network, rank = nn.parallel.DistributedDataParallel(model), dist.get_rank()  # it averages the gradients
    with contextlib.nullcontext() if dist.is_initialized() else contextlib.suppress(KeyboardInterrupt):
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            losses = train_epoch(network, train_batches, loss_fn, optimizer, scheduler)
            test_loss, accuracy = evaluate(model, test_batches)
            if rank == 0:
                measured = f"  test loss {test_loss:.4f}  test accuracy {100 * accuracy:5.2f} %"
                measured += f"  {time.perf_counter() - start:.1f} s"
                report(epoch, epochs, losses.mean().item(), measured, test_loss)
                if save:
                    write(save, lambda part: torch.save(model.state_dict(), part))
            history.append({"losses": losses, "test_loss": test_loss, "accuracy": accuracy})
    if not epochs or len(history) < epochs:  # nothing to train, or Ctrl-C
        test_loss, accuracy = evaluate(model, test_batches)
        if save and epochs and math.isfinite(test_loss):
            write(save, lambda part: torch.save(model.state_dict(), part))
    if dist.is_initialized():
        del network  # first: its threads must not outlive the process group, or Python aborts at its end
        gc.collect()
        dist.destroy_process_group()
        if rank > 0:
            sys.exit()
    print(f"test accuracy {100 * accuracy:.2f} %")
    return history


def one_cycle(model, lr, steps, betas=(0.7, 0.9)):
    """Returns the optimizer and the schedule of --fast: the learning rate rises to `lr`, then falls to nearly 0.

    Large steps cover the distance, small ones settle at the end: Smith and Topin, Super-Convergence (2018).
    `betas`: how long Adam remembers its gradients; few steps want short memories.
    """
    optimizer = torch.optim.Adam(model.parameters(), betas=betas, fused=True)  # fused: one pass over all weights
    # The rate rises for a fifth of the steps only: settling takes longer. With 5 steps, OneCycleLR would divide by 0.
    schedule = {"pct_start": 0.2, "anneal_strategy": "linear", "cycle_momentum": False}
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, max(steps, 6), **schedule)


def write(path, save):
    """Calls save() with a path beside `path`, then moves the file there. A kill or a full disk leaves the old file."""
    path = Path(path).resolve()  # a link stays, and leads to the new file
    part = path.with_stem(f"{path.stem}.part")  # a picture's ending says its kind
    try:
        save(part)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        fail(f"{path} cannot be written; is the disk full? {error}")


def load_weights(model, path):
    """Loads a file of --save into the model; weights_only=True refuses one that would run code."""
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception:  # many kinds of exception, one message
        fail(f"argument --load: {path} is missing, damaged, or has the weights of another network")


def plot_history(history, left, right):
    """Draws on two axes of matplotlib: the training loss of each batch, test loss and accuracy after each epoch."""
    if not history:
        fail("argument --plot: no epoch was completed, so there is nothing to draw")
    epochs = range(1, len(history) + 1)
    losses = torch.cat([epoch["losses"] for epoch in history])
    left.plot(torch.linspace(0, len(history), len(losses)), losses, linewidth=0.5, label="training, each batch")
    left.plot(epochs, [epoch["test_loss"] for epoch in history], "o", label="test")
    left.set(title="loss", xlabel="epoch", yscale="log")
    left.legend()
    right.plot(epochs, [100 * epoch["accuracy"] for epoch in history], "o-")
    right.set(title="test accuracy (%)", xlabel="epoch", xlim=(0, len(history) + 0.5))
