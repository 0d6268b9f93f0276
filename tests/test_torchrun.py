"""Two processes that torchrun starts train one model, as well as one process does."""

import re
import subprocess
import sys

import torch
from conftest import ROOT


def torchrun(folder, name, *arguments):
    """Runs a script in two processes; returns its lines."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = [*launcher, ROOT / f"{name}.py", *arguments]
    result = subprocess.run(process, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def accuracy(line):
    return float(re.fullmatch(r"test accuracy (\S+) %", line)[1])


def test_two_processes_print_and_learn_as_one(lines, tmp_path):
    arguments = "--fast", "--epochs", "1"
    printed = torchrun(tmp_path, "09_names_gru", *arguments, "--save", "names.pt", "--predict", "Kowalski")
    head, epoch, last, predicted = printed
    assert head.startswith("12560 and 6237 names; 18 labels: ")
    assert epoch.startswith("epoch 1/1  loss ")
    assert predicted.startswith("Kowalski: Polish (")
    used = lines("09_names_gru", "--load", tmp_path / "names.pt", "--predict", "Kowalski")  # by one process
    assert abs(accuracy(used[1]) - accuracy(last)) < 0.05
    assert not any(key.startswith("module.") for key in torch.load(tmp_path / "names.pt", weights_only=True))
    *_, one = lines("09_names_gru", *arguments)
    assert abs(accuracy(one) - accuracy(last)) < 2
