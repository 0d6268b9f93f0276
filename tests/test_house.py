"""Each script is flat and open: what it does stands under `if __name__ == "__main__":`, and stays to be looked at."""

import ast
import dis
import types

import pytest
from conftest import ROOT, SCRIPTS

SOURCES = {name: (ROOT / f"{name}.py").read_text(encoding="utf-8") for name in SCRIPTS}


def main_block(name):
    """Returns the syntax tree of a script's last statement."""
    block = ast.parse(SOURCES[name]).body[-1]
    assert ast.unparse(block).startswith("if __name__ == '__main__':")
    return block


def globals_read(code):
    """Yields the names that the functions in a code object, nested ones too, look up outside themselves."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for instruction in dis.get_instructions(constant):
                if instruction.opname == "LOAD_GLOBAL":
                    yield instruction.argval
            yield from globals_read(constant)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_function_reads_a_name_of_the_block(name):
    tree = ast.parse(SOURCES[name])
    stored = {n.id for n in ast.walk(main_block(name)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert {"args", "device", "epoch"} & stored
    tree.body.pop()
    read = set(globals_read(compile(tree, name, "exec")))
    assert "torch" in read
    assert read & stored == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_overwritten_outside_loops(name):
    """What a name holds after the run is what it was given once, or in one of two branches."""
    seen = set()
    for statement in main_block(name).body:
        given = set()
        branches = [*statement.body, *statement.orelse] if isinstance(statement, ast.If) else [statement]
        for branch in branches:
            for target in getattr(branch, "targets", []):
                given |= {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
        assert seen & given == set()
        seen |= given
    assert seen


def test_what_ran_is_there_to_be_touched(opened, few):
    names = opened("05_mnist_cnn", "--epochs", 1)
    assert {"model", "history", "images", "labels", "test_images", "test_labels", "optimizer", "device"} < names.keys()
    assert names["model"](names["test_images"][:1]).shape == (1, 10)
    assert opened("08_rnn_hello", "--epochs", 1)["models"].keys() == {"cell", "rnn", "embedding", "lstm", "gru"}
    names = opened("09_names_gru", *few("09_names_gru"), "--epochs", 1)
    assert len(names["train_names"]) == len(names["train_target"]) > len(names["test_names"])


@pytest.mark.parametrize("name", ["01_linear", "02_logistic"])
def test_a_picture_leaves_the_model_where_it_was(opened, tmp_path, name):
    names = opened(name, "--epochs", 1, "--plot", tmp_path / "picture.png")
    assert next(names["model"].parameters()).device == names["device"]
