"""Makes the texts of the embedding benchmark out of WordNet (Debian's wordnet-base).

Short texts are single entries, "words: gloss". Chunks are cut out of the entries of one
lexicographer file, run together in file order, at word ends and to the number of tokens wanted.
The same WordNet and tokenizer give the same texts on every machine.
"""

import dataclasses
import json
import os
import random

MAX_TOKENS = 256
SPECIAL_TOKENS = 2  # [CLS] and [SEP]
SEED = 20251123


def load_tokenizer(model_directory, max_tokens=MAX_TOKENS):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(model_directory, "tokenizer.json"))
    tokenizer.no_padding()
    if max_tokens is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer


@dataclasses.dataclass
class Entry:
    lexicographer_file: str  # For instance "noun.06", things that people made.
    text: str


def read_entries(folder):
    entries = []
    for part in ("noun", "verb", "adj", "adv"):
        with open(os.path.join(folder, f"data.{part}"), encoding="utf-8",
                  errors="replace") as file:
            for line in file:
                if line.startswith("  ") or "| " not in line:
                    continue
                head, gloss = line.split("| ", 1)
                fields = head.split()
                words = fields[4:4 + 2 * int(fields[3], 16):2]
                text = ", ".join(word.replace("_", " ") for word in words) + ": " + gloss.strip()
                entries.append(Entry(f"{part}.{fields[1]}", text))
    return entries


def short_texts(entries, count, seed):
    texts = [entry.text for entry in entries]
    random.Random(seed).shuffle(texts)
    return texts[:count]


def chunks(entries, lexicographer_file, token_counts, tokenizer):
    """Cuts one chunk for every count of tokens, special ones included; none is longer than that."""
    running = ". ".join(entry.text for entry in entries
                        if entry.lexicographer_file == lexicographer_file)
    encoding = tokenizer.encode(running, add_special_tokens=False)
    offsets, words = encoding.offsets, encoding.word_ids
    texts, begin = [], 0
    for count in token_counts:
        end = begin + count - SPECIAL_TOKENS
        if end >= len(offsets):
            raise ValueError(f"WordNet's {lexicographer_file} ends after {len(texts)} chunks of "
                             f"{len(token_counts)}")
        while words[end] == words[end - 1]:
            end -= 1
        texts.append(running[offsets[begin][0]:offsets[end - 1][1]])
        begin = end
    return texts


def lengths_between(low, high, count, seed):
    generator = random.Random(seed)
    return [generator.randint(low, high) for _ in range(count)]


def make_sets(wordnet, tokenizer, scale):
    """Returns {name: texts}. `scale` divides the number of texts."""
    entries = read_entries(wordnet)
    return {
        "short": short_texts(entries, 2000 // scale, SEED),
        "128": chunks(entries, "noun.06", [128] * (400 // scale), tokenizer),
        "256": chunks(entries, "noun.04", [256] * (200 // scale), tokenizer),
        "mean 184": chunks(entries, "noun.18", lengths_between(112, 256, 400 // scale, SEED),
                           tokenizer),
    }


def make_calibration(wordnet, tokenizer):
    """Returns texts for quantisation that are in no set."""
    entries = read_entries(wordnet)
    return (short_texts(entries, 2300, SEED)[2000:] +
            chunks(entries, "noun.20", lengths_between(64, 256, 100, SEED), tokenizer))


def make_fidelity(wordnet, tokenizer, count):
    """Returns `count` texts of all lengths, four of five of them short."""
    entries = read_entries(wordnet)
    return (short_texts(entries, count - count // 5, SEED + 1) +
            chunks(entries, "adj.00", lengths_between(32, 256, count // 5, SEED + 1), tokenizer))


def write_texts(path, texts):
    """Writes one JSON string a line; returns the path."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(text) + "\n" for text in texts)
    return path


def read_texts(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
