#!/usr/bin/env python3
"""Starts real S3 servers for tests: MinIO and versitygw, on loopback, each in a folder of its own.

As a program it prints one JSON line when the server is ready, obeys the lines of its standard
input (make_bucket NAME, stop, start), answers each with one JSON line, and ends with its input.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

try:
    from support import s3_request
except ImportError:
    import s3_request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REGION = "us-east-1"
KINDS = ("minio", "versitygw")
READY_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 10
ATTEMPTS = 5  # Somebody else may take a free port before the server does.


def cached_path(name):
    """The file or folder of the lock called `name`; raises where tools/bootstrap has not been."""
    cache = os.environ.get("LAKEHOUSE_CACHE") or os.path.expanduser("~/.cache/lakehouse")
    with open(os.path.join(ROOT, "tools/dependencies.lock"), encoding="utf-8") as lock:
        fields = [line.split() for line in lock]
    locked = [words[1] for words in fields if words[:1] in (["file"], ["tree"], ["built"])
              and os.path.basename(words[1]).split("-")[0] == name]
    if len(locked) != 1:
        raise RuntimeError(f"tools/dependencies.lock names {len(locked)} files {name}, expected 1")
    path = os.path.join(cache, locked[0])
    if not os.path.exists(path):
        raise RuntimeError(f"{path} is missing: run tools/bootstrap test")
    return path


def make_certificates(folder):
    """Writes ca.crt, and public.crt with private.key, which it signed for loopback names."""
    def path(name):
        return os.path.join(folder, name)

    def request(subject, *options):
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec",
                        "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={subject}",
                        *options], check=True, capture_output=True)

    request("Lakehouse test CA", "-keyout", path("ca.key"), "-out", path("ca.crt"),
            "-addext", "keyUsage=critical,keyCertSign")
    request("localhost", "-keyout", path("private.key"), "-out", path("public.crt"),
            "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.localhost")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class S3Server:
    """One S3 server; started on entry of a `with`, ended and removed on exit.

    Buckets are reached by path at `endpoint` and as virtual hosts below localhost at the same
    port. The server dies with the thread that called start(), however that ends: start it from the
    main thread.
    """

    def __init__(self, kind, tls=False):
        if kind not in KINDS:
            raise ValueError(f"no S3 server {kind!r}, expected one of {', '.join(KINDS)}")
        self.kind = kind
        self.access_key_id = "lakehouse" + secrets.token_hex(4)
        self.secret_access_key = secrets.token_hex(20)
        self.region = REGION
        self.program = cached_path(kind)
        self.folder = tempfile.mkdtemp(prefix=f"lakehouse-{kind}-")
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.certificates = os.path.join(self.folder, "certificates")
        os.mkdir(self.data)
        os.mkdir(self.certificates)
        self.tls = tls
        self.ca_file = os.path.join(self.certificates, "ca.crt") if tls else None
        if tls:
            make_certificates(self.certificates)
        self.port = None
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def endpoint(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def account(self):
        return s3_request.Account(self.endpoint, self.access_key_id, self.secret_access_key,
                                  self.region, self.ca_file)

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def send(self, method, path="/", **options):
        """Performs one signed request, see s3_request.send."""
        return s3_request.send(self.account, method, path, **options)

    def make_bucket(self, name):
        answer = self.send("PUT", f"/{name}")
        if answer.status != 200:
            raise RuntimeError(f"{self.kind} made no bucket {name}: {answer}")

    def start(self):
        """Starts the server; after stop() on the same port, with the same data and keys."""
        if self.process is not None:
            raise RuntimeError("the server runs already")
        chosen = self.port
        for _ in range(ATTEMPTS):
            self.port = chosen or free_port()
            self._launch()
            if self._wait_ready():
                return
            self.stop()
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"{self.kind} did not start:\n{log.read()[-4000:]}")

    def stop(self):
        """Ends the process; its data stays. Requests are refused from then on."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self):
        """Ends the process as a power cut would; its data stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self):
        command = self._minio() if self.kind == "minio" else self._versitygw()
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": self.folder,
                       "TMPDIR": self.folder,
                       # Neither looks for another version of itself.
                       "MINIO_UPDATE": "off", "MINIO_BROWSER": "off",
                       "MINIO_ROOT_USER": self.access_key_id,
                       "MINIO_ROOT_PASSWORD": self.secret_access_key,
                       "MINIO_REGION_NAME": self.region, "MINIO_DOMAIN": "localhost",
                       "ROOT_ACCESS_KEY": self.access_key_id,
                       "ROOT_SECRET_KEY": self.secret_access_key, "VGW_REGION": self.region}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment, cwd=self.folder)

    def _minio(self):
        command = [self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}"]
        if self.tls:
            command += ["--certs-dir", self.certificates]
        return [*command, self.data]

    def _versitygw(self):
        command = [self.program, "--port", f"127.0.0.1:{self.port}", "--quiet",
                   "--virtual-domain", "localhost"]
        if self.tls:
            command += ["--cert", os.path.join(self.certificates, "public.crt"),
                        "--key", os.path.join(self.certificates, "private.key")]
        return [*command, "posix", self.data]

    def _wait_ready(self):
        """True when the server knows our keys; false when it ended or another one answers."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer = self.send("GET", timeout=5)
                if answer.status == 200:
                    return True
                if answer.status in (403, 404):  # Which of them, servers disagree.
                    return False
            except OSError:
                pass
            time.sleep(0.02)
        return False


def obey(server, line):
    """Carries out one line of the program's input."""
    words = line.split()
    if len(words) == 2 and words[0] == "make_bucket":
        server.make_bucket(words[1])
    elif words == ["stop"]:
        server.stop()
    elif words == ["start"]:
        server.start()
    else:
        raise RuntimeError(f"expected make_bucket NAME, stop or start, not {line!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--tls", action="store_true", help="https, with a certificate authority "
                        "of its own, whose certificate ca_file names")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with S3Server(arguments.kind, arguments.tls) as server:
        print(json.dumps({"endpoint": server.endpoint, "region": server.region,
                          "access_key_id": server.access_key_id,
                          "secret_access_key": server.secret_access_key,
                          "ca_file": server.ca_file or "", "data": server.data,
                          "pid": server.pid}), flush=True)
        for line in sys.stdin:
            try:
                obey(server, line)
                print(json.dumps({"ok": True}), flush=True)
            except (RuntimeError, OSError) as error:
                print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        sys.exit(1)
