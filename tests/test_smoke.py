"""Every script for one epoch, as a user runs it. Read this file first."""

import gzip
import re

import pytest
from conftest import ROOT, SCRIPTS

from common import DATA

EPOCH = r"epoch +1/1  loss \d+\.\d{4}"
TEST = rf"{EPOCH}  test loss \d\.\d{{4}}  test accuracy \d\d\.\d\d %  \d+\.\d s"
TESTED = r"test accuracy (\d\d\.\d\d) %"
FIVE = ("cell", "rnn", "embedding", "lstm", "gru")
WORDS = "hello → " + "  ".join(rf"{name} [ehlo]{{5}}" for name in FIVE)
PATIENTS = r"768 rows of 8 features from -1 to 1; 268 of them have label 1"
REVIEWS = "8566 and 2000 sentences, 4284 and 957 of them positive"
KNOWN = r"\d+ different words, which are 92.8 % of all words of the test file"
# All lines that a script prints, and the range of the number in the last one.
PRINTED = {
    "01_linear": ([EPOCH, r"w = \d\.\d{4}  b = \d\.\d{4}  y\(4\) = (\d\.\d{4})"], 2, 3.5),
    "02_logistic": ([EPOCH, r"P\(pass after 4 hours\) = (\d\.\d{4})"], 0, 1),
    "03_diabetes": ([PATIENTS, rf"{EPOCH}  accuracy \d\d\.\d\d %  \d+\.\d s", r"accuracy (\d\d\.\d\d) %"], 34, 66),
    "04_mnist_mlp": ([TEST, TESTED], 80, 95),
    "05_mnist_cnn": ([TEST, TESTED], 92, 98.5),
    "06_inception": ([TEST, TESTED], 92, 98.5),
    "07_resnet": ([TEST, TESTED], 92, 98.5),
    "08_rnn_hello": ([*(rf"{EPOCH}  [ehlo]{{5}}  {name}" for name in FIVE), WORDS],),
    "09_names_gru": ([r"12560 and 6237 names; 18 labels: Armenian, .+, Zulu", TEST, TESTED], 55, 80),
    "10_reviews_gru": ([REVIEWS, KNOWN, TEST, TESTED], 65, 78),
    "11_poems_gru": (
        [r"260 and 20 texts; \d+ characters", rf"{EPOCH}  test perplexity \d+\.\d\d  \d+\.\d s", r"[\w，。？！\n]+"],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_one_epoch(run, tmp_path, name):
    forms, *limits = PRINTED[name]
    few = []
    if name == "11_poems_gru":  # with all poems, an epoch takes a minute
        few = ["--poems", tmp_path / "poems.txt"]
        poems = gzip.decompress((DATA / "poems.txt.gz").read_bytes()).splitlines(keepends=True)
        few[1].write_bytes(b"".join(poems[:280]))
    before = {*tmp_path.iterdir(), *ROOT.glob("*.*"), *DATA.rglob("*")}
    result = run(name, "--epochs", 1, *few)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch("\n".join(forms) + "\n", result.stdout)
    if limits:
        number = float(re.fullmatch(forms[-1], result.stdout.splitlines()[-1])[1])
        assert limits[0] < number < limits[1]
    assert before == {*tmp_path.iterdir(), *ROOT.glob("*.*"), *DATA.rglob("*")}  # a run leaves nothing behind
