"""Measures what docs/results.md says of 11's poems: has it 360 of them written, and counts.

    python 11_poems_gru.py --save poems.pt
    pip install -r requirements-dev.txt
    python tests/measure_poems.py poems.pt

200 poems that begin with 20 given characters, 100 whose first character is sampled, 60 acrostics of four characters,
each by the script itself, and beside them the test poems of data/. Rhyme is that of the thirteen rhymes (十三辙): the
finals without their glide, as pypinyin reads them. The pairs that 11 has noted do not judge here.

Tones (平仄) are those of today, 1 and 2 level, 3 and 4 oblique (the old entering tone is not known to pypinyin): in how
many lines do characters 2, 4 and 6 alternate, how many third lines end oblique. The control: the same characters in
random order. The control for rhymes: each poem with line 4 of the next one. To measure without the rule for rhymes,
delete the line with rhyme_weights() in compose() of 11.
"""

import gzip
import itertools
import random
import re
import subprocess
import sys
from pathlib import Path

from pypinyin import Style, pinyin

ROOT = Path(__file__).resolve().parent.parent
FIRST = "春月山花江风云雨秋夜白青天人水日红金玉君"
ACROSTICS = re.findall("....", "春夏秋冬梅兰竹菊风花雪月江山如画天长地久山高水长明月清风白云青山春江花月金玉满堂")
ACROSTICS += re.findall("....", "万里江山一路平安花好月圆青山不老日月同辉人间天上四海为家长风万里秋水长天故人相见")
FORM = re.compile(r"(?:\w{5}，\w{5}[。？！]){2}|(?:\w{7}，\w{7}[。？！]){2}")
RHYMES = {  # 十三辙
    "发花": "a ia ua",
    "梭波": "o e uo",
    "乜斜": "ie ve",
    "姑苏": "u",
    "一七": "i v er",
    "怀来": "ai uai",
    "灰堆": "ei uei",
    "遥条": "ao iao",
    "油求": "ou iou",
    "言前": "an ian uan van",
    "人辰": "en in uen vn",
    "江阳": "ang iang uang",
    "中东": "eng ing ueng ong iong",
}
CLASS = {final: name for name, finals in RHYMES.items() for final in finals.split()}


def written(weights, *options):
    """Has the script write poems; returns them without their line breaks."""
    command = [sys.executable, ROOT / "11_poems_gru.py", "--load", weights, *options]
    text = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    poems = text.partition(" characters\n")[2]  # behind what it says of the texts
    return [poem.replace("\n", "") for poem in poems.strip("\n").split("\n\n")]


def rhymes(poem):
    """Whether lines 2 and 4 end in one of the thirteen rhymes; None if pypinyin does not know a final."""
    lines = re.split("[，。？！]", poem)
    finals = [pinyin(lines[row], style=Style.FINALS, strict=True)[-1][0] for row in (1, 3)]
    classes = [CLASS.get(final) for final in finals]
    return classes[0] == classes[1] if all(classes) else None


def tones(poem):
    """Returns for each line whether characters 2, 4 (and 6) alternate, and whether line 3 ends oblique."""
    lines = [line for line in re.split("[，。？！]", poem) if line]
    alternate = []
    for line in lines:
        level = [syllable[0][-1:] in "12" for syllable in pinyin(line, style=Style.TONE3)]
        pairs = itertools.pairwise(level[1::2])
        alternate.append(all(a != b for a, b in pairs))
    return alternate, not level_end(lines[2])


def level_end(line):
    """Whether the last character of a line has a level tone."""
    return pinyin(line, style=Style.TONE3)[-1][0][-1:] in "12"


def shuffled(poem):
    """Returns a poem with its characters in random order, and its marks where they were."""
    characters = [character for character in poem if character.isalnum()]
    random.shuffle(characters)
    return "".join(characters.pop() if character.isalnum() else character for character in poem)


def swapped(poems):
    """Returns the poems of the right form, each with line 4 of the next one: what rhymes there, rhymes by chance."""
    halves = [poem.rsplit("，", 1) for poem in poems if FORM.fullmatch(poem)]
    return [f"{halves[number - 1][0]}，{halves[number][1]}" for number in range(len(halves))]


def report_tones(name, poems):
    """Prints a row of the table of tones."""
    measured = [tones(poem) for poem in poems if FORM.fullmatch(poem)]
    alternate = percent(truth for lines, end in measured for truth in lines)
    print(f"| {name} | {len(measured)} | {alternate} | {percent(end for lines, end in measured)} |")


def percent(truths):
    truths = [truth for truth in truths if truth is not None]
    return f"{100 * sum(truths) / len(truths):.1f}"


def report(name, poems, known_lines):
    """Prints a row of the table: right form, rhyme, a character twice, a line of a training poem."""
    formed = [poem for poem in poems if FORM.fullmatch(poem)]
    letters = [re.sub(r"\W", "", poem) for poem in poems]
    twice = percent(len(set(text)) < len(text) for text in letters)
    copied = sum(any(line in known_lines for line in re.split("[，。？！]", poem)) for poem in poems)
    rows = [len(poems), percent(FORM.fullmatch(poem) is not None for poem in poems), percent(map(rhymes, formed))]
    print("| " + " | ".join(map(str, [name, *rows, twice, copied])) + " |")


def shared(groups):
    """Returns how many % of the characters at the same place poems with different given characters share."""
    same = places = 0
    for (first, one), (second, other) in itertools.combinations(groups.items(), 2):
        for poem, beside in zip(one, other, strict=True):
            for a, b in zip(poem[len(first) :], beside[len(second) :], strict=False):
                if a.isalnum() and b.isalnum():
                    places += 1
                    same += a == b
    return 100 * same / places


if __name__ == "__main__":
    weights = sys.argv[1]
    data = gzip.decompress((ROOT / "data" / "poems.txt.gz").read_bytes()).decode().splitlines()
    test_poems = data[13::14]
    train_poems = [poem for number, poem in enumerate(data, start=1) if number % 14]
    known_lines = {line for poem in train_poems for line in re.split("[，。]", poem) if line}

    given = {first: written(weights, "--first", first, "--count", "10") for first in FIRST}
    sampled = written(weights, "--count", "100")
    acrostics = {text: written(weights, "--acrostic", text, "--count", "3") for text in ACROSTICS}

    print("| poems | number | right form % | rhyme % | a character twice % | with a line of a training poem |")
    print("| --- | --- | --- | --- | --- | --- |")
    first = [poem for poems in given.values() for poem in poems]
    lines = [poem for poems in acrostics.values() for poem in poems]
    report("first character given", first, known_lines)
    report("first character sampled", sampled, known_lines)
    report("acrostics", lines, known_lines)
    report("all", first + sampled + lines, known_lines)
    report("test poems of data/", test_poems, known_lines)
    report("all, line 4 of the next one", swapped(first + sampled + lines), known_lines)
    report("test poems, line 4 of the next one", swapped(test_poems), known_lines)
    print("\n| poems | number | 2, 4, 6 alternate % | line 3 ends oblique % |\n| --- | --- | --- | --- |")
    random.seed(0)
    every = first + sampled + lines
    report_tones("all", every)
    report_tones("test poems of data/", test_poems)
    report_tones("test poems, characters shuffled", [shuffled(poem) for poem in test_poems])
    print(f"\nPoems of different first characters share {shared(given):.1f} % of their characters at the same place.")
