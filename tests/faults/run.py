#!/usr/bin/env python3
"""Faults every S3 request of seven workflows in every way, and looks for what was lost.

Between the program and a real S3 server stands a proxy that breaks one request at a time. A workflow
runs once undisturbed, which tells how many requests it makes; then once for every request and every
fault. After each run the fault is gone and must have left the whole of the change or nothing of it,
and all of it when it was acknowledged; at the end a new process must find the same in the bucket.
"""

import argparse
import os
import random
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support.fault_proxy import FAULTS, FaultProxy  # pylint: disable=wrong-import-position
from support.lakehouse import Server  # pylint: disable=wrong-import-position
from support.primary import bucket_table, write_secret  # pylint: disable=wrong-import-position
from support.s3_servers import KINDS, S3Server  # pylint: disable=wrong-import-position

# A request that says nothing for a while is given up after this; every operation after a minute at
# most, which no run comes near.
SETTINGS = ["storage.stall_timeout_ms = 300", "storage.connect_timeout_ms = 1000",
            "storage.request_timeout_ms = 8000", "storage.cache_bytes = 0",
            'log.level = "error"']
DEADLINE_SECONDS = 60
ENDED = ("done", "failed", "cancelled")
ROWS = 3


def csv(first, rows=ROWS):
    """Rows with ids from `first` on."""
    lines = [f"{i},the text of row {i}" for i in range(first, first + rows)]
    return ("id,text\n" + "\n".join(lines) + "\n").encode()


class Failure(Exception):
    """What the fault did that it must not."""


class Lake:
    """The program under test, and what it has acknowledged."""

    def __init__(self, lakehouse, data):
        self.lakehouse, self.data = lakehouse, data
        self.server = Server(lakehouse, data)
        self.datasets = {}  # Name -> the numbers of rows that it may have, None for no data set.
        self.objects = {}   # Key -> the contents that it may have, None for none.

    def restart(self):
        self.server.stop()
        self.server.kill()
        self.server = Server(self.lakehouse, self.data)

    def ingest(self, name, content, mode):
        return self.server.ingest(f"{name}.csv", content, dataset=name, mode=mode)[0] == 200

    def count(self, name):
        """The rows of a data set; None when there is none."""
        status, answer = self.server.call("POST", "/query/sql",
                                          {"sql": f"select count(*), sum(id) from {name}"})
        if status == 200:
            return answer["rows"][0]
        if status == 400 or status == 404:
            return None
        raise Failure(f"{name} cannot be queried after the fault is gone: HTTP {status} {answer}")

    def read(self, key):
        status, body = self.server.send("GET", f"/storage/buckets/primary/objects/{key}")
        if status not in (200, 404):
            raise Failure(f"{key} cannot be read after the fault is gone: HTTP {status}")
        return body if status == 200 else None

    def run_job(self, answer):
        """Waits for the job of a 202 answer; True when it is done."""
        status, body = answer
        if status != 202:
            return False
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            status, job = self.server.call("GET", f"/vectors/jobs/{body['job_id']}")
            if status == 200 and job["state"] in ENDED:
                return job["state"] == "done"
            if time.monotonic() > deadline:
                raise Failure(f"the job did not end: HTTP {status} {job}")
            time.sleep(0.02)

    def expect_dataset(self, name, *allowed):
        self.datasets[name] = allowed
        self.check_dataset(name)

    def check_dataset(self, name):
        actual = self.count(name)
        if actual not in self.datasets[name]:
            raise Failure(f"{name} has {actual}, expected one of {self.datasets[name]}")
        # What was seen once stays.
        self.datasets[name] = (actual,)

    def expect_object(self, key, *allowed):
        self.objects[key] = allowed
        self.check_object(key)

    def check_object(self, key):
        actual = self.read(key)
        if actual not in self.objects[key]:
            shown = None if actual is None else f"{len(actual)} bytes"
            raise Failure(f"{key} has {shown}, which was never written")
        self.objects[key] = (actual,)


def rows(*firsts):
    """Count and sum of ids of the rows that begin at `firsts`."""
    ids = [i for first in firsts for i in range(first, first + ROWS)]
    return [len(ids), sum(ids)]


class Workflow:
    """One change. `prepare` comes before the fault, `change` under it; `change` says whether it was
    acknowledged; `check` then says what must be true."""

    def prepare(self, lake, name):
        pass


class Create(Workflow):
    def change(self, lake, name):
        return lake.ingest(name, csv(1), "create")

    def check(self, lake, name, acknowledged):
        lake.expect_dataset(name, rows(1), *([] if acknowledged else [None]))


class Append(Workflow):
    def prepare(self, lake, name):
        if not lake.ingest(name, csv(1), "create"):
            raise Failure("the first rows were refused")

    def change(self, lake, name):
        return lake.ingest(name, csv(100), "append")

    def check(self, lake, name, acknowledged):
        lake.expect_dataset(name, rows(1, 100), *([] if acknowledged else [rows(1)]))


class Replace(Append):
    def change(self, lake, name):
        return lake.ingest(name, csv(100), "replace")

    def check(self, lake, name, acknowledged):
        lake.expect_dataset(name, rows(100), *([] if acknowledged else [rows(1)]))


class Drop(Append):
    def change(self, lake, name):
        return lake.server.call("DELETE", f"/catalog/datasets/{name}")[0] == 200

    def check(self, lake, name, acknowledged):
        lake.expect_dataset(name, None, *([] if acknowledged else [rows(1)]))


class Move(Append):
    """From the local bucket to the one on S3."""

    def prepare(self, lake, name):
        status, answer = lake.server.send_form(f"{name}.csv", csv(1), {"dataset": name},
                                               {"X-Lakehouse-Bucket": "disk"})
        if status != 200:
            raise Failure(f"the first rows were refused: {answer}")

    def change(self, lake, name):
        return lake.run_job(lake.server.call("PATCH", f"/catalog/datasets/{name}",
                                             {"bucket": "primary"}))

    def check(self, lake, name, acknowledged):
        lake.expect_dataset(name, rows(1))
        bucket = lake.server.call("GET", f"/catalog/datasets/{name}")[1]["bucket"]
        if acknowledged and bucket != "primary":
            raise Failure(f"{name} was moved, and is in {bucket}")


class Index(Append):
    def change(self, lake, name):
        return lake.run_job(lake.server.call("POST", "/vectors/index", {
            "source": name, "id_column": "id", "text_column": "text",
            "index_name": f"{name}_index"}))

    def check(self, lake, name, acknowledged):
        lake.expect_dataset(name, rows(1))
        status, answer = lake.server.call("POST", "/vectors/search", {
            "index_name": f"{name}_index", "query": "the text of row 2", "top_k": 10})
        if status == 404 and not acknowledged:
            return
        found = answer["coverage"]["rows_embedded"] if status == 200 else None
        hits = sorted(hit["doc_id"] for hit in answer["results"]) if status == 200 else []
        if status != 200 or len(hits) != found or (acknowledged and found != ROWS):
            raise Failure(f"the index answers HTTP {status} with {hits}: {answer}")


class PutObject(Workflow):
    """Larger than one part: a multipart upload, which may only replace what it knows."""

    BODY = random.Random(7).randbytes(20 << 20)
    OLD = b"old"

    def prepare(self, lake, name):
        status, answer = lake.server.call_bytes("PUT", self.path(name), self.OLD)
        if status != 200:
            raise Failure(f"the first object was refused: {answer}")
        self.version = answer["version"]

    def path(self, name):
        return f"/storage/buckets/primary/objects/{name}"

    def change(self, lake, name):
        return lake.server.call_bytes("PUT", self.path(name), self.BODY,
                                      {"If-Match": f'"{self.version}"'})[0] == 200

    def check(self, lake, name, acknowledged):
        lake.expect_object(name, self.BODY, *([] if acknowledged else [self.OLD]))


WORKFLOWS = {"create": Create, "append": Append, "replace": Replace, "drop": Drop, "move": Move,
             "index": Index, "put": PutObject}


class Suite:
    """All runs against one S3 server."""

    def __init__(self, lake, proxy, options):
        self.lake, self.proxy, self.options = lake, proxy, options
        self.runs = self.failed = 0

    def run_all(self):
        for word in self.options.workflows:
            workflow = WORKFLOWS[word]()
            count = self.count_requests(word, workflow)
            started, before = time.monotonic(), self.failed
            for fault in self.options.faults:
                for number in range(1, count + 1):
                    self.run(f"{word}_{fault}_{number}", workflow, fault, number)
            self.runs_of(word, count, time.monotonic() - started, self.failed - before)

    def runs_of(self, word, count, seconds, failed):
        print(f"{'FAIL' if failed else 'ok  '} {word}: {count} requests x "
              f"{len(self.options.faults)} faults, {seconds:.1f} s", flush=True)

    def count_requests(self, word, workflow):
        name = f"{word}_undisturbed"
        workflow.prepare(self.lake, name)
        self.proxy.clear()
        if not workflow.change(self.lake, name):
            raise Failure(f"{word} fails without a fault")
        count = len(self.proxy.log())
        workflow.check(self.lake, name, True)
        return count

    def run(self, name, workflow, fault, number):
        self.runs += 1
        try:
            workflow.prepare(self.lake, name)
            self.proxy.clear()
            self.proxy.add(fault, number=number)
            started = time.monotonic()
            acknowledged = workflow.change(self.lake, name)
            seconds = time.monotonic() - started
            self.proxy.clear()
            if seconds > DEADLINE_SECONDS:
                raise Failure(f"took {seconds:.0f} s")
            workflow.check(self.lake, name, acknowledged)
        except (Failure, OSError, KeyError, ValueError) as error:
            self.failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
        finally:
            self.proxy.clear()

    def check_everything(self, when):
        """Everything that was ever seen is there, and nothing else."""
        self.runs += 1
        lost = []
        for name in self.lake.datasets:
            try:
                self.lake.check_dataset(name)
            except (Failure, OSError) as error:
                lost.append(str(error))
        for key in self.lake.objects:
            try:
                self.lake.check_object(key)
            except (Failure, OSError) as error:
                lost.append(str(error))
        self.failed += bool(lost)
        print(f"FAIL {when}: {lost[:10]}" if lost else
              f"ok   {when}: {len(self.lake.datasets)} data sets, {len(self.lake.objects)} objects",
              flush=True)


def write_config(data, proxy, server):
    server.make_bucket("lake")
    lines = SETTINGS + bucket_table("primary", "lake", server, proxy.endpoint)
    lines += ["[[storage.buckets]]", 'name = "disk"']
    with open(os.path.join(data, "lakehouse.toml"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    write_secret(data, "test", server)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lakehouse", required=True, help="the program to test")
    parser.add_argument("--s3", choices=KINDS, default="versitygw", help="the server behind")
    parser.add_argument("--workflows", nargs="+", choices=WORKFLOWS, default=list(WORKFLOWS))
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    return parser.parse_args()


def main():
    options = parse_arguments()
    with S3Server(options.s3) as server, FaultProxy(server.endpoint) as proxy, \
            tempfile.TemporaryDirectory(prefix="lakehouse-faults-") as data:
        write_config(data, proxy, server)
        lake = Lake(os.path.abspath(options.lakehouse), data)
        try:
            suite = Suite(lake, proxy, options)
            suite.run_all()
            suite.check_everything("the same process")
            lake.restart()
            suite.check_everything("a new process")
        finally:
            lake.server.kill()
    print(f"{suite.runs - suite.failed} passed, {suite.failed} failed")
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
