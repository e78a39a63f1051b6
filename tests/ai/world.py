"""The world of the suite of models: a data directory and a server of its own for each test."""

import json
import math
import os
import shutil
import tempfile
import time
import unittest

from support.lakehouse import Server
from support.ollama import cached_model

EMBEDDED = "all-MiniLM-L6-v2"
WAIT_SECONDS = 120  # For what must happen by itself.
ENDED = ("done", "failed", "cancelled")
# A server for tests is near, and its failures are to be told soon.
QUICK = {"request_timeout_ms": 5000, "load_timeout_ms": 10000}


def toml_table(header, fields):
    return [header, *(f"{key} = {json.dumps(value)}" for key, value in fields.items())]


def cosine(one, other):
    return sum(map(float.__mul__, one, other)) / (math.hypot(*one) * math.hypot(*other))


class AiTest(unittest.TestCase):
    """Starts Lakehouse on a data directory of its own."""

    lakehouse = None  # Path of the program.
    maxDiff = 2000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lakehouse-ai-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "server.log")
        os.mkdir(self.data)

    def configure(self, providers=(), models=(), secrets=None, **settings):
        """Writes lakehouse.toml: settings of [ai], and the tables of providers and models."""
        settings = {"model_dir": cached_model(EMBEDDED), "precision": "f32", **settings}
        lines = toml_table("[ai]", settings)
        for provider in providers:
            lines += toml_table("[[ai.providers]]", {**QUICK, **provider})
        for model in models:
            lines += toml_table("[[ai.models]]", model)
        with open(os.path.join(self.data, "lakehouse.toml"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        if secrets:
            path = os.path.join(self.data, "secrets.toml")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                      encoding="utf-8") as file:
                for name, key in secrets.items():
                    file.write("\n".join(toml_table(f"[{name}]", {"api_key": key})) + "\n")

    def serve(self):
        """Starts the server; it is killed when the test ends."""
        server = Server(self.lakehouse, self.data, log_path=self.log_path)
        self.addCleanup(server.kill)
        return server

    def restart(self, server):
        self.assertEqual(server.stop(), 0)
        return self.serve()

    def read_log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    # --- Requests ---

    def ask(self, server, method, path, body=None, status=200):
        """One request that must have that status; returns the parsed answer."""
        actual, answer = server.call(method, path, body)
        self.assertEqual(actual, status, answer)
        return answer

    def embed(self, server, texts, status=200, **fields):
        return self.ask(server, "POST", "/ai/embed", {"texts": texts, **fields}, status)

    def vectors(self, server, texts, **fields):
        """Embeds texts that must all succeed."""
        answer = self.embed(server, texts, **fields)
        self.assertEqual([item["index"] for item in answer["embeddings"]], list(range(len(texts))))
        return [item["embedding"] for item in answer["embeddings"]]

    def refusal(self, server, path, body, status):
        """The problem+json of a request that must be refused."""
        problem = self.ask(server, "POST", path, body, status)
        self.assertTrue(problem["detail"], problem)
        return problem["detail"]

    def ingest(self, server, dataset, texts):
        """Makes a dataset of (id, text)."""
        lines = [json.dumps({"id": i, "text": text}) for i, text in enumerate(texts)]
        status, answer = server.ingest(f"{dataset}.ndjson", "\n".join(lines).encode("utf-8"),
                                       dataset=dataset)
        self.assertEqual((status, answer.get("rows")), (200, len(texts)), answer)

    def start_index(self, server, dataset, **fields):
        """Starts an index job; returns its id."""
        answer = self.ask(server, "POST", "/vectors/index", {
            "source": dataset, "id_column": "id", "text_column": "text", **fields}, 202)
        return answer["job_id"]

    def job(self, server, job_id):
        return self.ask(server, "GET", f"/vectors/jobs/{job_id}")

    def wait_job(self, server, job_id, condition=lambda job: job["state"] in ENDED):
        """Waits until the job fulfils the condition; returns it."""
        return self.wait_for(lambda: self.job(server, job_id), condition)

    def wait_for(self, look, condition=bool):
        """Waits until what is seen fulfils the condition; returns it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(seen := look()):
            self.assertLess(time.monotonic(), deadline, f"it never came about; last seen: {seen}")
            time.sleep(0.05)
        return seen

    def build_index(self, server, dataset, texts, failed_items=0, **fields):
        """Ingests texts and builds an index that must get done; returns its job."""
        self.ingest(server, dataset, texts)
        job = self.wait_job(server, self.start_index(server, dataset, **fields))
        self.assertEqual(job["state"], "done", job)
        self.assertEqual((job["done"], job["total"], job["failed_items"]),
                         (len(texts), len(texts), failed_items), job)
        return job

    def search(self, server, index, query, top_k=5, status=200):
        return self.ask(server, "POST", "/vectors/search", {
            "index_name": index, "query": query, "top_k": top_k}, status)

    def found(self, server, index, query, top_k=5):
        """The ids of the nearest documents."""
        return [int(hit["doc_id"]) for hit in self.search(server, index, query, top_k)["results"]]
