"""Every script runs as the README says: from anywhere, offline, without a warning, and pasted into a notebook."""

import math
import re

import nbformat
import pytest
from conftest import ROOT, SCRIPTS, load
from nbclient import NotebookClient

# The number in the last line after one epoch, and the range it must lie in.
RESULTS = {
    "01_linear": (r"y\(4\) = (\S+)", 0, 8),
    "02_logistic": (r"after 4 hours\) = (\S+)", 0, 1),
    "03_diabetes": (r"training accuracy (\S+) %", 30, 80),
    "04_mnist_mlp": (r"test accuracy (\S+) %", 60, 95),
    "05_mnist_cnn": (r"test accuracy (\S+) %", 92, 98.5),
    "06_inception": (r"test accuracy (\S+) %", 92, 98.5),
    "07_resnet": (r"test accuracy (\S+) %", 92, 98.5),
    "09_names_gru": (r"test accuracy (\S+) %", 55, 80),
}


def test_the_nine_scripts_are_there():
    assert len(SCRIPTS) == 9


@pytest.mark.parametrize("name", SCRIPTS)
def test_one_epoch(run, name):
    result = run(name, "--epochs", "1")
    assert (result.returncode, result.stderr) == (0, "")
    *epochs, last = result.stdout.splitlines()
    losses = [float(loss) for loss in re.findall(r"epoch 1/1  loss (\S+)", result.stdout)]
    assert losses
    assert all(math.isfinite(loss) for loss in losses)
    if name == "08_rnn_hello":
        assert len(epochs) == 5
        assert re.fullmatch("hello →( +(cell|rnn|embedding|lstm|gru) [ehlo]{5}){5}", last)
    else:
        pattern, low, high = RESULTS[name]
        assert low < float(re.search(pattern, last)[1]) < high
    assert "epoch 1/1" in epochs[0]


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_shows_the_docstring(name, capsys):
    with pytest.raises(SystemExit) as stop:
        load(name).main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert load(name).__doc__.strip() in text
    for option in ("--epochs", "--lr", "--seed", "--device"):
        assert option in text


def test_pasted_into_a_notebook():
    names = ("01_linear", "05_mnist_cnn", "09_names_gru")
    cells = [(ROOT / f"{name}.py").read_text(encoding="utf-8") for name in names]
    for index, epochs in ((1, "epochs=30"), (2, "epochs=100")):
        assert cells[index].count(epochs) == 1
        cells[index] = cells[index].replace(epochs, "epochs=1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": ROOT}}).execute()
    printed = ["".join(output.text for output in cell.outputs if output.name == "stdout") for cell in notebook.cells]
    assert re.search(r"y\(4\) = 7", printed[0])
    assert re.search(r"epoch 1/1 .*\ntest accuracy 9", printed[1])
    assert re.search(r"epoch 1/1 .*\ntest accuracy [5-9]", printed[2])


def test_ci_runs_the_command_of_the_readme():
    commands = re.findall(r"^    (python3 -m venv .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
