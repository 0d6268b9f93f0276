"""What several test files need: the scripts, ways to run them, and small data."""

import gzip
import importlib
import os
import re
import runpy
import shutil
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
ISOLATED = ["unshare", "--map-root-user", "--net"]  # a network namespace that has no network
if not shutil.which("unshare") or subprocess.run([*ISOLATED, "true"]).returncode:
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
    settings = {"cwd": tmp_path, "capture_output": True, "encoding": "utf-8"}
    return lambda name, *arguments, **more: subprocess.run(command(name, *arguments), **settings | more)


@pytest.fixture
def lines(monkeypatch, capsys):
    """Runs a script in this process; returns the lines that it prints, without their seconds."""

    def lines(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{common.DATA.parent}/{name}.py", *map(str, arguments)])
        runpy.run_path(sys.argv[0], run_name="__main__")
        return [re.sub(r"  \S+ s$", "", line) for line in capsys.readouterr().out.splitlines()]

    return lines


@pytest.fixture
def refused(lines, capsys):
    """Runs a script with what it must refuse before it trains anything; returns the one line that says why."""

    def refused(name, *arguments):
        with pytest.raises(SystemExit) as end:
            lines(name, *arguments)
        output = capsys.readouterr()
        usage, _, error = output.err.partition(f"{name}.py: error: ")
        message = error if end.value.code == 2 else f"{end.value.code}\n"  # argparse's error, or sys.exit(line)
        assert "epoch" not in output.out
        assert re.fullmatch(r".{10,400}\n", message)
        return message

    return refused


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A data/ with less in it, beside the scripts: 2,000 and 500 digits, every 20th name, sentence and poem."""
    folder = tmp_path_factory.mktemp("small") / "data"
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for script in ROOT.glob("*.py"):
        shutil.copy(script, folder.parent)
    for path in (common.DATA / "MNIST" / "raw").iterdir():
        content, count = path.read_bytes(), 2000 if "train" in path.name else 500
        head, size = (16, 784) if "images" in path.name else (8, 1)
        content = content[:4] + count.to_bytes(4, "big") + content[8 : head + count * size]
        (folder / "MNIST" / "raw" / path.name).write_bytes(content)
    for path in common.DATA.glob("*.gz"):
        rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        (folder / path.name).write_bytes(gzip.compress(b"".join(rows[::20])))
    return folder


@pytest.fixture
def few(small_data, monkeypatch):
    """Lets the scripts that `lines` runs read the small data."""
    monkeypatch.setattr(common, "DATA", small_data)


def own(name, path):
    """Returns the options with which a script reads the file `path`, where it reads two for both."""
    return {"03": ["--csv", path], "11": ["--poems", path]}.get(name[:2], ["--csv", path, path])
