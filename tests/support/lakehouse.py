"""Starts, asks and kills the real program: the black-box suites stand on this."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
import uuid

READY = "lakehouse ready at "
DRAIN_TIMEOUT_SECONDS = 60
REQUEST_TIMEOUT_SECONDS = 120


class Server:
    """One `lakehouse serve` on a free port of this machine."""

    def __init__(self, lakehouse, data, *options, log_path=os.devnull, wait=True):
        """Starts the program; without `wait`, before it is known whether it will get ready."""
        command = [lakehouse, "--data", data, *options, "serve", "--listen", "127.0.0.1:0"]
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = None
        if wait:
            self.wait_ready()

    def wait_ready(self):
        line = self.process.stdout.readline()
        if not line.startswith(READY):
            self.kill()
            raise RuntimeError(f"the server ended with code {self.process.returncode}: {line!r}")
        self.url = line[len(READY):].strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """Ends the process as a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Asks the server to drain; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DRAIN_TIMEOUT_SECONDS)

    def send(self, method, path, body=None, headers=None):
        """Performs one request; returns the HTTP status and the body as bytes.

        Raises OSError or http.client.HTTPException when no whole answer came.
        """
        request = urllib.request.Request(self.url + path, method=method, data=body,
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def call(self, method, path, body=None):
        """Performs one JSON request; returns the HTTP status and the parsed answer."""
        text = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        status, answer = self.send(method, path, text, headers)
        return status, json.loads(answer) if answer else None

    def call_bytes(self, method, path, body, headers=None):
        """Performs one request with a body of bytes; returns the status and the parsed answer."""
        status, answer = self.send(method, path, body, headers)
        return status, json.loads(answer) if answer else None

    def ingest(self, file_name, content, bucket=None, **fields):
        """Uploads a file, into `bucket` if given; returns the HTTP status and the parsed answer."""
        return self.send_form(file_name, content, fields,
                              {"X-Lakehouse-Bucket": bucket} if bucket else None)

    def send_form(self, file_name, content, fields, headers=None):
        """Uploads a file with form fields and more headers; returns status and parsed answer."""
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in fields.items()]
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
                     f'filename="{file_name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
        body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        status, answer = self.send("POST", "/ingest/file", body, {
            "Content-Type": f"multipart/form-data; boundary={boundary}", **(headers or {})})
        return status, json.loads(answer)

    def sql(self, text):
        """Answers one statement that must succeed; returns its rows."""
        status, answer = self.call("POST", "/query/sql", {"sql": text})
        if status != 200:
            raise AssertionError(f"{text}: HTTP {status}: {answer}")
        return answer["rows"]
