"""Two processes that torchrun starts train one model, as well as one process does."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import MNIST_SCRIPTS, ROOT

import common


def torchrun(name, *arguments):
    """Returns the command that starts a script in two processes of this machine."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return [*launcher, str(ROOT / f"{name}.py"), *map(str, arguments)]


def accuracy(lines):
    return float(re.search(r"test accuracy +(\S+) %", lines[-1])[1])


def test_names(tmp_path, lines):
    arguments = "--fast", "--epochs", 1
    result = subprocess.run(
        torchrun("09_names_gru", *arguments, "--save", tmp_path / "names.pt", "--predict", "Kowalski"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    *printed, predicted = result.stdout.splitlines()
    assert [line.split("  ")[0] for line in printed] == ["epoch 1/1", printed[-1]]
    assert predicted.startswith("Kowalski: Polish")
    assert abs(accuracy(printed) - accuracy(lines("09_names_gru", *arguments))) < 2
    used = lines("09_names_gru", "--load", tmp_path / "names.pt")  # by one process
    assert abs(accuracy(used) - accuracy(printed)) < 0.02


def test_a_process_that_dies_ends_the_run(tmp_path):
    with subprocess.Popen(
        torchrun("04_mnist_mlp", "--fast", "--epochs", 50, "--save", "mlp.pt"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stdout.readline().startswith("epoch  1/50")
        while not (tmp_path / "mlp.pt").exists():
            time.sleep(0.1)
        ranks = subprocess.run(
            ["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        assert len(ranks) == 2
        os.kill(int(ranks[1]), signal.SIGKILL)
        _, errors = launcher.communicate(timeout=100)
    assert launcher.returncode == 1
    assert re.search(r"rank +: 1 .*\n +exitcode +: -9", errors)
    assert len(common.read_checkpoint(str(tmp_path / "mlp.pt"))["history"]) >= 1


@pytest.mark.long
@pytest.mark.parametrize("name", MNIST_SCRIPTS)
def test_digits(tmp_path, lines, name):
    result = subprocess.run(torchrun(name, "--fast"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    printed = result.stdout.splitlines()
    assert abs(accuracy(printed) - accuracy(lines(name, "--fast"))) < 0.3
