#!/usr/bin/env python3
"""One rival of the embedded encoder in a process of its own.

Says its version, then reads one JSON command a line on standard input and answers each with one:
  {"do": "tune", "texts": FILE}      finds the fastest batch size and number of streams
  {"do": "measure", "texts": FILE}   seconds for the whole and for the model alone; with "vectors"
                                     also writes them as .npy, in the order of the texts
Texts go through in batches of similar length. A stream is a thread that works through batches by
itself; one stream uses all cores for every batch, two use one core each.
"""

import argparse
import copy
import itertools
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np  # pylint: disable=wrong-import-position
from disturbance import Disturbance  # pylint: disable=wrong-import-position
import rivals  # pylint: disable=wrong-import-position
import texts as text_files  # pylint: disable=wrong-import-position

BATCH_SIZES = (16, 32, 64)
TUNING_TOKENS = 4000
TUNING_RUNS = 3
USUAL_CHOICE = (16, 2)  # Of batch size and streams, where nothing was tuned.


class Texts:
    """Texts and their token ids."""

    def __init__(self, tokenizer, texts):
        self.texts = texts
        self.tokenize(tokenizer)

    def tokenize(self, tokenizer):
        started = time.perf_counter()
        self.ids = [encoding.ids for encoding in tokenizer.encode_batch(self.texts)]
        self.tokenize_seconds = time.perf_counter() - started

    def sample(self, tokens):
        """Returns evenly chosen texts of about so many tokens together."""
        step = max(1, sum(map(len, self.ids)) // tokens)
        part = copy.copy(self)
        part.texts, part.ids = self.texts[::step], self.ids[::step]
        return part

    def batches(self, size):
        """Yields (indexes, ids, mask), the longest texts first."""
        order = sorted(range(len(self.ids)), key=lambda i: -len(self.ids[i]))
        for begin in range(0, len(order), size):
            indexes = order[begin:begin + size]
            width = len(self.ids[indexes[0]])
            ids = np.zeros((len(indexes), width), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, index in enumerate(indexes):
                ids[row, :len(self.ids[index])] = self.ids[index]
                mask[row, :len(self.ids[index])] = 1
            yield indexes, ids, mask


def pool(hidden, mask):
    """Mean over the tokens, then length one."""
    weights = mask[:, None, :].astype(np.float32)
    mean = np.matmul(weights, hidden)[:, 0, :] / weights.sum(axis=2)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def run_batches(engine, texts, batch_size, streams):
    """Returns (seconds, vectors)."""
    infer = engine.open(streams)
    vectors = np.empty((len(texts.ids), rivals.DIMENSIONS), dtype=np.float32)
    lock, errors = threading.Lock(), []

    def work(request):
        try:
            while True:
                with lock:
                    batch = next(batches, None)
                if batch is None:
                    return
                indexes, ids, mask = batch
                vectors[indexes] = pool(request(ids, mask), mask)
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    started = time.perf_counter()
    batches = iter(list(texts.batches(batch_size)))
    if streams == 1:
        work(infer())
    else:
        threads = [threading.Thread(target=work, args=(infer(),)) for _ in range(streams)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - started, vectors


class Worker:
    def __init__(self, engine, tokenizer):
        self.engine, self.tokenizer = engine, tokenizer
        self.chosen, self.warm = {}, set()

    def tune(self, path):
        """Chooses by the better of two runs: the first of each shape compiles."""
        if self.engine.takes_texts:
            return
        sample = Texts(self.tokenizer, text_files.read_texts(path)).sample(TUNING_TOKENS)
        seconds = {}
        for _ in range(TUNING_RUNS):
            for choice in itertools.product(BATCH_SIZES, self.engine.streams):
                measured, _ = run_batches(self.engine, sample, *choice)
                seconds[choice] = min(seconds.get(choice, measured), measured)
        self.chosen[path] = min(seconds, key=seconds.get)

    def measure(self, path, vectors_path):
        texts = Texts(self.tokenizer, text_files.read_texts(path))
        batch_size, streams = self.chosen.get(path, USUAL_CHOICE)
        answer = {"texts": len(texts.ids), "tokens": sum(map(len, texts.ids)),
                  "model_seconds": None}
        if self.engine.takes_texts:
            disturbance = Disturbance()
            started = time.perf_counter()
            vectors = self.engine.embed(texts.texts)
            answer["whole_seconds"] = time.perf_counter() - started
        else:
            if path not in self.warm:
                run_batches(self.engine, texts, batch_size, streams)
                self.warm.add(path)
            disturbance = Disturbance()
            texts.tokenize(self.tokenizer)
            seconds, vectors = run_batches(self.engine, texts, batch_size, streams)
            answer["model_seconds"] = seconds
            answer["whole_seconds"] = seconds + texts.tokenize_seconds
            answer["how"] = f"{batch_size} x {streams}"
        answer["disturbed"] = disturbance.share()
        if vectors_path:
            np.save(vectors_path, vectors)
        return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=sorted(rivals.ENGINES))
    parser.add_argument("--model", required=True, help="Hugging Face directory")
    parser.add_argument("--exports", required=True, help="what exports.py wrote")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Libraries print where they like.
    worker = Worker(rivals.ENGINES[arguments.engine](arguments),
                    text_files.load_tokenizer(arguments.model))
    print(json.dumps({"version": worker.engine.version}), file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "tune":
            worker.tune(command["texts"])
            answer = {}
        else:
            answer = worker.measure(command["texts"], command.get("vectors"))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
