"""The lesson pages: both languages have the same examples, links and figures, and the suite runs the examples."""

import doctest
import re

import pytest
from conftest import ROOT, SCRIPTS

LESSONS = ROOT / "docs" / "lessons"


def read(name, folder=""):
    return (LESSONS / folder / f"{name}.md").read_text(encoding="utf-8")


def examples(text):
    return [(example.source, example.want) for example in doctest.DocTestParser().get_examples(text)]


def links(text):
    """Returns where the links and pictures lead, without the way there, which differs by the folder."""
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return sorted(re.sub(r"^(\.\./|zh-CN/)+|\.zh-CN", "", link).partition("#")[0] for link in found)


def figures(text):
    """Returns the numbers with a decimal point or a percent sign in the tables and the commands."""
    rows = [line for line in text.splitlines() if line.startswith(("|", "    "))]
    return sorted(re.findall(r"\d+\.\d+|\d+(?= ?%)", "\n".join(rows)))


@pytest.mark.parametrize("name", SCRIPTS)
def test_both_languages_teach_the_same(name):
    english, chinese = read(name), read(name, "zh-CN")
    assert len(examples(english)) >= 5
    assert examples(english) == examples(chinese)
    assert links(english) == links(chinese)
    assert figures(english) == figures(chinese)
    assert len(re.findall("^#+ ", english, re.MULTILINE)) == len(re.findall("^#+ ", chinese, re.MULTILINE))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_page_shows_its_picture_and_names_its_program(name):
    for text in (read(name), read(name, "zh-CN")):
        assert f"docs/{name}.png" in text or f"../{name}.png)" in text
        assert f"/{name}.py)" in text
        assert "<details>" in text
        assert not re.search(r"^    .*\n</details>", text, re.MULTILINE)  # doctest would read it as what is printed
        assert [line for line in text.splitlines() if len(line) > 160 and line[0] != "|"] == []


def test_the_suite_runs_the_pages_of_both_languages(request):
    pages = {item.path for item in request.session.items if item.path.suffix == ".md"}
    if not pages:
        pytest.skip("only some tests were asked for")
    assert pages == {LESSONS / folder / f"{name}.md" for name in SCRIPTS for folder in ("", "zh-CN")}


def test_the_course_table_names_every_lesson():
    for text in (read("README"), read("README", "zh-CN")):
        assert re.findall(r"\]\((\d\d_\w+)\.md\)", text) == SCRIPTS
