import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(path.stem for path in ROOT.glob("0?_*.py"))


def load(name):
    """Returns a script as a module; their names begin with a digit, which `import` cannot write."""
    return importlib.import_module(name)


@pytest.fixture
def run(tmp_path):
    """Runs a script as its user does, from another folder, without network, every warning an error."""

    def run(name, *arguments):
        command = [sys.executable, "-W", "error", ROOT / f"{name}.py", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "offline")}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def lines(capsys):
    """Calls a script's main in this process; returns the lines it printed, without their seconds."""

    def lines(name, *arguments):
        load(name).main([str(argument) for argument in arguments])
        return [
            line.rsplit("  ", 1)[0] if line.endswith(" s") else line for line in capsys.readouterr().out.splitlines()
        ]

    return lines
