"""README.md, README.zh-CN.md, RESULTS.md and the scripts' docstrings: what they name is there."""

import re
import shlex
from collections import Counter

import pytest
from conftest import ROOT, SCRIPTS, load

DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), ROOT / "data" / "README.md"]}
DOCUMENTS |= {f"{name}.py": load(name).__doc__ for name in SCRIPTS}
README, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


LOOK_INSIDE = ("Look inside", README), ("看看网络内部", CHINESE)


def commands(text):
    """Returns the commands that run a script, in lines of code and in `code`: pairs of the script and its options."""
    code = re.findall(r"`([^`\n]+)`|^ {4}(.+)$|^((?:\S*python\S*|\S*torchrun|%run) .+)$", text, re.MULTILINE)
    found = [re.findall(r"([01]\d_\w+)\.py((?: [^ &|;#]+)*)", "".join(parts)) for parts in code]
    return [command for parts in found for command in parts]


def links(text):
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("README", "#"))]


@pytest.mark.parametrize(
    "facts", [commands, links, lambda text: re.findall(r"\d(?:[\d.,]*\d)?", text)], ids=["commands", "links", "figures"]
)
def test_both_languages_have_the_same(facts):
    english, chinese = Counter(facts(README)), Counter(facts(CHINESE))
    assert len(english) > 5
    assert (english - chinese, chinese - english) == (Counter(), Counter())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name):
    folder = ROOT / "data" if DOCUMENTS[name].startswith("# Data") else ROOT
    inside = [link.partition("#")[0] for link in links(DOCUMENTS[name]) if "://" not in link]
    assert [link for link in inside if not (folder / link).exists()] == []
    named = re.findall(r"\b(?:assets|data|tests)/\w[\w./]*\w", DOCUMENTS[name])
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_have_options_that_exist(lines, capsys, name):
    for script, words in sorted(set(commands(DOCUMENTS[name]))):
        with pytest.raises(SystemExit):
            lines(script, "--help")
        text = capsys.readouterr().out.partition("\noptions:\n")[2]
        shown = re.findall(r"^  (?:-h, )?(--[a-z-]+)", text, re.MULTILINE)
        assert [option for option in re.findall(r" (--[a-z-]+)", words) if option not in shown] == [], (script, words)


def test_commands_of_the_readme(lines, few, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    for script, words in commands(README):
        own_files = re.search(r" [A-Z]{4,}", words)
        epochs = [] if "--load" in words else ["--epochs", 1]
        if not own_files and "torchrun" not in words:
            assert lines(script, *few(script), *shlex.split(words), *epochs)


def test_look_inside(opened):
    """The lines that README.md has after `python -i 05_mnist_cnn.py --fast` run, and show something."""
    names = opened("05_mnist_cnn", "--fast")
    sections = [re.search(f"## {title}\n(.+?)\n## ", text, re.DOTALL)[1] for title, text in LOOK_INSIDE]
    english, chinese = (re.findall(r"^ {4}([^#\n]+)", section, re.MULTILINE) for section in sections)
    assert len(english) == 4
    assert english == chinese
    shown = [repr(eval(line, names)) for line in english]
    assert shown[0].startswith("ImprovedCNN(")
    assert "tensor([7])" in shown[1]


def test_ci_runs_the_command_of_the_readme():
    (command,) = {line.strip() for line in README.splitlines() if re.search(r"pip install .* -m pytest", line)}
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
