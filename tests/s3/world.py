"""The world of the S3 suite: two real servers, and a data directory of its own for each test."""

import http.client
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from support.lakehouse import Server

DONE, FAILED, WRONG_USE, NOT_FOUND, CONFLICT, REFUSED, UNAVAILABLE = range(7)
LOST_CONNECTION = (OSError, http.client.HTTPException)
WAIT_SECONDS = 60  # For what must happen by itself.
# Failures are to be told soon, not repeated for the minute that production allows.
QUICK = ["[storage]", "request_timeout_ms = 4000", "connect_timeout_ms = 1000", "max_retries = 2"]
PEOPLE = b"""id,name,bio
1,Ana,Night-shift nurse who speaks Spanish and English
2,Bo,Java developer with ten years of banking software
3,Cem,Certified forklift operator for day shifts only
4,Dia,Pastry baker who starts at four in the morning
"""


def quote_key(key):
    return urllib.parse.quote(key, safe="/-_.~")


def objects_path(bucket, key=""):
    """The route of a raw object, or of all of them."""
    path = f"/storage/buckets/{urllib.parse.quote(bucket)}/objects"
    return f"{path}/{quote_key(key)}" if key else path


def numbers_csv(first, count):
    """Rows that say which they are: (n, square)."""
    rows = [f"{n},{n * n}" for n in range(first, first + count)]
    return ("\n".join(["n,square", *rows]) + "\n").encode()


class Buckets:
    """Makes buckets with names of their own on the shared servers."""

    numbers = itertools.count(1)

    @classmethod
    def make(cls, server, stem="lake"):
        name = f"{stem}-{next(cls.numbers)}"
        server.make_bucket(name)
        return name


def bucket_table(name, bucket, server, **settings):
    """The lines of lakehouse.toml for a bucket of `server`; `settings` win."""
    fields = {"name": name, "backend": "s3", "bucket": bucket, "endpoint": server.endpoint,
              "credentials": server.kind, **settings}
    return ["[[storage.buckets]]", *(f"{key} = {json.dumps(value)}"
                                     for key, value in fields.items())]


def all_keys(server, bucket, prefix=""):
    """Every key that the S3 server lists."""
    keys, token = [], None
    while True:
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        if token:
            query["continuation-token"] = token
        answer = server.send("GET", f"/{bucket}", query=query)
        if answer.status != 200:
            raise RuntimeError(f"no listing of {bucket}: {answer}")
        text = answer.body.decode()
        keys += [urllib.parse.unquote_plus(part.split("</Key>")[0])
                 for part in text.split("<Key>")[1:]]
        if "<IsTruncated>true" not in text:
            return keys
        token = text.split("<NextContinuationToken>")[1].split("<")[0]


class S3Test(unittest.TestCase):
    """Starts Lakehouse on a data directory of its own beside the shared S3 servers."""

    lakehouse = None  # Path of the program.
    minio = None
    versitygw = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lakehouse-s3-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "server.log")
        os.mkdir(self.data)
        self.write_secrets({server.kind: server for server in self.servers()})

    def servers(self):
        return (self.minio, self.versitygw)

    def write_secrets(self, servers, data=None):
        """Writes secrets.toml: the keys of each server under a name."""
        path = os.path.join(data or self.data, "secrets.toml")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            for name, server in servers.items():
                file.write(f'[{name}]\naccess_key_id = "{server.access_key_id}"\n'
                           f'secret_access_key = "{server.secret_access_key}"\n')

    def configure(self, *tables, settings=QUICK, data=None):
        with open(os.path.join(data or self.data, "lakehouse.toml"), "w",
                  encoding="utf-8") as file:
            for lines in (settings, *tables):
                file.write("\n".join(lines) + "\n")

    def serve(self, data=None):
        """Starts the server; it is killed when the test ends."""
        server = Server(self.lakehouse, data or self.data, log_path=self.log_path)
        self.addCleanup(server.kill)
        return server

    def restart(self, server):
        self.assertEqual(server.stop(), 0)
        return self.serve()

    def run_cli(self, *arguments):
        """Runs a command on the data directory, or on the server that serves it."""
        return subprocess.run([self.lakehouse, "--data", self.data, *arguments], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=300)

    def stop_for_now(self, server):
        """Stops an S3 server; it runs again for the next test at the latest."""
        server.stop()
        self.addCleanup(self.start_again, server)

    @staticmethod
    def start_again(server):
        if server.pid is None:
            server.start()

    def ask(self, server, method, path, body=None, headers=None):
        """One request; returns the status, the headers in lower case, and the body."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc,
                                                timeout=120)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return (answer.status, {name.lower(): value for name, value in answer.getheaders()},
                    answer.read())
        finally:
            connection.close()

    def ingest(self, server, dataset, content, bucket=None, mode="create"):
        """An ingest that must succeed."""
        status, answer = server.ingest(f"{dataset}.csv", content, bucket=bucket, dataset=dataset,
                                       mode=mode)
        self.assertEqual(status, 200, answer)
        return answer

    def put(self, server, bucket, key, content):
        status, answer = server.send("PUT", objects_path(bucket, key), content,
                                     {"Content-Type": "application/octet-stream"})
        self.assertEqual(status, 200, (key, answer))

    def add_bucket(self, server, name, bucket, s3_server, **fields):
        """Provisions a bucket of an S3 server; returns the status and the answer."""
        return server.call("POST", "/storage/buckets",
                           {"name": name, "bucket": bucket, "endpoint": s3_server.endpoint,
                            "credentials": s3_server.kind, **fields})

    def expect_problem(self, answer, status, code, *words):
        """Looks at the (status, body) of a request that must have failed."""
        self.assertEqual((answer[0], answer[1].get("code")), (status, code), answer[1])
        for word in words:
            self.assertIn(word.lower(), answer[1]["detail"].lower())

    def ask_sql(self, server, text):
        """The status and the answer to one statement."""
        return server.call("POST", "/query/sql", {"sql": text})

    def eventually(self, question, what):
        """Asks until the answer is true; returns it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = question()
            if answer:
                return answer
            if time.monotonic() > deadline:
                self.fail(f"not within {WAIT_SECONDS} s: {what}")
            time.sleep(0.1)

    def await_sql(self, server, text, rows):
        """Waits until a statement answers these rows; until then it may be unavailable only."""
        def asked():
            status, answer = self.ask_sql(server, text)
            if status == 200:
                self.assertEqual(answer["rows"], rows)
                return True
            self.expect_problem((status, answer), 503, "unavailable")
            return False

        self.eventually(asked, text)

    def await_job(self, server, job_id):
        """Waits for the end of a job that must succeed."""
        def ended():
            status, job = server.call("GET", f"/vectors/jobs/{job_id}")
            self.assertEqual(status, 200, job)
            return job if job["state"] not in ("queued", "running") else None

        job = self.eventually(ended, f"the end of job {job_id}")
        self.assertEqual(job["state"], "done", job)
        return job

    def build_index(self, server, dataset, name):
        status, answer = server.call("POST", "/vectors/index", {
            "source": dataset, "index_name": name, "id_column": "id", "text_column": "bio"})
        self.assertEqual(status, 202, answer)
        self.await_job(server, answer["job_id"])

    def find(self, server, index, query):
        """The document ids that a search finds, nearest first."""
        status, answer = server.call("POST", "/vectors/search", {
            "index_name": index, "query": query, "top_k": 3})
        self.assertEqual(status, 200, answer)
        return [hit["doc_id"] for hit in answer["results"]]

    def start_move(self, server, kind, name, bucket):
        """Starts moving a dataset ("catalog/datasets") or an index ("vectors/indexes")."""
        status, answer = server.call("PATCH", f"/{kind}/{name}", {"bucket": bucket})
        self.assertEqual(status, 202, answer)
        return answer["job_id"]

    def bucket_of(self, server, dataset):
        status, answer = server.call("GET", f"/catalog/datasets/{dataset}")
        self.assertEqual(status, 200, answer)
        return answer["bucket"]
