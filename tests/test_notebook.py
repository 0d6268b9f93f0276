"""The text of a script, pasted into a cell of a notebook, runs there, and so does %run."""

import re

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

OPTIONS = 'import sys; sys.argv = ["", "--epochs", "1"]\n'
CELLS = {  # the cell, how many lines it prints, and the last of them; a kernel's own arguments are not read
    "01_linear": ("", 101, "w = 1.7.+"),
    "03_diabetes": (OPTIONS, 3, r"accuracy \S+ %"),
    "09_names_gru": (OPTIONS, 3, r"test accuracy \S+ %"),
    "%run 08_rnn_hello.py --epochs 2 --model gru": ("", 3, "hello → gru .+"),
}


@pytest.mark.parametrize("name", CELLS)
def test_cell(name):
    options, count, last = CELLS[name]
    text = name if name.startswith("%") else (ROOT / f"{name}.py").read_text(encoding="utf-8")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(options + text)])
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": ROOT}}).execute()
    assert {output.get("name") for output in notebook.cells[0].outputs} == {"stdout"}
    printed = "".join(output.text for output in notebook.cells[0].outputs).splitlines()
    assert len(printed) == count
    assert re.fullmatch(last, printed[-1])
