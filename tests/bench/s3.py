#!/usr/bin/env python3
"""Measures scans and small reads of a MinIO server beside curl and boto3 on the same objects.

A scan is one query over rows of random hex digits that lie as Parquet in `primary`: cold (without
the block cache, in a fresh process), cached (a fresh process, the blocks on the local disk) and hot
(the same process again). Beside the cold one stands curl, which reads the byte ranges that a cold
scan was seen to read, as many at a time as the scan did. Both sides take turns.
"""

import argparse
import binascii
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
# pylint: disable=wrong-import-position
from support.fault_proxy import FaultProxy
from support.lakehouse import Server
from support.primary import bucket_table, write_secret
from support.s3_servers import S3Server, cached_path

BUCKET = "bench"
SCAN = "select count(*), max(h) from blob"
FILES = 8
LINE_DIGITS = 64
SMALL_OBJECTS = 200
SMALL_BYTES = 4096
DEFAULT_MIB = 256
DEFAULT_RUNS = 5


class Recorder(FaultProxy):
    """Passes everything on and counts how many requests were under way at once."""

    def __init__(self, upstream):
        super().__init__(upstream)
        self.under_way = self.most_under_way = 0
        self.counting = threading.Lock()

    def receive(self, method, target, headers, body_bytes):
        with self.counting:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        return super().receive(method, target, headers, body_bytes)

    def change(self, request, target, answer):
        with self.counting:
            self.under_way -= 1
        return super().change(request, target, answer)


def boto3_client(server):
    sys.path.append(cached_path("boto3"))
    import boto3  # pylint: disable=import-outside-toplevel,import-error
    return boto3.client("s3", endpoint_url=server.endpoint, region_name=server.region,
                        aws_access_key_id=server.access_key_id,
                        aws_secret_access_key=server.secret_access_key)


class Bench:
    """A data directory whose `primary` is a bucket of a MinIO server."""

    def __init__(self, build, server, folder):
        self.lakehouse = os.path.join(build, "lakehouse")
        self.program = os.path.join(build, "lakehouse-bench")
        self.server = server
        self.client = boto3_client(server)
        self.folder = folder
        self.data = os.path.join(folder, "data")
        os.mkdir(self.data)
        write_secret(self.data, "test", server)
        server.make_bucket(BUCKET)

    def serve(self, endpoint=None, keep_cache=True):
        """Starts a process of its own that reaches the bucket by way of `endpoint`."""
        if not keep_cache:
            shutil.rmtree(os.path.join(self.data, "cache"), ignore_errors=True)
        lines = bucket_table("primary", BUCKET, self.server, endpoint)
        with open(os.path.join(self.data, "lakehouse.toml"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return Server(self.lakehouse, self.data)

    def fill(self, mib):
        """Ingests FILES files until they hold about `mib` MiB of Parquet; returns the bytes."""
        rows = mib * (1 << 20) // FILES // LINE_DIGITS
        size = 0
        with self.serve() as server:
            while size < 0.99 * mib * (1 << 20):
                digits = binascii.hexlify(os.urandom(rows * LINE_DIGITS // 2), "\n",
                                          LINE_DIGITS // 2)
                status, answer = server.ingest("blob.csv", b"h\n" + digits + b"\n", dataset="blob",
                                               mode="append")
                if status != 200:
                    raise RuntimeError(f"no ingest: {answer}")
                size = server.call("GET", "/catalog/datasets/blob")[1]["bytes"]
            server.stop()
        return size

    def record(self):
        """Returns the ranges that a cold scan reads, and how many of them at a time."""
        with Recorder(self.server.endpoint) as recorder:
            with self.serve(recorder.endpoint, keep_cache=False) as server:
                recorder.clear()
                recorder.most_under_way = 0
                server.sql(SCAN)
                log = recorder.log()
                server.stop()
        ranges = [(request.key, request.headers.get("range")) for request in log
                  if request.operation == "GetObject"]
        if not ranges or any(not span for _, span in ranges):
            raise RuntimeError(f"a scan was expected to read ranges, it read {ranges[:5]}")
        return ranges, recorder.most_under_way

    @staticmethod
    def timed_scan(server):
        start = time.perf_counter()
        rows = server.sql(SCAN)
        return time.perf_counter() - start, rows

    def scan(self):
        """Returns the seconds of a cold, a cached and a hot scan, and their rows."""
        with self.serve(keep_cache=False) as server:
            cold, rows = self.timed_scan(server)
            server.stop()
        with self.serve() as server:
            cached, cached_rows = self.timed_scan(server)
            hot, hot_rows = self.timed_scan(server)
            server.stop()
        if not rows == cached_rows == hot_rows:
            raise RuntimeError(f"the rows differ: {rows}, {cached_rows}, {hot_rows}")
        return cold, cached, hot

    def curl(self, ranges, parallel):
        """Reads the ranges with curl; returns the seconds."""
        path = os.path.join(self.folder, "curl.conf")
        sections = []
        for key, span in ranges:
            url = self.client.generate_presigned_url("get_object",
                                                     Params={"Bucket": BUCKET, "Key": key})
            sections.append(f'url = "{url}"\nrange = "{span.removeprefix("bytes=")}"\n'
                            'output = "/dev/null"\nwrite-out = "%{size_download}\\n"\n'
                            'fail\nno-progress-meter\n')
        with open(path, "w", encoding="utf-8") as file:
            file.write("next\n".join(sections))
        start = time.perf_counter()
        run = subprocess.run(["curl", "--parallel", "--parallel-max",
                              str(parallel), "--config", path], check=True,
                             stdout=subprocess.PIPE)
        seconds = time.perf_counter() - start
        read = sum(int(line) for line in run.stdout.split())
        if read != range_bytes(ranges):
            raise RuntimeError(f"curl read {read} bytes, expected {range_bytes(ranges)}")
        return seconds

    def bench_scan(self, mib, runs):
        parquet = self.fill(mib)
        ranges, parallel = self.record()
        scans, peers = [], []
        for _ in range(runs):
            scans.append(self.scan())
            peers.append(self.curl(ranges, parallel))
        cold, cached, hot = (statistics.median(times) for times in zip(*scans))
        return {"parquet_bytes": parquet, "requests": len(ranges), "parallel_requests": parallel,
                "read_bytes": range_bytes(ranges), "cold_seconds": cold, "cached_seconds": cached,
                "hot_seconds": hot, "curl_seconds": statistics.median(peers),
                "cold_ratio": statistics.median(scan[0] / peer
                                                for scan, peer in zip(scans, peers))}

    def boto3_p50(self, keys):
        """The median of one GET in microseconds."""
        times = []
        for key in keys:
            start = time.perf_counter()
            self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e6

    def our_p50(self):
        # Blocks on the local disk would be no requests; every object is asked for once.
        shutil.rmtree(os.path.join(self.data, "cache"), ignore_errors=True)
        answer = subprocess.run([self.program, "s3", "--data", self.data, "--prefix", "small/",
                                 "--runs", "1"], check=True, stdout=subprocess.PIPE).stdout
        answer = json.loads(answer)["get"]
        if answer["count"] != SMALL_OBJECTS:
            raise RuntimeError(f"expected {SMALL_OBJECTS} objects: {answer}")
        return answer["p50_us"]

    def bench_small(self, runs):
        keys = [f"small/{number:03}" for number in range(SMALL_OBJECTS)]
        for key in keys:
            self.client.put_object(Bucket=BUCKET, Key=key, Body=os.urandom(SMALL_BYTES))
        ours, peers = [], []
        for _ in range(runs):
            ours.append(self.our_p50())
            peers.append(self.boto3_p50(keys))
        return {"get_p50_us": statistics.median(ours), "boto3_p50_us": statistics.median(peers),
                "get_ratio": statistics.median(our / peer for our, peer in zip(ours, peers))}


def range_bytes(ranges):
    total = 0
    for _, span in ranges:
        first, last = span.removeprefix("bytes=").split("-")
        total += int(last) - int(first) + 1
    return total


def measure(build, mib=DEFAULT_MIB, runs=DEFAULT_RUNS):
    """Runs everything; returns one dictionary. To be called from the main thread."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-bench-s3-") as folder, \
            S3Server("minio") as server:
        bench = Bench(build, server, folder)
        return {"runs": runs, **bench.bench_scan(mib, runs), **bench.bench_small(runs)}


def rows(answer):
    """The rows of tools/bench: what, which, how long, beside."""
    mib = answer["read_bytes"] / (1 << 20)
    cold = answer["cold_seconds"]
    yield ("s3", f"scan of {answer['parquet_bytes'] / (1 << 20):.0f} MiB of Parquet, cold",
           f"{cold:.2f} s, curl {answer['curl_seconds']:.2f} s",
           f"{answer['cold_ratio']:.2f} of curl, {mib / cold:.0f} MiB/s in {answer['requests']} "
           f"ranges, {answer['parallel_requests']} at a time")
    for name in ("cached", "hot"):
        seconds = answer[f"{name}_seconds"]
        yield "s3", f"the same scan, {name}", f"{seconds:.2f} s", f"{seconds / cold:.2f} of cold"
    yield ("s3", f"GET of {SMALL_BYTES // 1024} KiB, median",
           f"{answer['get_p50_us']:.0f} us, boto3 {answer['boto3_p50_us']:.0f} us",
           f"{answer['get_ratio']:.2f} of boto3")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="where the programs are")
    parser.add_argument("--mib", type=int, default=DEFAULT_MIB, help="Parquet to scan")
    parser.add_argument("--runs", type=int, default=DEFAULT_RUNS, help="turns of each side")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    answer = measure(os.path.abspath(arguments.build), arguments.mib, arguments.runs)
    if arguments.json:
        print(json.dumps(answer))
        return
    for what, name, result, beside in rows(answer):
        print(f"{what:<8} {name:<60} {result:<36} {beside}")


if __name__ == "__main__":
    main()
