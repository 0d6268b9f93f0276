"""The text of a script, pasted into a cell of a notebook, runs there."""

import re

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

TESTED = r"test accuracy \d\d\.\d\d %"
LAST = {"05_mnist_cnn": TESTED, "07_resnet": TESTED, "09_names_gru": TESTED}
LAST |= {"01_linear": r"w = .+  y\(4\) = \S+", "03_diabetes": r"accuracy \S+ %", "08_rnn_hello": "hello → cell .+"}


def printed(text):
    """Runs a cell in a kernel of its own; returns the lines that it printed."""
    cell = nbformat.v4.new_code_cell(text)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": ROOT}}).execute()
    assert {output.get("name") for output in notebook.cells[0].outputs} == {"stdout"}
    return "".join(output.text for output in notebook.cells[0].outputs).splitlines()


@pytest.mark.parametrize("name", LAST)
def test_pasted(name):
    text = (ROOT / f"{name}.py").read_text(encoding="utf-8")
    lines = printed(f'import sys; sys.argv = ["", "--epochs", "1"]\n{text}')
    assert "epoch 1/1  loss " in "\n".join(lines)
    assert re.fullmatch(LAST[name], lines[-1])


def test_pasted_without_options():
    lines = printed((ROOT / "01_linear.py").read_text(encoding="utf-8"))
    assert len(lines) == 101
    assert lines[-1].startswith("w = 1.7")


def test_run_magic():
    epoch, last = printed("%run 05_mnist_cnn.py --fast --epochs 1")
    assert epoch.startswith("epoch 1/1  loss ")
    assert re.fullmatch(TESTED, last)
