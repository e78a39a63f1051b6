#!/usr/bin/env python3
"""Kills the server in the middle of ingests and index jobs, and holds what is left to an oracle.

The oracle is this program: it remembers every answer that the server gave. After each SIGKILL and
restart it demands that
- every acknowledged dataset is there with exactly the rows of its acknowledged files;
- the one upload that was under way is there as a whole or not at all;
- an index job goes on by itself, loses no published part, and ends with every row searchable once.

Each round is one kill, within the time that the same work took before without one. After the rounds
one long index job (--chunks) is killed --kills times: it must lose no row, count right, and embed
no text twice but those that were under way when it was killed; how many those were is printed. The
same seed gives the same plan; the moments depend on the machine.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time

from lakehouse_under_fire import LOST_CONNECTION, ROOT, WORDS, Failure, Lakehouse, demand
from long_job import LongJob

CONFIG = "[search]\nrows_per_part = 64\n"
JOB_TIMEOUT_SECONDS = 300
INDEX_ROWS = 400
UPLOAD_ROWS = (1, 50, 3000, 20000)


def csv_file(file_id, rows):
    """A CSV whose rows all name their file, so that half a file cannot hide."""
    lines = ["file_id,row,payload"]
    lines += [f"{file_id},{row},payload {row * 7919 % 10007} of {file_id}" for row in range(rows)]
    return ("\n".join(lines) + "\n").encode()


class IngestRounds:
    """Creates, appends and replaces datasets; knows the files that each must hold."""

    def __init__(self, lakehouse, rng):
        self.lakehouse = lakehouse
        self.rng = rng
        self.datasets = {}  # name -> {file_id: rows}, as acknowledged.
        self.snapshots = {}  # name -> the last acknowledged snapshot.
        self.files = 0
        self.seconds = {}  # rows -> how long an upload of that many took.

    def plan(self, rows=None):
        """Chooses the next upload: (dataset, mode, file_id, rows)."""
        self.files += 1
        rows = rows or self.rng.choice(UPLOAD_ROWS)
        if not self.datasets or self.rng.random() < 0.3:
            return f"table_{self.files}", "create", self.files, rows
        return (self.rng.choice(sorted(self.datasets)), self.rng.choice(("append", "replace")),
                self.files, rows)

    def after(self, name, mode, file_id, rows):
        """The files of a dataset once such an upload took place."""
        before = self.datasets.get(name, {}) if mode == "append" else {}
        return {**before, file_id: rows}

    def upload(self, step):
        """Performs one upload and notes the acknowledgement; raises when the server died."""
        name, mode, file_id, rows = step
        start = time.monotonic()
        status, answer = self.lakehouse.server.ingest(
            f"{file_id}.csv", csv_file(file_id, rows), dataset=name, mode=mode)
        self.seconds[rows] = time.monotonic() - start
        demand(status == 200, "an upload was refused:", status, answer)
        demand(answer["rows"] == rows, "an upload took", answer["rows"], "of", rows, "rows")
        self.datasets[name] = self.after(*step)
        self.snapshots[name] = answer["snapshot"]

    def warm_up(self):
        """Uploads each size once undisturbed, to know how long it takes."""
        for rows in UPLOAD_ROWS:
            self.upload(self.plan(rows))
        self.check()
        return f"up to {max(self.seconds.values()):.2f} s each"

    def run(self):
        for _ in range(self.rng.randrange(3)):
            self.upload(self.plan())
        step = self.plan()
        killer = self.lakehouse.kill_after(self.rng.uniform(0, self.seconds[step[3]]))
        pending = step
        try:
            self.upload(step)
            pending = None
        except LOST_CONNECTION:
            pass
        killer.join()
        self.lakehouse.restart(self.rng)
        self.check(pending)
        outcome = "acknowledged" if pending is None else "cut"
        return f"{step[1]} of {step[3]} rows, {outcome}"

    def check(self, pending=None):
        """Compares every dataset with what was acknowledged; adopts the outcome of `pending`."""
        server = self.lakehouse.server
        status, listed = server.call("GET", "/catalog/datasets?limit=1000")
        demand(status == 200, "datasets cannot be listed:", status, listed)
        tables = {item["name"]: item for item in listed["items"]
                  if item["name"].startswith("table_")}
        if pending:
            name = pending[0]
            outcomes = [self.datasets.get(name), self.after(*pending)]
            found = self.files_of(name) if name in tables else None
            demand(found in outcomes, name, "is half-visible:", found, "expected one of", outcomes)
            if found is not None:
                self.datasets[name] = found
        demand(set(tables) == set(self.datasets), "datasets differ: there are", sorted(tables),
               "acknowledged were", sorted(self.datasets))
        for name, files in self.datasets.items():
            demand(self.files_of(name) == files, name, "lost or gained rows:",
                   self.files_of(name), "expected", files)
            demand(tables[name]["rows"] == sum(files.values()), name, "counts", tables[name]["rows"],
                   "rows in the catalog, expected", sum(files.values()))
            demand(tables[name]["snapshot"] >= self.snapshots.get(name, 0), name,
                   "went back to snapshot", tables[name]["snapshot"])

    def files_of(self, name):
        """Reads {file_id: rows} through SQL; a file with any wrong row is not what it was."""
        rows = self.lakehouse.server.sql(
            "select file_id, count(*), count(distinct row), max(row) + 1, count(*) filter (payload "
            "= 'payload ' || (row * 7919 % 10007) || ' of ' || file_id) "
            f"from {name} group by all order by 1")
        for file_id, *counts in rows:
            demand(len(set(counts)) == 1, name, "has a damaged file:", file_id, counts)
        return {row[0]: row[1] for row in rows}


class IndexRounds:
    """Indexes a new dataset each round and kills the server while it embeds."""

    def __init__(self, lakehouse, rng):
        self.lakehouse = lakehouse
        self.rng = rng
        self.round = 0
        self.job_seconds = None
        self.texts = {}  # index -> {doc_id: text}

    def warm_up(self):
        """Builds one index undisturbed, to know how long it takes."""
        index, job_id = self.begin()
        self.job_seconds = self.wait_for(job_id)
        self.check(index)
        return f"{self.job_seconds:.1f} s"

    def begin(self):
        """Uploads new documents and starts their index; returns the index and its job."""
        self.round += 1
        source, index = f"docs_{self.round}", f"docs_{self.round}_v1"
        texts = {str(1000 + row): " ".join(self.rng.choices(WORDS, k=8)) + f" number {row}"
                 for row in range(INDEX_ROWS)}
        lines = ["id,bio", *(f"{doc_id},{text}" for doc_id, text in texts.items())]
        status, answer = self.lakehouse.server.ingest(
            f"{source}.csv", ("\n".join(lines) + "\n").encode(), dataset=source)
        demand(status == 200, "an upload was refused:", status, answer)
        status, job = self.lakehouse.server.call(
            "POST", "/vectors/index",
            {"source": source, "id_column": "id", "text_column": "bio", "index_name": index})
        demand(status == 202, "an index was refused:", status, job)
        self.texts[index] = texts
        return index, job["job_id"]

    def run(self):
        index, job_id = self.begin()
        published = self.watch_until_killed(index)
        self.lakehouse.restart(self.rng)
        resumed_at = self.coverage(index)["rows_embedded"]
        demand(resumed_at >= published, index, "lost published rows:", resumed_at, "of", published)
        self.wait_for(job_id)
        self.check(index)
        return f"killed after {published} published rows, went on from {resumed_at}"

    def watch_until_killed(self, index):
        """Kills the server at a random moment; returns the rows last seen as published."""
        killer = self.lakehouse.kill_after(self.rng.uniform(0, self.job_seconds))
        published = 0
        try:
            while killer.is_alive():
                published = self.coverage(index)["rows_embedded"]
                time.sleep(0.02)
        except LOST_CONNECTION:
            pass
        killer.join()
        return published

    def coverage(self, index):
        status, answer = self.lakehouse.server.call("GET", f"/vectors/indexes/{index}")
        demand(status == 200, index, "is gone:", status, answer)
        return answer["coverage"]

    def wait_for(self, job_id):
        start = time.monotonic()
        while time.monotonic() - start < JOB_TIMEOUT_SECONDS:
            status, job = self.lakehouse.server.call("GET", f"/vectors/jobs/{job_id}")
            demand(status == 200, "job", job_id, "is gone:", status, job)
            demand(job["state"] in ("queued", "running", "done"), "the job did not resume:", job)
            if job["state"] == "done":
                demand(job["done"] == job["total"] == INDEX_ROWS, "the job's counts differ:", job)
                return time.monotonic() - start
            time.sleep(0.05)
        raise Failure(f"job {job_id} did not end in {JOB_TIMEOUT_SECONDS} s after the restart")

    def check(self, index):
        """Demands that every document is found once, and each by its own text first."""
        texts = self.texts[index]
        coverage = self.coverage(index)
        demand(coverage == {"rows_embedded": INDEX_ROWS, "rows_total": INDEX_ROWS,
                            "rows_failed": 0}, index, "covers", coverage)
        found = self.search(index, WORDS[0], 2 * INDEX_ROWS)
        demand(sorted(hit["doc_id"] for hit in found) == sorted(texts), index,
               "does not hold every document once:", len(found), "hits")
        for doc_id in self.rng.sample(sorted(texts), 5):
            best = self.search(index, texts[doc_id], 1)[0]
            demand(best["doc_id"] == doc_id and best["text"] == texts[doc_id] and
                   best["score"] > 0.999, "document", doc_id, "is not found by its text:", best)

    def search(self, index, query, top_k):
        status, answer = self.lakehouse.server.call(
            "POST", "/vectors/search", {"index_name": index, "query": query, "top_k": top_k})
        demand(status == 200, "a search failed:", status, answer)
        return answer["results"]


class Survey:
    """Looks once more at everything that the rounds left behind."""

    def __init__(self, lakehouse, ingest, index):
        self.lakehouse = lakehouse
        self.ingest = ingest
        self.index = index

    def run(self):
        self.ingest.check()
        for index in self.index.texts:
            self.index.check(index)
        demand(self.lakehouse.server.stop() == 0, "the server did not drain")
        return f"{len(self.ingest.datasets)} tables, {len(self.index.texts)} indexes"


def run_cases(cases):
    """Runs cases until one fails; returns how many passed."""
    for number, (kind, case) in enumerate(cases):
        start = time.monotonic()
        try:
            outcome = case()
        except (Failure, RuntimeError, *LOST_CONNECTION) as failure:
            print(f"{kind}: FAILED: {failure}", flush=True)
            return number
        print(f"{kind}: {outcome}, {time.monotonic() - start:.1f} s", flush=True)
    return len(cases)


def run_rounds(lakehouse, rounds, rng):
    """Runs the rounds, ingest and index in turn; returns how many cases passed, and of how many."""
    lakehouse.start()
    ingest, index = IngestRounds(lakehouse, rng), IndexRounds(lakehouse, rng)
    cases = [("warm-up of ingest", ingest.warm_up), ("warm-up of index", index.warm_up)]
    cases += [("index", index.run) if number % 2 else ("ingest", ingest.run)
              for number in range(rounds)]
    cases.append(("survey", Survey(lakehouse, ingest, index).run))
    return run_cases(cases), len(cases)


def run_long_job(lakehouse, chunks, kills, rng):
    """Kills one long job; returns how many cases passed, and of how many."""
    lakehouse.start()
    job = LongJob(lakehouse, chunks, rng)
    cases = [("long job begins", job.begin)]
    cases += [("long job", lambda part=part: job.kill((part + rng.random()) / kills))
              for part in range(kills)]
    cases += [("long job ends", job.finish), ("long job's index", job.check)]
    return run_cases(cases), len(cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lakehouse", default=os.path.join(ROOT, "build/release/lakehouse"))
    parser.add_argument("--rounds", type=int, default=50, help="kills, half of them in an ingest")
    parser.add_argument("--chunks", type=int, default=4000, help="of the long job; 0: none")
    parser.add_argument("--kills", type=int, default=3, help="of the long job")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    print(f"--seed {arguments.seed} --rounds {arguments.rounds} --chunks {arguments.chunks} "
          f"--kills {arguments.kills}", flush=True)
    rng = random.Random(arguments.seed)
    folder = tempfile.mkdtemp(prefix="lakehouse-crash-")
    parts = []
    if arguments.rounds:
        lakehouse = Lakehouse(arguments.lakehouse, os.path.join(folder, "rounds"), CONFIG)
        parts.append((lakehouse, lambda it: run_rounds(it, arguments.rounds, rng)))
    if arguments.chunks:
        lakehouse = Lakehouse(arguments.lakehouse, os.path.join(folder, "long"), LongJob.CONFIG)
        parts.append((lakehouse,
                      lambda it: run_long_job(it, arguments.chunks, arguments.kills, rng)))
    passed = cases = 0
    for lakehouse, run in parts:
        try:
            of_part = run(lakehouse)
        finally:
            if lakehouse.server:
                lakehouse.server.kill()
        passed, cases = passed + of_part[0], cases + of_part[1]
    failed = cases - passed
    if failed:
        print(f"the data directories and the servers' logs are kept in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
