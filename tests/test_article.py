"""docs/article.md and its Chinese twin: each message that they quote is provoked, and both quote the same.

article_programs.txt has a few words of each program, enough for the message in which it ends today: first what all of
them need, then a program in each line.
"""

import re
import sys
import traceback

import pytest
import torch
from conftest import ROOT

ENGLISH, CHINESE = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("article.md", "article.zh-CN.md"))
SEEN = {  # not provoked here: a server's answers, a GPU, Windows; their rows say so
    "HTTP Error 404: Not Found",
    "File not found or corrupted.",
    "<urlopen error [Errno 111] Connection refused>",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "RuntimeError: Expected all tensors to be on the same device, but found at least two devices",
    "RuntimeError: Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same",
    "torch.OutOfMemoryError: CUDA out of memory.",
    "CUDA error: device-side assert triggered",
    "OMP: Error #15: Initializing libiomp5md.dll, but found libiomp5md.dll already initialized.",
    "OSError: [WinError 126]",
    "ImportError: DLL load failed while importing",
}
NEEDED, PROGRAMS = (ROOT / "tests" / "article_programs.txt").read_text(encoding="utf-8").split("\n\n")
CODE = re.compile(r"``(.+?)``(?!`)|`([^`\n]+)`")


def ends_in(program):
    """Returns the message in which a program ends, in one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [".", *sys.path])
        names = {"sys": sys, "patch": patch, "here": lambda module: patch.delitem(sys.modules, module, raising=False)}
        if program.isidentifier():  # a name that is not defined there
            names = {}
        else:
            exec(NEEDED, names)
        try:
            exec(program.replace(r"\n", "\n"), names)
        except (Exception, SystemExit) as error:
            lines = "".join(traceback.format_exception_only(error)).replace("meta", "cuda:0")
            return " ".join(lines.split())
    return "no message"


def quotes(part):
    """Returns what stands in backticks in the first column of the tables."""
    cells = "\n".join(re.findall(r"^\| (.+?) \|", part, re.MULTILINE))
    return {double or single for double, single in CODE.findall(cells)}


def parts(text, level="##"):
    return re.split(rf"^{level} ", text, flags=re.MULTILINE)


def test_each_message_is_provoked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails, own = parts(ENGLISH)[1], parts(parts(ENGLISH)[5], "###")[0]
    printed = quotes(parts(fails, "###")[2])  # lines of the article that are no Python
    messages = (quotes(fails) | quotes(own)) - printed - SEEN
    programs = {*PROGRAMS.splitlines(), *re.findall(r"name '(\w+)' is not defined", fails), *printed}
    ends = {program: ends_in(program) for program in programs}
    if torch.cuda.is_available() or not torch.backends.cuda.is_built():
        ends = {program: end for program, end in ends.items() if "cuda" not in program}
        messages = {message for message in messages if not re.search("NVIDIA|CUDA", message)}
    assert [message for message in messages if not any(message in end for end in ends.values())] == []
    assert [end for end in ends.items() if not any(message in end[1] for message in messages)] == []


@pytest.mark.parametrize("number", range(6))
def test_both_languages_quote_the_same(number):
    english, chinese = parts(ENGLISH)[number], parts(CHINESE)[number]
    assert quotes(english) == quotes(chinese)
    assert set(CODE.findall(english)) == set(CODE.findall(chinese))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_words_of_the_page(text):
    rows = [line for line in text.splitlines() if any(f"`{message}`" in line for message in SEEN)]
    assert [message for message in SEEN if f"`{message}`" not in text] == []
    assert [row for row in rows if not re.search("mulated|not run|模拟|没有实际运行", row)] == []
    assert [line for line in text.splitlines() if len(line) > 160 and line[0] != "|"] == []
    files = set(re.findall(r"\b(?:\d\d_|recipes/|tests/)\w+\.py\b", text))
    assert len(files) > 5
    assert [file for file in files if not (ROOT / file).exists()] == []
    for name, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
        target = (ROOT / "docs" / name).read_text(encoding="utf-8") if name else text
        headings = re.findall(r"^#+ (.+)", target, re.MULTILINE)
        anchors = ["", *(re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings)]
        assert anchor in anchors
