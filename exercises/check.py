"""Counts the solved tasks of files that were handed in. Start it in the repository's folder:

    python exercises/check.py handed_in/*/05_mnist_cnn.py

The name of a file must contain that of its exercise. The examples are those of this folder, so nothing is gained by
changing them. It runs the students' code: use a computer without secrets. Ctrl-C leaves a task that does not end.
统计上交的每份文件做对了哪些题。文件名要含有练习名；遇到死循环，按 Ctrl-C 跳过这道题。
"""

import contextlib
import doctest
import glob
import io
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def tasks(names):
    """Returns the docstrings of the tasks in a namespace, by name, in the order of the file."""
    docs = {name: str(getattr(value, "__doc__", "")) for name, value in names.items()}
    return {name: doc for name, doc in docs.items() if doc.startswith("★")}


def failures(doc, names):
    """Returns 1 if an example of a docstring fails with the code of the namespace `names`, else 0."""
    test = doctest.DocTestParser().get_doctest(doc, dict(names), "task", None, 0)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.FAIL_FAST)
    return runner.run(test, out=lambda line: None).failed


def solved(path):
    """Returns one line: which tasks of the file are solved, or why it does not run."""
    exercise = next((exercise for exercise in HERE.glob("[01]?_*.py") if exercise.stem in path.stem), None)
    if exercise is None:
        return "no exercise has this name"
    names = runpy.run_path(str(exercise))
    docs = tasks(names)
    try:
        handed_in = runpy.run_path(str(path))
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return " ".join(f"does not run: {type(error).__name__} {error}".split())
    names |= {task: handed_in.get(task) for task in docs}
    right = []
    for task, doc in docs.items():
        with contextlib.suppress(KeyboardInterrupt):
            if not failures(doc, names):
                right.append(task)
    return f"{len(right)} of {len(docs)}: {', '.join(right)}"


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    sys.stdout.reconfigure(errors="replace")  # a console may lack a character of a path
    for pattern in sys.argv[1:]:
        for path in sorted(glob.glob(pattern)) or [pattern]:  # Windows leaves the * to us
            print(f"{path}: ", end="", flush=True)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                line = solved(Path(path))
            print(line, flush=True)
