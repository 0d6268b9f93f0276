"""Prepares Kaggle's "Sentiment Analysis on Movie Reviews" for 10_reviews_gru.py.

The file train.tsv has a phrase in each line, with the number of the sentence that it is part of and a rating from 0 to
4; 10 wants a phrase and a rating below or above 0. All phrases of a sentence go to the same file, those of every fifth
sentence to the test file. A short phrase is part of many sentences, so some stand in both files all the same.

    python recipes/kaggle_reviews.py train.tsv
    python 10_reviews_gru.py --csv my_train.csv my_test.csv
"""

import argparse
import csv
import sys

if __name__ == "__main__":
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written, allow_abbrev=False)
    parser.add_argument("tsv", metavar="TRAIN.TSV", help="Kaggle's file, unpacked")
    parser.add_argument("--train", default="my_train.csv", metavar="FILE", help="file to write (%(default)s)")
    parser.add_argument("--test", default="my_test.csv", metavar="FILE", help="file to write (%(default)s)")
    args = parser.parse_args()

    train_rows, test_rows = [], []
    try:
        with open(args.tsv, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)  # " is a character like any other
            for line in reader:
                sentence, rating = int(line["SentenceId"]), int(line["Sentiment"]) - 2
                if not -2 <= rating <= 2:
                    raise ValueError
                rows = test_rows if sentence % 5 == 0 else train_rows
                rows.append([line["Phrase"], rating])
    except OSError as error:
        sys.exit(f"{args.tsv} cannot be read: {error}")
    except (KeyError, TypeError, ValueError, csv.Error):  # a column is missing or has no number; not UTF-8
        columns = "PhraseId, SentenceId, Phrase, Sentiment (0 to 4)"
        sys.exit(f"{args.tsv}, line {reader.line_num}: it must have {columns}, with tabs between them")
    if not train_rows or not test_rows:
        sys.exit(f"{args.tsv} has too few sentences")

    for path, rows in [(args.train, train_rows), (args.test, test_rows)]:
        try:
            with open(path, "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
        except OSError as error:
            sys.exit(f"{path} cannot be written: {error}")
        print(f"{path}: {len(rows)} rows")
