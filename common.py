"""What the nine scripts share: options, device, data in memory, mini-batches and the training loop.

Read `batches`, `train_epoch`, `evaluate` and `fit` first: they stand in the middle, and are how a network is trained.
Before them is what reads the command line and the data, after them what keeps and shows the result. `fail` ends the
program with one line where the user's input is at fault. Under torchrun, each process runs the whole script, and only
training and testing are shared out.
"""

import argparse
import contextlib
import gzip
import itertools
import math
import os
import signal
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.hub import tqdm  # the real tqdm where it is installed, else PyTorch's own small one
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parent / "data"
BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind readers, too: Okabe and Ito (2008)
STOP = threading.Event()  # set by Ctrl-C


def run(main):
    """Runs a script's main. Ctrl-C ends the training after the batch at work, and the script with status 130."""
    before = signal.getsignal(signal.SIGINT)

    def stop(*_):
        STOP.set()
        signal.signal(signal.SIGINT, before)  # a second Ctrl-C waits for nothing

    STOP.clear()
    # The processes of torchrun stop at once, not each at a batch of its own; and what is told to ignore Ctrl-C does.
    if before is signal.default_int_handler and not dist.is_torchelastic_launched():
        signal.signal(signal.SIGINT, stop)
    try:
        main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        STOP.set()
    except BrokenPipeError:  # as in `| head -1`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)  # what the shell reports of a program that SIGPIPE ended
    finally:
        signal.signal(signal.SIGINT, before)
    if STOP.is_set():
        sys.exit(130)
    if dist.is_torchelastic_launched():
        os._exit(0)  # Python's own end may abort while threads of gloo are still there: pytorch issue 190489


def until_stopped(items):
    """Yields `items` until Ctrl-C: the one at work is finished, the next is not begun."""
    for item in items:
        yield item
        if STOP.is_set():
            return


def fail(message):
    """Ends the program with one line on standard error and exit status 2: the error is in what the user gave."""
    print(f"{Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
    sys.exit(2)


def options(doc, argv=None, *, epochs, lr, batch_size=None, seed=0, fast=None, **extra):
    """Reads the command line: the options that every script has, and those of `extra`.

    `doc` is the script's docstring, shown by --help. `epochs`, `lr` and `batch_size` are the article's values; those of
    the dict `fast` stand in their place with --fast, those of the file with --load, and what is typed beats them all.
    With `batch_size` come the options that `fit` reads. Each further keyword is an option, its value the arguments of
    argparse's add_argument: `model=dict(choices=["a", "b"], default="b")` adds --model. Bad values end the program
    through `fail`.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = fail
    parser.add_argument("--epochs", type=number(int, 0 if batch_size else 1), metavar="N", help="passes over the data")
    parser.add_argument("--lr", type=number(above=0), metavar="LR", help="learning rate")
    parser.add_argument("--seed", type=number(int, 0), default=seed, metavar="N", help="of the random numbers")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, mps, … (the accelerator if there is one)")
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="draw the run, as PNG, SVG, PDF, …")
    if batch_size:
        parser.add_argument("--batch-size", type=number(int, 1), metavar="N", help="samples in a step")
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
    typed = vars(parser.parse_args(argv))
    saved = typed["load"]["options"] if typed.get("load") else {"section": section}
    if saved["section"] != section:
        fail(f"argument --load: the file is of another script: {saved['section']}")
    recipe = {"epochs": epochs, "lr": lr, "batch_size": batch_size}
    if typed.get("fast") or saved.get("fast"):
        recipe |= fast
    parser.set_defaults(**recipe | saved)
    args = parser.parse_args(argv)
    args.device = pick_device(args.device)
    if dist.is_torchelastic_launched():
        dist.init_process_group()
        if dist.get_rank() > 0:  # the first process speaks and writes for all
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            args.plot = args.save = args.predict = None
    return args


def number(kind=float, least=-math.inf, above=-math.inf):
    """Returns a converter for argparse: text to an int or float (`kind`) within bounds, and below 10**18."""
    bounds = f"above {above} and " if above > -math.inf else f"of at least {least} and " if least > -math.inf else ""

    def convert(text):
        with contextlib.suppress(ValueError):
            value = kind(text)
            if value >= least and above < value < 10**18:
                return value
        noun = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is not a {noun} {bounds}below 10**18")

    return convert


def output_file(path):
    """Checks, for argparse, that a file can be written to `path`: not after a run but before it."""
    if Path(path).is_dir() or not os.access(Path(path).parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{path!r} cannot be written: it must be a file in a folder open to you")
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
        name = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    if "LOCAL_RANK" in os.environ and name != "cpu" and ":" not in name:  # torchrun: one for each process
        name += f":{os.environ['LOCAL_RANK']}"
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
            labels = part.targets.reshape(len(part.targets), -1)[:, 0]  # QMNIST: the digit, then its writer
            if part.data.shape != (len(labels), 28, 28) or not 0 <= labels.min() <= labels.max() <= 9:
                raise ValueError("the files do not hold what they should")
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            if dataset == "MNIST":
                fail(f"files in {DATA / 'MNIST' / 'raw'} are missing or damaged; 'git checkout data' brings them back")
            reason = str(error).strip().rpartition("\n")[2]
            fail(f"argument --dataset: {reason}; {dataset} needs the internet once, or its files in {DATA / dataset}")
        parts.append((part.data.to(device).unsqueeze(1).float().div_(1 if raw else 255), labels.to(device)))
    if not raw:
        # Four digits, as the article has them: 0.1307 and 0.3081 for MNIST.
        mean, std = (round(value.item(), 4) for value in (parts[0][0].mean(), parts[0][0].std()))
        for images, _ in parts:
            images.sub_(mean).div_(std)
    return parts


def read_lines(path, parse, expected):
    """Returns what `parse` makes of each line of a text file, also of a .gz, that is not empty.

    Where `parse` raises an error, the program ends and names the line; `expected` says what should be there.
    """
    rows = []
    try:
        with (gzip.open if str(path).endswith(".gz") else open)(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        rows.append(parse(line))
                    except Exception:
                        fail(f"{path}, line {number}: expected {expected}")
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        fail(f"{path} cannot be read: {error}")
    return rows or fail(f"{path} is empty: expected lines of {expected}")


def read_csv(path, columns, expected, valid):
    """Reads a CSV file of numbers without a heading, also as .gz; returns a tensor rows×columns, float32.

    `expected` says what a line must be, for the message; `valid` tells of a line's numbers whether it is.
    """

    def parse(line):
        numbers = np.array(line.split(","), np.float32)
        if len(numbers) != columns or not np.isfinite(numbers).all() or not valid(numbers):
            raise ValueError
        return numbers

    return torch.from_numpy(np.stack(read_lines(path, parse, expected)))


def batches(*tensors, batch_size, shuffle=False):
    """Returns a DataLoader over tensors that are in memory: each batch is a list, one part per tensor.

    The tensors have the same first dimension, the samples. The loader only draws their numbers; a batch is then taken
    out of each tensor at once, where a Dataset would be called once per sample. Under torchrun, all processes draw the
    same shuffled numbers, and each takes its share of every batch.
    """
    rank, world = processes() if shuffle else (0, 1)

    def gather(rows):
        rows = torch.tensor(rows[rank::world] or rows[:1])  # a last batch may have fewer samples than there are shares
        return [tensor.index_select(0, rows.to(tensor.device, non_blocking=True)) for tensor in tensors]

    return DataLoader(range(len(tensors[0])), batch_size=batch_size, shuffle=shuffle, collate_fn=gather)


def processes():
    """Returns the number of this process, and how many torchrun has started: 0 and 1 without it."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def add_up(*values):
    """Returns sums as numbers; under torchrun, each is summed over all processes."""
    sums = torch.tensor([float(value) for value in values], dtype=torch.float64)
    if dist.is_initialized():
        dist.all_reduce(sums)
    return sums.tolist()


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
    terminal = sys.stderr.isatty() and processes()[0] == 0
    with tqdm(total=len(batches), leave=False, disable=not terminal) as bar:
        for *inputs, target in until_stopped(batches):
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
    total, samples = add_up(total, samples)
    return total / samples


@torch.inference_mode()
def evaluate(model, batches, loss_fn):
    """Returns mean loss and accuracy (0 to 1) over `batches`.

    The model's output is N×classes, the largest the prediction, or N×1 probabilities, predicting 1 from 0.5 on.
    """
    model.eval()
    total, correct, samples = 0, 0, 0
    rank, world = processes()
    for *inputs, target in itertools.islice(batches, rank, None, world):
        output = model(*inputs)
        total += loss_fn(output, target) * len(target)
        predicted = output.argmax(dim=1) if output.shape[1] > 1 else output >= 0.5
        correct += (predicted == target).sum()
        samples += len(target)
    total, correct, samples = add_up(total, correct, samples)
    return total / samples, correct / samples


def report(epoch, args, loss, measured=""):
    """Prints the line of an epoch; a loss that is nan or infinite ends the program, with advice and status 1."""
    if not math.isfinite(loss):
        sys.exit(f"the loss of epoch {epoch} is {loss}: the gradients exploded; try a lower --lr")
    print(f"epoch {epoch:{len(str(args.epochs))}}/{args.epochs}  loss {loss:.4f}{measured}", flush=True)


def fit(model, train_batches, test_batches, loss_fn, optimizer, args, scheduler=None):
    """Trains up to epoch `args.epochs` and prints one line after each; `scheduler` moves on after every batch.

    With test_batches=None, accuracy is that on the training samples. `args` is what `options` returned: --load goes on
    where the file ends, --save writes one after each epoch, Ctrl-C ends it early. Under torchrun the processes average
    their gradients. Returns the history, a list with one dict per epoch: loss (mean of the training batches), test_loss
    and accuracy (0 to 1).
    """
    parts = {"model": model, "optimizer": optimizer} | ({"scheduler": scheduler} if scheduler else {})
    history = load_checkpoint(args, parts) if args.load else []
    if args.summary:
        print_summary(model, *train_batches.collate_fn([train_batches.dataset[0]])[:-1])
    network = nn.parallel.DistributedDataParallel(model) if dist.is_initialized() else model
    which, tested = ("training", train_batches) if test_batches is None else ("test", test_batches)
    accuracy, part = None, ""
    for epoch in until_stopped(range(len(history) + 1, args.epochs + 1)):
        start = time.perf_counter()
        loss = train_epoch(network, train_batches, loss_fn, optimizer, scheduler)
        if STOP.is_set() and math.isfinite(loss):  # weights that are nan must not replace a file of --save
            accuracy, part = None, " and a part"
            if scheduler:  # an epoch that is cut short does not count, and --load begins it again
                scheduler.last_epoch = len(history) * len(train_batches)
            break
        test_loss, accuracy = evaluate(model, tested, loss_fn)
        seconds = time.perf_counter() - start
        measured = f"  test loss {test_loss:.4f}  test accuracy" if test_batches else "  accuracy"
        report(epoch, args, loss, f"{measured} {100 * accuracy:6.2f} %  {seconds:.1f} s")
        history.append({"loss": loss, "accuracy": accuracy} | ({"test_loss": test_loss} if test_batches else {}))
        if args.save:
            save_checkpoint(args, parts, history)
    if accuracy is None:  # Ctrl-C came within an epoch, or nothing was left to train
        if args.save:
            save_checkpoint(args, parts, history)
        accuracy = evaluate(model, tested, loss_fn)[1]
    accuracies = [epoch["accuracy"] for epoch in history]
    best = f" (best {100 * max(accuracies):.2f} % after {accuracies.index(max(accuracies)) + 1})" if history else ""
    print(f"{which} accuracy {100 * accuracy:.2f} % after {len(history)} epochs{part}{best}")
    if dist.is_initialized():
        dist.destroy_process_group()
    return history


def save_checkpoint(args, parts, history):
    """Writes to args.save what --load needs; where that is interrupted, the file is the old one or the new one."""
    of_this_run = ("device", "plot", "save", "load", "predict", "summary")
    kept = {k: v for k, v in vars(args).items() if k not in of_this_run and not isinstance(v, Path)}
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
        Path(temporary).unlink(missing_ok=True)
        fail(f"argument --save: {error}")


def read_checkpoint(path):
    """Reads, for argparse, a file of --save; weights_only=True refuses whatever would run code."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        kept = (
            content.keys() >= {"model", "optimizer", "history", "random"} and {"section"} <= content["options"].keys()
        )
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except Exception:  # half a dozen kinds, one for each way of being damaged
        kept = False
    if not kept:
        raise argparse.ArgumentTypeError(f"{path!r} is damaged, or not a file of --save")
    return content


def load_checkpoint(args, parts):
    """Brings model, optimizer, schedule and random numbers to where args.load has them; returns the history."""
    saved = args.load
    try:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        torch.set_rng_state(saved["random"])
    except (KeyError, RuntimeError, TypeError, ValueError):
        fail("argument --load: the file was made with other options than those given now, or with other data")
    if "scheduler" not in parts:
        for group in parts["optimizer"].param_groups:
            group["lr"] = args.lr
    elif args.epochs > len(saved["history"]) and any(
        getattr(args, name) != saved["options"][name] for name in ("epochs", "lr", "batch_size")
    ):
        fail("argument --load: --fast goes on only with the epochs, learning rate and batch size that it began with")
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
    epochs = range(1, len(history) + 1)
    losses, accuracies = figure.subplots(1, 2)
    losses.plot(epochs, [epoch["loss"] for epoch in history], ".-", color=BLUE, label="training")
    if history and "test_loss" in history[0]:
        losses.plot(epochs, [epoch["test_loss"] for epoch in history], ".--", color=ORANGE, label="test")
    losses.legend()
    accuracies.plot(epochs, [100 * epoch["accuracy"] for epoch in history], ".-", color=BLUE)
    for axes, name in ((losses, "Loss"), (accuracies, "Accuracy (%)")):
        axes.set(xlabel="Epoch", ylabel=name)
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
    ink, digit = np.asarray(image, np.float32) / 255, torch.zeros(1, 28, 28)
    middle = [np.average(range(size), weights=ink.sum(1 - axis)) for axis, size in enumerate(ink.shape)]
    y, x = (min(max(round(13.5 - at), 0), 28 - size) for at, size in zip(middle, ink.shape, strict=True))
    digit[0, y : y + ink.shape[0], x : x + ink.shape[1]] = torch.from_numpy(ink)
    return path, digit, f"read as {'dark on light' if dark else 'light on dark'}"


DIGITS = {  # options of the scripts that learn MNIST
    "dataset": dict(
        choices=["MNIST", "FashionMNIST", "KMNIST", "QMNIST"], default="MNIST", help="downloaded if not MNIST"
    ),
    "predict": dict(nargs="+", type=read_digit, metavar="IMAGE", help="files with one digit each, to read at the end"),
}
