"""What several test files need: the scripts, and ways to run them."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: there are as many tests at a time as cores

import pytest

import common

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(path.stem for path in ROOT.glob("[01]?_*.py"))
# Every warning is an error, but one that PyTorch 2.6 itself causes when Python ends.
PYTHON = [sys.executable, "-W", "error", "-W", "ignore:Implicitly cleaning up:ResourceWarning"]
QUATRAIN = re.compile(r"(?:\w{5}，\w{5}。){2}|(?:\w{7}，\w{7}。){2}")  # four lines of five or of seven characters
ISOLATED = ["unshare", "--map-root-user", "--net"]  # a network namespace that has no network
if (
    subprocess.run(["which", "unshare"], capture_output=True).returncode
    or subprocess.run([*ISOLATED, "true"]).returncode
):
    ISOLATED = []


def load(name):
    """Returns a script as a module; its name begins with a digit, which `import` cannot write."""
    return importlib.import_module(name)


def command(name, *arguments):
    """Returns the command that runs a script as a user does, without network and with every warning an error."""
    return [*ISOLATED, *PYTHON, str(ROOT / f"{name}.py"), *map(str, arguments)]


@pytest.fixture
def run(tmp_path):
    """Runs a script as a user does, from another folder."""

    def run(name, *arguments):
        return subprocess.run(command(name, *arguments), cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.fixture
def lines(monkeypatch, capsys):
    """Calls a script's main() in this process; returns the lines that it prints, without their seconds."""

    def lines(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        load(name).main()
        return [re.sub(r"  \S+ s$", "", line) for line in capsys.readouterr().out.splitlines()]

    return lines


@pytest.fixture
def refused(lines, capsys):
    """Calls main() with what it must refuse: status 2, nothing printed. Returns the one line on standard error."""

    def refused(name, *arguments):
        with pytest.raises(SystemExit) as end:
            lines(name, *arguments)
        output = capsys.readouterr()
        assert (end.value.code, output.out) == (2, "")
        assert re.fullmatch(r".+\n", output.err)
        return output.err

    return refused


@pytest.fixture
def few(monkeypatch):
    """Lets the scripts see 2,000 images for training and 500 for testing, every tenth name, and so on."""

    def images(*arguments):
        return [part[:size] for part, size in zip(common.mnist(*arguments), (2000, 2000, 500, 500), strict=True)]

    for script in map(load, SCRIPTS):
        if hasattr(script, "mnist"):
            monkeypatch.setattr(script, "mnist", images)
        for reader, step in ("read_names", 10), ("read_reviews", 20), ("read_poems", 40):
            if read := getattr(script, reader, None):
                every = lambda path, read=read, step=step: [part[::step] for part in read(path)]  # noqa: E731
                monkeypatch.setattr(script, reader, every)
