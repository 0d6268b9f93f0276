"""What several test files need: the scripts, and ways to run them."""

import gzip
import importlib
import os
import re
import runpy
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

    def run(name, *arguments, **settings):
        settings = {"cwd": tmp_path, "capture_output": True, "text": True} | settings
        return subprocess.run(command(name, *arguments), **settings)

    return run


@pytest.fixture
def opened(monkeypatch):
    """Runs a script in this process; returns the names that `python -i` would have afterwards."""

    def opened(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        return runpy.run_path(str(ROOT / f"{name}.py"), run_name="__main__")

    return opened


@pytest.fixture
def lines(opened, capsys):
    """Runs a script in this process; returns the lines that it prints, without their seconds."""

    def lines(name, *arguments):
        opened(name, *arguments)
        return [re.sub(r"  \S+ s$", "", line) for line in capsys.readouterr().out.splitlines()]

    return lines


@pytest.fixture
def refused(lines, capsys):
    """Runs a script with what it must refuse before it trains anything; returns the one line that says why.

    A wrong option is argparse's error: usage, one line, status 2. A bad file ends in sys.exit(line): status 1.
    """

    def refused(name, *arguments):
        with pytest.raises(SystemExit) as end:
            lines(name, *arguments)
        output = capsys.readouterr()
        assert "epoch" not in output.out
        if end.value.code == 2:
            usage, _, message = output.err.partition(f"{name}.py: error: ")
            assert usage.startswith("usage: ")
        else:
            message = end.value.code + "\n"
            assert output.err == ""
        assert re.fullmatch(r".{10,400}\n", message)
        return message

    return refused


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Lets the scripts see less: 2,000 and 500 images; by the options that few(name) returns, every tenth name, …."""
    mnist = common.mnist

    def images(*arguments):
        return [part[:size] for part, size in zip(mnist(*arguments), (2000, 2000, 500, 500), strict=True)]

    monkeypatch.setattr(common, "mnist", images)
    kinds = {"09_names_gru": ("names", 10), "10_reviews_gru": ("reviews", 20), "11_poems_gru": ("poems", 20)}

    def few(name):
        if name not in kinds:
            return []
        folder, (kind, step) = tmp_path / "few", kinds[name]
        folder.mkdir(exist_ok=True)
        paths = sorted(common.DATA.glob(f"{kind}*.gz"), reverse=True)  # train before test
        for path in paths:
            rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
            (folder / path.stem).write_bytes(b"".join(rows[::step]))
        files = [folder / path.stem for path in paths]
        return {"names": ["--names-dir", folder], "reviews": ["--csv", *files], "poems": ["--poems", *files]}[kind]

    return few
