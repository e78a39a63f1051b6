#!/usr/bin/env python3
"""Compares our tokenizer with Hugging Face's on random strings and pairs of strings.

The reference is the PyPI package tokenizers 0.23.3, which this script imports: run it from a
virtual environment that has it. Ours is `lakehouse-bench tokens`. Both read the tokenizer.json of
one model directory; a second round compares what ours makes of vocab.txt alone.

Usage: fuzz_tokenizer.py --bench PATH --model DIR [--strings N] [--pairs N] [--seed S]

Every string comes from the seed, which is printed. Prints "N passed, N failed" and exits with 1
when any id, or the place where a pair's second text begins, differs; the first differences are
shown. Half of the strings get no limit, the others and all pairs one of a few small limits.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers

VERSION = "0.23.3"
BATCH = 25_000
SHOWN = 10
LIMITS = (3, 4, 5, 8, 13, 32, 128)

# Inclusive ranges of code points, and how often each is drawn from.
BLOCKS = (
    (12, ((0x20, 0x7E),)),
    (6, ((0x61, 0x7A),)),
    (4, ((0xA0, 0x24F),)),
    (5, ((0x300, 0x36F), (0x483, 0x487), (0x591, 0x5BD), (0x610, 0x61A), (0x64B, 0x65F),
         (0x816, 0x82D), (0x898, 0x89F), (0x8CA, 0x902), (0x1AB0, 0x1ACE), (0x1DC0, 0x1DFF),
         (0x20D0, 0x20F0), (0x302A, 0x302F), (0x3099, 0x309A), (0xA66F, 0xA67D), (0xFE20, 0xFE2F))),
    # Characters that have a combining class and are no nonspacing marks, and what surrounds them.
    (3, ((0x302E, 0x302F), (0x1D165, 0x1D172), (0x16FF0, 0x16FF1), (0x1B44, 0x1B44),
         (0x0F71, 0x0F84), (0x344, 0x345), (0x9BC, 0x9BE), (0x1BAA, 0x1BAB), (0x10A38, 0x10A3F))),
    (4, ((0x370, 0x3FF), (0x400, 0x52F), (0x1F00, 0x1FFF), (0x10A0, 0x10FF), (0x1C80, 0x1CBF))),
    (4, ((0x590, 0x5FF), (0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB1D, 0xFDFF),
         (0xFE70, 0xFEFF))),
    (4, ((0x900, 0xDFF), (0xE00, 0xE7F), (0xE80, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F),
         (0x1780, 0x17FF))),
    (5, ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF),
         (0xF900, 0xFAFF), (0x2F800, 0x2FA1F), (0x2E80, 0x2FDF))),
    (3, ((0x3000, 0x30FF), (0x31F0, 0x32FF), (0xFF00, 0xFFEF))),
    (4, ((0xAC00, 0xD7A3), (0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))),
    (4, ((0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF), (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF),
         (0x200D, 0x200D), (0xFE0F, 0xFE0F), (0x20E3, 0x20E3), (0x2600, 0x27BF))),
    (5, ((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x200B, 0x200F), (0x202A, 0x202E),
         (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFD), (0xE0001, 0xE007F))),
    (5, ((0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680),
         (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))),
    (3, ((0x2010, 0x2027), (0x2030, 0x205E), (0x2E00, 0x2E5F), (0x3001, 0x3003), (0xFE30, 0xFE6F),
         (0x10100, 0x1019F), (0x11000, 0x11FFF))),
    (2, ((0xE000, 0xF8FF), (0xF0000, 0xF00FF), (0xFFFFD, 0xFFFFD), (0x100000, 0x1000FF),
         (0x10FFFD, 0x10FFFF))),
    (3, ((0x0, 0xD7FF), (0xE000, 0x10FFFF))),
    (2, ((0x1C89, 0x1C8A), (0xA7C0, 0xA7DF), (0x10D40, 0x10D8F), (0x16EA0, 0x16ED3),
         (0x1E000, 0x1E4FF), (0x1E900, 0x1E95F), (0x10400, 0x1044F), (0x118A0, 0x118DF))),
)
SPECIAL = ("[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[mask]", "[MASK", "MASK]", "[", "]", "##",
           "##ing", "[unused1]", "\u0130", "\u1e9e", "\ufb01", "\u212b", "\U0001F468\u200D\U0001F469",
           "\r\n", "e\u0301", "\u1112\u1161\u11ab", "\uac01", "don't", "3.14", "$1,234.50", "C++",
           "http://a.b/c?d=e&f=%20", "a.b+c@d.co.uk", "\u4e2d\u6587", "\u0e2a\u0e27\u0e31\u0e2a")


class Strings:
    """Makes strings of many kinds, always the same for one seed."""

    def __init__(self, seed, words):
        self.random = random.Random(seed)
        self.words = words
        self.weights = [weight for weight, _ in BLOCKS]
        self.ranges = [ranges for _, ranges in BLOCKS]

    def character(self, ranges):
        while True:
            code_point = self.random.randint(*self.random.choice(ranges))
            if not 0xD800 <= code_point < 0xE000:
                return chr(code_point)

    def piece(self):
        kind = self.random.random()
        if kind < 0.35:
            word = self.random.choice(self.words)
            form = self.random.random()
            if form < 0.15:
                word = word.upper()
            elif form < 0.3:
                word = word.capitalize()
            elif form < 0.4:
                word = unicodedata.normalize("NFD", word)
            return word
        if kind < 0.5:
            return " "
        if kind < 0.58:
            return self.random.choice(SPECIAL)
        if kind < 0.6:
            length = self.random.choice((99, 100, 101, self.random.randint(50, 400)))
            return self.random.choice((self.random.choice(self.words), "\u00e9", "e\u0301", "x"))[:2] * length
        ranges = self.random.choices(self.ranges, self.weights)[0]
        count = self.random.choice((1, 1, 1, 2, 3, 8))
        return "".join(self.character(ranges) for _ in range(count))

    def string(self):
        size = self.random.random()
        pieces = self.random.randint(0, 6) if size < 0.4 else self.random.randint(4, 40)
        if size > 0.995:
            pieces = self.random.randint(200, 1500)
        return "".join(self.piece() for _ in range(pieces))


def run_bench(bench, model, lines, limit):
    """Returns what `lakehouse-bench tokens` writes for the lines."""
    with tempfile.TemporaryDirectory() as folder:
        texts, out = os.path.join(folder, "texts.ndjson"), os.path.join(folder, "ids.ndjson")
        with open(texts, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        command = [bench, "tokens", "--model", model, "--texts", texts, "--out", out]
        if limit is not None:
            command += ["--max-tokens", str(limit)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(out, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


def run_reference(tokenizer, lines, limit):
    """Returns the same from Hugging Face's tokenizer."""
    if limit is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(limit, strategy="longest_first")
    answers = []
    inputs = [tuple(line) if isinstance(line, list) else line for line in lines]
    for line, encoding in zip(lines, tokenizer.encode_batch(inputs)):
        if isinstance(line, list):
            types = encoding.type_ids
            begin = types.index(1) if 1 in types else len(types)
            answers.append({"ids": encoding.ids, "second_begin": begin})
        else:
            answers.append(encoding.ids)
    return answers


def compare(bench, model, tokenizer, lines, limit):
    """Returns how many lines differ, and shows the first of them."""
    failed = 0
    ours, theirs = run_bench(bench, model, lines, limit), run_reference(tokenizer, lines, limit)
    if len(ours) != len(lines):
        sys.exit(f"{len(lines)} lines went in, {len(ours)} came out")
    for line, our, their in zip(lines, ours, theirs):
        if our == their:
            continue
        failed += 1
        if failed <= SHOWN:
            print(f"limit {limit}: {json.dumps(line)}\n  ours      {our}\n  reference {their}")
    return failed


def vocabulary_only(model, folder):
    """Copies what a directory without tokenizer.json has; returns its path, or None."""
    if not (pathlib.Path(model) / "vocab.txt").exists():
        return None
    for name in ("vocab.txt", "tokenizer_config.json"):
        if (pathlib.Path(model) / name).exists():
            shutil.copy(pathlib.Path(model) / name, folder)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="the program lakehouse-bench")
    parser.add_argument("--model", required=True, help="a Hugging Face directory")
    parser.add_argument("--strings", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, help="default: a tenth of the strings")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    if tokenizers.__version__ != VERSION:
        print(f"tokenizers {tokenizers.__version__} is not the pinned {VERSION}", file=sys.stderr)
        return 2
    print(f"--seed {arguments.seed}")
    tokenizer = tokenizers.Tokenizer.from_file(str(pathlib.Path(arguments.model) / "tokenizer.json"))
    tokenizer.no_padding()
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    words = sorted(word for word in vocabulary if not word.startswith(("##", "[")) and len(word) > 1)
    strings = Strings(arguments.seed, words)
    pairs = arguments.strings // 10 if arguments.pairs is None else arguments.pairs
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        models = [arguments.model, vocabulary_only(arguments.model, folder) or arguments.model]
        for index, first in enumerate(range(0, arguments.strings, BATCH)):
            lines = [strings.string() for _ in range(min(BATCH, arguments.strings - first))]
            limit = None if index % 2 == 0 else strings.random.choice(LIMITS)
            wrong = compare(arguments.bench, models[index // 2 % 2], tokenizer, lines, limit)
            failed, passed = failed + wrong, passed + len(lines) - wrong
        for limit in LIMITS:
            lines = [[strings.string(), strings.string()] for _ in range(-(-pairs // len(LIMITS)))]
            wrong = compare(arguments.bench, models[limit % 2], tokenizer, lines, limit)
            failed, passed = failed + wrong, passed + len(lines) - wrong
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
