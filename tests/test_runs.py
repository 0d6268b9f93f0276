"""The same run is the same run; a run that is stopped, cut off or killed loses nothing; it runs wherever it lies."""

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import MNIST_SCRIPTS, OFFLINE, ROOT, SCRIPTS, command
from torch.nn.modules.module import register_module_forward_hook

import common

SAVING = ["03_diabetes", *MNIST_SCRIPTS, "09_names_gru"]


def same(first, second):
    """Whether two files of --save, or parts of them, are the same, bit for bit."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


def read(path):
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_seed_gives_the_same_numbers_bit_for_bit(lines, few, name):
    """Every number that any layer returned, in training and testing."""
    runs = []
    for seed in (7, 7, 8):
        outputs = []
        with register_module_forward_hook(lambda module, inputs, output, outputs=outputs: outputs.append(output)):
            printed = lines(name, "--epochs", 2, "--seed", seed)
        runs.append((printed, [part.data.clone() for part in outputs if isinstance(part, torch.Tensor)]))
    first, again, other = runs
    assert len(first[1]) > 5
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("fast", ["", "--fast"])
@pytest.mark.parametrize("name", SAVING)
def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(lines, few, tmp_path, monkeypatch, name, fast):
    if fast and name == "03_diabetes":
        pytest.skip("03 has one recipe")
    whole, half, rest = (tmp_path / f"{part}.pt" for part in ("whole", "half", "rest"))
    printed = lines(name, "--epochs", 3, *fast.split(), "--save", whole)
    real = common.save_checkpoint

    def cut_off(args, parts, history):
        real(args, parts, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(common, "save_checkpoint", cut_off)
    with pytest.raises(KeyboardInterrupt):
        lines(name, "--epochs", 3, *fast.split(), "--save", half)
    monkeypatch.setattr(common, "save_checkpoint", real)
    resumed = lines(name, "--load", half, "--save", rest)
    assert resumed[-2:] == printed[2:]
    assert same(read(whole), read(rest))


@pytest.mark.parametrize("command", ["01_linear --lr 10", "04_mnist_mlp --raw --lr 100 --save mlp.pt"])
def test_a_loss_that_is_nan_or_infinite_ends_the_run_with_advice(run, tmp_path, command):
    result = run(*command.split())
    assert result.returncode == 1
    assert re.fullmatch(
        r"the loss of epoch \d+ is (nan|inf): the gradients exploded; try a lower --lr\n", result.stderr
    )
    assert not any(tmp_path.iterdir())


def interrupt(name, *arguments, after, cwd):
    """Sends Ctrl-C to a script once it has printed `after`; returns status, standard output and standard error."""
    with subprocess.Popen(
        command(name, *arguments),
        cwd=cwd,
        env=OFFLINE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore Ctrl-C
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        printed = ""
        while after not in printed:
            printed += process.stdout.readline()
        time.sleep(0.5)  # into the next epoch
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to workers, too
        rest, errors = process.communicate()
    return process.returncode, printed + rest, errors


def test_ctrl_c_keeps_what_was_learned(lines, tmp_path):
    arguments = "--fast", "--epochs", 2, "--save", "mlp.pt", "--plot", "mlp.png"
    status, printed, errors = interrupt("04_mnist_mlp", *arguments, after="epoch 1/2", cwd=tmp_path)
    assert (status, errors) == (130, "")
    *_, epoch, last = printed.splitlines()
    assert epoch.startswith("epoch 1/2")
    assert " after 1 epochs and a part (" in last
    assert (tmp_path / "mlp.png").read_bytes().startswith(b"\x89PNG")
    assert len(read(tmp_path / "mlp.pt")["history"]) == 1
    used = lines("04_mnist_mlp", "--load", tmp_path / "mlp.pt", "--epochs", 1)
    assert used[0].split(" after ")[0] == last.split(" after ")[0]  # the weights are those of the last batch
    resumed = lines("04_mnist_mlp", "--load", tmp_path / "mlp.pt")
    assert [line.split("  ")[0] for line in resumed[:-1]] == ["epoch 2/2"]


@pytest.mark.parametrize("command", ["01_linear", "02_logistic", "03_diabetes --workers 2", "08_rnn_hello"])
def test_ctrl_c_in_a_script_of_its_own_kind(tmp_path, command):
    arguments = *command.split(), "--epochs", 1_000_000, "--plot", "run.png"
    status, printed, errors = interrupt(*arguments, after="epoch       9/1000000", cwd=tmp_path)
    assert (status, errors) == (130, "")
    assert not printed.splitlines()[-1].startswith("epoch")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_killed_at_any_moment_a_run_damages_nothing(tmp_path):
    """Runs are forked from a process that has done the imports, so that many can be killed at random moments."""
    path, data = tmp_path / "model.pt", sorted((ROOT / "data").rglob("*.gz"))
    before = [hashlib.sha256(file.read_bytes()).digest() for file in data]
    program = (
        f"import importlib, os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "main = importlib.import_module('03_diabetes').main\n"
        "main(['--epochs', '1'])\n"
        "for line in sys.stdin:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        sys.stdout = open(os.devnull, 'w')\n"
        f"        main(['--batch-size', '768', '--epochs', '100000', '--save', {str(path)!r}])\n"
        "    print(child, flush=True)\n"
        "    os.waitpid(child, 0)\n"
    )
    sizes, moments = set(), random.Random(0)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline(), process.stdout.readline()
        for _ in range(25):
            path.unlink(missing_ok=True)
            print("go", file=process.stdin, flush=True)
            child = int(process.stdout.readline())
            while not path.exists():
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.4))
            os.kill(child, signal.SIGKILL)
            sizes.add(len(common.read_checkpoint(str(path))["history"]))
        process.stdin.close()
    assert len(sizes) > 5  # the moments did differ
    assert [hashlib.sha256(file.read_bytes()).digest() for file in data] == before


@pytest.mark.parametrize("name", ["01_linear", "03_diabetes"])
def test_standard_output_closed_early(tmp_path, name):
    process = subprocess.Popen(
        command(name, "--epochs", 10_000),
        cwd=tmp_path,
        env=OFFLINE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline().startswith("epoch     1/10000  loss ")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("03_diabetes", ["--plot", "run.png"]), ("05_mnist_cnn", ["--save", "模型.pt"]), ("09_names_gru", [])],
)
def test_from_a_folder_of_any_name_without_home(elsewhere, tmp_path, name, arguments):
    result = elsewhere(name, "--epochs", 1 if name == "03_diabetes" else 0, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert "accuracy" in result.stdout
    assert all(list(tmp_path.rglob(file)) for file in arguments[1:])
