"""README.md and README.zh-CN.md: their commands, links and lines of Python are right, and both say the same."""

import argparse
import re
import runpy
import shlex
import sys
import textwrap

import pytest
from conftest import ROOT

import common

README, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
BROUGHT = {"FILE", "TRAIN", "TEST"}  # the reader has these


def commands(text):
    parts = re.findall(r"^ {4}(.+)|`([^`\n]+)`", text, re.MULTILINE)
    return [code or word for code, word in parts if re.search(r"\.py\b|\bpip |\bvenv ", code or word)]


def links(text):
    """Returns the pages that links lead to; of a page in both languages, the English one."""
    pages = [link.partition("#")[0].replace(".zh-CN", "") for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    return [page.replace("zh-CN/", "") for page in pages if page not in ("", "README.md")]


@pytest.mark.parametrize("facts", [commands, links, lambda text: re.findall(r"\d(?:[\d.,]*\d)?", text)])
def test_both_languages_say_the_same(facts):
    assert len(set(facts(README))) > 10
    assert set(facts(README)) == set(facts(CHINESE))


@pytest.mark.parametrize("text", [README, CHINESE], ids=["english", "chinese"])
def test_commands_options_files_and_size(monkeypatch, text):
    parse = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", lambda *words: sys.exit(f"right: {parse(*words)}"))
    there = set(BROUGHT)
    for script, options in re.findall(r"(\S+\.py)\b(.*)", "\n".join(commands(text))):
        if not re.search("argparse|options\\(__doc__", (ROOT / script).read_text(encoding="utf-8")):
            assert not options or script == "exercises/check.py"  # a program without options
            continue
        monkeypatch.setattr(sys, "argv", [str(ROOT / script), *shlex.split(options)])
        with pytest.raises(SystemExit, match="right"):
            runpy.run_path(sys.argv[0], run_name="__main__")
        there |= set(re.findall(r"--(?:save|plot) (\S+)", options))
        files = re.findall(r"[\w/]+\.[a-z]+\b|\b[A-Z]{4,}\b", options)
        assert [file for file in files if file not in there and not (ROOT / file).exists()] == []
    assert len(text.splitlines()) <= 130
    assert [line for line in text.splitlines() if len(line) > 160 and line[0] != "|"] == []
    assert commands(text)[-1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("d*/**/*.md")], ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(((?!http)[^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        headings = re.findall(r"^#+ (.+)", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
        assert (target.exists(), not anchor or anchor in anchors) == (True, True), link


def test_lines_of_python(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{common.DATA.parent}/05_mnist_cnn.py", "--fast", "--save", "cnn.pt"])
    names = runpy.run_path(sys.argv[0], run_name="__main__")
    lesson = (ROOT / "docs" / "lessons" / "05_mnist_cnn.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", README + lesson, re.MULTILINE)
    [inside] = [block for block in blocks if "history[-1]" in block]
    [program] = [block for block in blocks if 'torch.load("cnn.pt"' in block]
    for line in textwrap.dedent(inside).strip().splitlines():
        exec(compile(line, "README.md", "single"), names)
    exec(textwrap.dedent(program), {})
    shown = r"ImprovedCNN\(.+\n\(tensor\(\[\d\]\), tensor\(7\)\)\n.+\ntrue 7, predicted \d, probability \S+\n$"
    assert re.search(shown, capsys.readouterr().out, re.DOTALL)
