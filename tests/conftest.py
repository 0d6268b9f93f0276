import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# One thread for each test: as many tests run at a time as there are cores. PyTorch reads this when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(path.stem for path in ROOT.glob("0?_*.py"))
MNIST_SCRIPTS = [name for name in SCRIPTS if name[:2] in ("04", "05", "06", "07")]
OFFLINE = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "offline")}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Lets one process run all tests that need the saved models, so that these are trained once."""
    for item in items:
        if "saved" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("saved"))


def load(name):
    """Returns a script as a module; their names begin with a digit, which `import` cannot write."""
    return importlib.import_module(name)


# Every warning is an error, but one that PyTorch 2.6 itself causes when it ends.
PYTHON = [sys.executable, "-W", "error", "-W", "ignore:Implicitly cleaning up:ResourceWarning"]


def command(name, *arguments):
    """Returns the command that runs a script as its user does, with every warning an error."""
    return [*PYTHON, str(ROOT / f"{name}.py"), *map(str, arguments)]


@pytest.fixture
def run(tmp_path):
    """Runs a script as its user does, from another folder, without network, in a folder that cannot be written."""

    def run(name, *arguments):
        return subprocess.run(
            command(name, *arguments), cwd=tmp_path, env=OFFLINE, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def elsewhere(tmp_path):
    """Runs a script from a copy in a folder whose name has spaces and Chinese characters, without a home."""

    def elsewhere(name, *arguments):
        folder = tmp_path / "my 教程 (copy)"
        (folder / "data").mkdir(parents=True)
        for file in (f"{name}.py", "common.py"):
            shutil.copy(ROOT / file, folder)
        for file in (ROOT / "data").glob("[!FKQ]*"):  # not what was downloaded
            (folder / "data" / file.name).symlink_to(file)
        environment = {key: value for key, value in OFFLINE.items() if key not in ("HOME", "USERPROFILE")}
        return subprocess.run(
            [*PYTHON, f"{name}.py", *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return elsewhere


@pytest.fixture
def lines(capsys):
    """Calls a script's main in this process; returns the lines it printed, without their seconds."""

    def lines(name, *arguments):
        load(name).main([str(argument) for argument in arguments])
        return [
            line.rsplit("  ", 1)[0] if line.endswith(" s") else line for line in capsys.readouterr().out.splitlines()
        ]

    return lines


@pytest.fixture
def few(monkeypatch):
    """Lets the scripts see only the first 2,000 images for training and 500 for testing, and every tenth name."""

    def images(*arguments):
        train, test = load("common").mnist(*arguments)
        return [part[:2000] for part in train], [part[:500] for part in test]

    for name in MNIST_SCRIPTS:
        monkeypatch.setattr(load(name), "mnist", images)
    names = load("09_names_gru").read_names
    monkeypatch.setattr(load("09_names_gru"), "read_names", lambda path: [column[::10] for column in names(path)])
