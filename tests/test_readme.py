"""The two README files say the same, and what they say can be run."""

import re
import shlex
from collections import Counter

import pytest
from conftest import ROOT, load

ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def facts(text):
    """Counts what must not differ between two languages: code, links and figures."""
    code = re.findall(r"`[^`]+`|^    .+$", text, re.MULTILINE)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("README")]
    return {"code": Counter(code), "links": Counter(links), "figures": Counter(re.findall(r"\d(?:[\d.,]*\d)?", text))}


@pytest.mark.parametrize("kind", ["code", "links", "figures"])
def test_both_languages_have_the_same(kind):
    english, chinese = facts(ENGLISH)[kind], facts(CHINESE)[kind]
    assert len(english) > 5
    assert (english - chinese, chinese - english) == (Counter(), Counter())


@pytest.mark.parametrize("link", sorted(facts(ENGLISH)["links"]))
def test_links_lead_to_files(link):
    assert (ROOT / link).is_file()


def commands():
    """Yields the commands of README.md that run a script, as lists of words."""
    for text in re.findall(r"`([^`]+)`|^    (.+)$", ENGLISH, re.MULTILINE):
        for command in "".join(text).split(" && "):
            if found := re.search(r"(0\d_\w+)\.py(.*)", command):
                yield found[1], *shlex.split(found[2])


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_commands_have_options_that_exist(capsys, command):
    name, *words = command
    with pytest.raises(SystemExit) as stop:
        load(name).main(["--help"])
    assert stop.value.code == 0
    options = re.findall(r"--[a-z-]+", capsys.readouterr().out)
    for word in words:
        assert not word.startswith("--") or word in options
