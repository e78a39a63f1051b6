#!/usr/bin/env python3
"""Embeds real English texts through a real server and checks every answer against brute force.

The texts are the glosses of WordNet (Debian's wordnet-base). While the index job runs, SQL is asked
every 50 ms and its latency is reported. Afterwards the ten nearest of each query must be those that
an exhaustive comparison of independently computed vectors finds.
"""

import argparse
import array
import csv
import json
import operator
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
# pylint: disable=wrong-import-position
from support.lakehouse import Server
from support.wordnet import read_glosses

MODEL = "all-MiniLM-L6-v2"
TOP_K = 10
SCORE_TOLERANCE = 1e-4
QUERIES = [
    "night-shift nurse who takes care of patients", "a large wild cat with stripes",
    "money paid regularly to an employee", "to move quickly on foot",
    "musical instrument with strings", "the study of stars and planets",
    "feeling of deep sadness", "a person who writes computer programs",
    "food made from milk", "a violent storm over the sea",
]


def read_npy(path):
    """Returns the rows of a two-dimensional float32 array."""
    with open(path, "rb") as file:
        content = file.read()
    header_size = struct.unpack("<H", content[8:10])[0]
    header = content[10:10 + header_size].decode()
    columns = int(header.split("(")[1].split(")")[0].split(",")[1])
    values = array.array("f", content[10 + header_size:])
    return [values[i:i + columns] for i in range(0, len(values), columns)]


def embed(bench, model, texts, folder, name):
    """Embeds texts with the benchmark program, apart from any server."""
    texts_path, out_path = (os.path.join(folder, name + end) for end in (".ndjson", ".npy"))
    with open(texts_path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(text) + "\n" for text in texts)
    subprocess.run([bench, "embed", "--model", model, "--texts", texts_path, "--out", out_path,
                    "--json"], check=True, stdout=subprocess.DEVNULL)
    return read_npy(out_path)


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {what}{'' if good else ': ' + str(detail)}", flush=True)


def build_index(server):
    """Runs the index job; returns its last state and the SQL latencies measured meanwhile."""
    status, answer = server.call("POST", "/vectors/index", {
        "source": "glosses", "id_column": "id", "text_column": "gloss"})
    if status != 202:
        raise RuntimeError(f"the index was refused: {answer}")
    latencies = []
    while True:
        start = time.monotonic()
        server.sql("select count(*), sum(length(gloss)) from glosses where id % 7 = 3")
        latencies.append((time.monotonic() - start) * 1000)
        _, job = server.call("GET", f"/vectors/jobs/{answer['job_id']}")
        if job["state"] not in ("queued", "running"):
            return job, latencies
        time.sleep(0.05)


def check_queries(report, server, glosses, vectors, query_vectors):
    for query, query_vector in zip(QUERIES, query_vectors):
        _, answer = server.call("POST", "/vectors/search", {
            "index_name": "glosses_v1", "query": query, "top_k": TOP_K})
        scores = [sum(map(operator.mul, query_vector, vector)) for vector in vectors]
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        worst = scores[order[TOP_K - 1]]
        hits = answer["results"]
        # A row may stand in the answer when its own score reaches the tenth best.
        good = (len(hits) == TOP_K and len({hit["doc_id"] for hit in hits}) == TOP_K and
                all(scores[int(hit["doc_id"])] >= worst - SCORE_TOLERANCE and
                    abs(scores[int(hit["doc_id"])] - hit["score"]) <= SCORE_TOLERANCE and
                    hit["text"] == glosses[int(hit["doc_id"])] for hit in hits))
        expected = [(i, round(scores[i], 4)) for i in order[:TOP_K]]
        report.check(f"top {TOP_K} of {query!r}", good,
                     f"expected {expected}, got {[(h['doc_id'], h['score']) for h in hits]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakehouse", default=os.path.join(ROOT, "build/release/lakehouse"))
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    bench = arguments.lakehouse + "-bench"
    cache = os.environ.get("LAKEHOUSE_CACHE", os.path.expanduser("~/.cache/lakehouse"))
    model = os.path.join(cache, "models", MODEL)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="lakehouse-semantic-") as folder:
        glosses = read_glosses(arguments.texts, arguments.seed)
        path = os.path.join(folder, "glosses.csv")
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "gloss"])
            writer.writerows(enumerate(glosses))
        data = os.path.join(folder, "data")
        subprocess.run([arguments.lakehouse, "--data", data, "ingest", path, "--dataset", "glosses"],
                       check=True, stdout=subprocess.DEVNULL)
        server = Server(arguments.lakehouse, data)
        start = time.monotonic()
        job, latencies = build_index(server)
        seconds = time.monotonic() - start
        report.check("job done", job["state"] == "done", job)
        report.check("counts close", job["done"] == job["total"] == len(glosses) and
                     job["failed_items"] == 0, job)
        print(f"     {len(glosses)} texts in {seconds:.1f} s, {len(glosses) / seconds:.0f} texts/s; "
              f"/query/sql meanwhile: median {statistics.median(latencies):.1f} ms, "
              f"worst {max(latencies):.1f} ms of {len(latencies)}", flush=True)
        vectors = embed(bench, model, glosses, folder, "texts")
        query_vectors = embed(bench, model, QUERIES, folder, "queries")
        check_queries(report, server, glosses, vectors, query_vectors)
        report.check("server stops cleanly", server.stop() == 0)
    print(f"\n{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
