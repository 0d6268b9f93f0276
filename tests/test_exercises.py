"""Each exercise fails as it is, passes with its solution, and fails again with a plausible wrong one."""

import re
import runpy
import subprocess
import sys

import pytest
from conftest import ROOT, SCRIPTS

from exercises.check import failures, tasks


def lesson(number, folder=""):
    (page,) = (ROOT / "docs" / "lessons" / folder).glob(f"{number}_*.md")
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SCRIPTS)
def test_exercise(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    exercise = runpy.run_path(f"exercises/{name}.py")
    solutions = runpy.run_path(f"tests/solutions/{name}.py", exercise)  # they see what the exercise imports
    docs = tasks(exercise)
    assert 3 <= len(docs) <= 5
    for task, doc in docs.items():
        assert failures(doc, exercise), f"{task} passes without code"
        assert not failures(doc, solutions), f"the solution of {task} fails"
        assert failures(doc, solutions | {task: solutions[f"wrong_{task}"]}), f"a wrong {task} passes"


@pytest.mark.parametrize("name", SCRIPTS)
def test_hints_name_questions_and_pages_name_tasks(name):
    titles = []
    for task, doc in tasks(runpy.run_path(f"{ROOT}/exercises/{name}.py")).items():
        text = " ".join(doc.partition(">>>")[0].split())
        hints = re.findall(r'\b([01]\d), ((?:(?: and )?"[^"]+")+)', text)
        assert hints, f"{task} names no question"
        for number, questions in hints:
            assert number <= name[:2]
            for question in re.findall('"([^"]+)"', questions):
                assert re.search(rf"^(\*\*|## ){re.escape(question)}", lesson(number), re.MULTILINE)
        titles.append(re.match("(★+) ([^一-鿿]+) ([^:]+):", text).groups())
    for folder, line in (("", "- {0} {1} {2}"), ("zh-CN", "- {0} {2} {1}")):
        listed = [row for row in lesson(name[:2], folder).splitlines() if row.startswith("- ★")]
        assert listed == [line.format(*title) for title in titles]


def test_check_says_what_is_solved(tmp_path):
    sigmoid = "import torch\n\nprint('hello')\n\ndef sigmoid(z):\n    return 1 / (1 + (-z).exp())\n"
    library = sigmoid.replace("1 / (1 + (-z).exp())", "torch.sigmoid(z)")
    for student, code in {"a": sigmoid, "b": library, "c": "def (", "d": "exit()", "e": sigmoid}.items():
        (tmp_path / f"{student}_02_logistic.py").write_text(code, "utf-8")
    command = [sys.executable, "exercises/check.py", f"{tmp_path}/*_02_logistic.py"]  # as Windows leaves it
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line.partition("_02_logistic.py: ")[2] for line in result.stdout.splitlines()]
    assert [line[:12] for line in lines] == ["1 of 5: sigm", "0 of 5: ", "does not run", "does not run", "1 of 5: sigm"]
