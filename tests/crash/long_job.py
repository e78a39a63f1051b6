"""One long index job that is killed again and again, and must embed every text once."""

import http.client
import json
import re
import time

from lakehouse_under_fire import LOST_CONNECTION, WORDS, demand

EMBEDDED_TEXTS = re.compile(r"^lakehouse_embedded_texts_total(?:\{[^}]*\})? (\d+)", re.MULTILINE)
STALL_SECONDS = 120
POLL_SECONDS = 0.02
WORDS_PER_TEXT = 20
# Every so many rows one has no id; none of its text may be in the index.
ROWS_PER_FAILURE = 500
# What one kill may cost: vectors live in the process for a quarter of a second before they are
# written, those of the calls under way (three, of up to 128 short texts) have none yet, and the
# last look at the counter is a little old.
SECONDS_IN_FLIGHT = 0.6
TEXTS_IN_FLIGHT = 3 * 128


class LongJob:
    """Builds one index over texts that are all different; knows what was embedded how often."""

    CONFIG = "[search]\nrows_per_part = 512\n"

    def __init__(self, lakehouse, chunks, rng):
        self.lakehouse = lakehouse
        self.rng = rng
        self.texts = {}  # doc_id -> text
        self.failures = chunks // ROWS_PER_FAILURE
        self.rows = self.failures * ROWS_PER_FAILURE if self.failures else chunks
        self.job_id = None
        self.embedded = []  # Texts that each process embedded, as last seen.
        self.allowed = 0    # How many of them may have been embedded before.

    def begin(self):
        """Uploads the documents and starts their index."""
        lines = ["id,bio"]
        for row in range(self.rows):
            text = f"number {row} " + " ".join(self.rng.choices(WORDS, k=WORDS_PER_TEXT))
            if (row + 1) % ROWS_PER_FAILURE == 0:
                lines.append(f",{text}")
            else:
                self.texts[str(row)] = text
                lines.append(f"{row},{text}")
        status, answer = self.lakehouse.server.ingest(
            "docs.csv", ("\n".join(lines) + "\n").encode(), dataset="docs")
        demand(status == 200, "an upload was refused:", status, answer)
        status, job = self.lakehouse.server.call(
            "POST", "/vectors/index",
            {"source": "docs", "id_column": "id", "text_column": "bio", "index_name": "docs_v1"})
        demand(status == 202, "an index was refused:", status, job)
        self.job_id = job["job_id"]
        return f"{len(self.texts)} texts, {self.failures} rows without an id"

    def kill(self, share):
        """Kills the server when that share of the rows is done."""
        rate = self.watch(lambda done: done >= share * self.rows)
        time.sleep(self.rng.uniform(0, 0.3))
        self.note_embedded()
        self.lakehouse.server.kill()
        self.allowed += TEXTS_IN_FLIGHT + rate * SECONDS_IN_FLIGHT
        embedded = self.embedded[-1]
        self.lakehouse.start()
        return f"killed at {share:.0%}, the process had embedded {embedded} texts"

    def finish(self):
        """Waits for the end and adds up what all processes embedded."""
        self.watch(lambda done: False)
        self.note_embedded()
        job = self.job()
        demand(job["done"] == job["total"] == self.rows, "the job's counts differ:", job)
        demand(job["failed_items"] == self.failures, "the job counts", job["failed_items"],
               "failed rows instead of", self.failures)
        demand(len(job["failed"]) == min(self.failures, 100) and
               all("NULL" in item["reason"] for item in job["failed"]), "failed rows:",
               job["failed"])
        total = sum(self.embedded)
        repeated = total - len(self.texts)
        demand(repeated <= self.allowed, repeated, "texts were embedded again, at most",
               round(self.allowed), "were under way")
        return (f"{total} texts embedded by {len(self.embedded)} processes, {repeated} of them "
                f"again ({repeated / len(self.texts):.2%})")

    def check(self):
        """Demands that the index holds every document exactly once."""
        status, index = self.lakehouse.server.call("GET", "/vectors/indexes/docs_v1")
        demand(status == 200 and index["complete"], "the index is not complete:", status, index)
        demand(index["coverage"] == {"rows_embedded": len(self.texts), "rows_total": self.rows,
                                     "rows_failed": self.failures}, "it covers", index["coverage"])
        demand(index["chunks"] == len(self.texts), "it has", index["chunks"], "chunks")
        connection = http.client.HTTPConnection(self.lakehouse.server.url.removeprefix("http://"))
        for doc_id, text in self.texts.items():
            connection.request("GET", f"/vectors/doc/docs_v1/{doc_id}")
            answer = json.loads(connection.getresponse().read())
            chunks = answer.get("chunks", [])
            demand([chunk["text"] for chunk in chunks] == [text], "document", doc_id,
                   "is not there once:", answer)
        connection.close()
        for doc_id in self.rng.sample(sorted(self.texts), 20):
            status, answer = self.lakehouse.server.call(
                "POST", "/vectors/search",
                {"index_name": "docs_v1", "query": self.texts[doc_id], "top_k": 1})
            demand(status == 200 and answer["results"][0]["doc_id"] == doc_id,
                   "document", doc_id, "is not found by its text:", answer)
        demand(self.lakehouse.server.stop() == 0, "the server did not drain")
        return f"each of {len(self.texts)} documents is there once"

    def job(self):
        status, job = self.lakehouse.server.call("GET", f"/vectors/jobs/{self.job_id}")
        demand(status == 200, "the job is gone:", status, job)
        demand(job["state"] in ("queued", "running", "done"), "the job stopped:", job)
        return job

    def watch(self, reached):
        """Waits until the job has ended or reached(rows done); returns its rate in rows/s."""
        self.embedded.append(0)
        start = moved = time.monotonic()
        first = last = None
        while True:
            job = self.job()
            self.note_embedded()
            now = time.monotonic()
            if first is None and job["state"] == "running":
                first, start = job["done"], now
            if job["done"] != last:
                last, moved = job["done"], now
            if job["state"] == "done" or reached(job["done"]):
                return (last - (first or 0)) / max(now - start, 1e-3)
            demand(now - moved < STALL_SECONDS, "the job stands still:", job)
            time.sleep(POLL_SECONDS)

    def note_embedded(self):
        """Reads how many texts the present process has embedded."""
        try:
            status, text = self.lakehouse.server.send("GET", "/metrics")
        except LOST_CONNECTION:
            return
        demand(status == 200, "no metrics:", status)
        self.embedded[-1] = sum(int(count) for count in EMBEDDED_TEXTS.findall(text.decode()))
