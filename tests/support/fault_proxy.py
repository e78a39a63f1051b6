#!/usr/bin/env python3
"""An HTTP proxy in front of an S3 server that does to chosen requests what goes wrong in the field.

What no fault is chosen for passes unchanged, Host header and signature included. Bodies are held in
memory. As a program it prints one JSON line when it listens, obeys the lines of its standard input
(add RULE, clear, log; RULE is a JSON object of the fields of Rule), answers each with one JSON
line, and ends with its input.
"""

import argparse
import email.utils
import http.client
import http.server
import json
import os
import re
import select
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse
from dataclasses import asdict, dataclass, field

UPSTREAM_TIMEOUT_SECONDS = 120
SLOW_SECONDS_PER_BYTE = 1.0
SKEW_SECONDS = 3600  # How far the server's clock is ahead in clock_skew.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}

# Answers of the proxy itself; the server never sees the request.
ERRORS = {
    "internal_error": (500, "InternalError", "We encountered an internal error. Try again."),
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "conditional_conflict": (409, "ConditionalRequestConflict",
                             "A conflicting operation is in progress for this key."),
    "precondition_failed": (412, "PreconditionFailed",
                            "At least one of the preconditions did not hold."),
    "clock_skew": (403, "RequestTimeTooSkewed",
                   "The difference between the request time and the server's time is too large."),
}
# Everything that can be done to a request.
FAULTS = {
    **{name: f"answers {status} {code}; not applied"
       for name, (status, code, _) in ERRORS.items()},
    "internal_error_after": "answers 500 InternalError after the server applied the request",
    "reset_before": "resets the connection; not applied",
    "reset_after": "resets the connection after the server applied the request",
    "hang": "never answers; not applied",
    "hang_after": "never answers after the server applied the request",
    "truncated": "ends the connection in the middle of the body (of the header without one)",
    "length_short": "tells half of the length of the body and sends all of it",
    "length_long": "tells a length that is 10 too large and waits",
    "slow": "sends the body (the header without one) at one byte a second",
    "stale_list": "answers a listing with the first answer that the same request got",
    "flipped_body": "flips a bit in the middle of the answered body",
    "flipped_checksum": "changes the answered x-amz-checksum-* header",
    "flipped_upload": "flips a bit in the middle of the sent body",
}


@dataclass
class Rule:
    """Which requests suffer a fault. Every field that is given must match."""

    fault: str
    number: int = None      # The request's number, from 1 since clear().
    method: str = None
    operation: str = None   # As S3 calls it: PutObject, ListObjectsV2, UploadPart, ...
    key: str = None         # A regular expression to be found in the key.
    query: str = None       # A name that must be in the query.
    header: str = None      # A name in lower case that must be among the headers.
    skip: int = 0           # So many matching requests pass first,
    every: int = 1          # then each k-th is hit,
    times: int = 1          # so often; 0: for ever.
    seen: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def __post_init__(self):
        if self.fault not in FAULTS:
            raise ValueError(f"no fault {self.fault!r}, expected one of {', '.join(FAULTS)}")

    def chooses(self, request):
        """Counts the request and says whether it is hit."""
        if self.number not in (None, request.number) or \
                self.method not in (None, request.method) or \
                self.operation not in (None, request.operation) or \
                (self.key is not None and not re.search(self.key, request.key)) or \
                (self.query is not None and self.query not in request.query) or \
                (self.header is not None and self.header not in request.headers):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip - 1) % self.every != 0 or \
                (self.times and self.hits == self.times):
            return False
        self.hits += 1
        return True


@dataclass
class Request:
    """One line of the log."""

    number: int
    method: str
    operation: str
    bucket: str
    key: str
    query: dict
    headers: dict            # Names in lower case.
    body_bytes: int
    fault: str = None        # What was done to it; None also where there was nothing to change.
    server_status: int = None  # What the server answered; None: it was not asked.
    status: int = None         # What the client was told; None: nothing.


@dataclass
class Answer:
    status: int
    reason: str
    headers: list
    body: bytes

    def head(self, method, length=None):
        """The bytes before the body; tells `length` in place of the body's own."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        own_length = None
        for name, value in self.headers:
            if name.lower() == "content-length":
                own_length = value
            elif name.lower() not in _HOP_BY_HOP:
                lines.append(f"{name}: {value}")
        if method != "HEAD":
            own_length = None if self.status in (204, 304) else len(self.body)
        length = own_length if length is None else length
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def operation_of(method, bucket, key, query, headers):
    """The name that S3's documentation gives to a request."""
    if not bucket:
        return "ListBuckets"
    if key:
        if "uploadId" in query:
            return {"GET": "ListParts", "PUT": "UploadPart", "POST": "CompleteMultipartUpload",
                    "DELETE": "AbortMultipartUpload"}.get(method, method)
        if method == "POST":
            return "CreateMultipartUpload" if "uploads" in query else "PostObject"
        if method == "PUT" and "x-amz-copy-source" in headers:
            return "CopyObject"
        return f"{method.capitalize()}Object"
    if method == "GET":
        for name, operation in (("uploads", "ListMultipartUploads"), ("location", "GetBucketLocation"),
                                ("versions", "ListObjectVersions"), ("list-type", "ListObjectsV2")):
            if name in query:
                return operation
        return "ListObjects"
    return {"PUT": "CreateBucket", "POST": "DeleteObjects"}.get(method,
                                                                f"{method.capitalize()}Bucket")


def flip_middle_bit(body):
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self):
        try:
            super().handle()
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    def log_message(self, *_):
        pass

    def forward(self):
        proxy = self.server.proxy
        body = self._read_body()
        # The base class shortens leading slashes in self.path.
        self.target = self.requestline.split(" ")[1]
        request, released = proxy.receive(self.command, self.target, self.headers, len(body))
        fault = request.fault
        if fault in ERRORS:
            return self._send_error(request, fault)
        if fault == "reset_before":
            return self._reset()
        if fault == "hang":
            return self._hang(released)
        if fault == "flipped_upload":
            body = flip_middle_bit(body)
        try:
            answer = self._ask_server(body)
        except (OSError, http.client.HTTPException):
            return self._reset()  # A server that is gone looks like one that is gone.
        request.server_status = answer.status
        if fault == "internal_error_after":
            return self._send_error(request, "internal_error")
        if fault == "reset_after":
            return self._reset()
        if fault == "hang_after":
            return self._hang(released)
        return self._send(request, proxy.change(request, self.target, answer), released)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = forward

    def _read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _ask_server(self, body):
        connection = http.client.HTTPConnection(self.server.proxy.upstream,
                                                timeout=UPSTREAM_TIMEOUT_SECONDS)
        try:
            connection.putrequest(self.command, self.target, skip_host=True,
                                  skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    connection.putheader(name, value)
            if body or "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.reason, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def _send_error(self, request, name):
        status, code, message = ERRORS[name]
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
                f"<Message>{message}</Message><RequestId>{request.number}</RequestId></Error>")
        body = b"" if request.method == "HEAD" else body.encode()
        clock = time.time() + (SKEW_SECONDS if name == "clock_skew" else 0)
        answer = Answer(status, http.client.responses[status],
                        [("Content-Type", "application/xml"),
                         ("Date", email.utils.formatdate(clock, usegmt=True))], body)
        request.status = status
        self.wfile.write(answer.head(request.method) + body)

    def _send(self, request, answer, released):
        fault = request.fault
        body = answer.body  # Empty in the answer to HEAD.
        head = answer.head(request.method)
        request.status = answer.status
        if fault == "truncated":
            cut = head + body[:len(body) // 2] if body else head[:len(head) // 2]
            self.wfile.write(cut)
            self.close_connection = True
        elif fault == "slow":
            if body:
                self.wfile.write(head)
            self._send_slowly(body or head, released)
        elif fault == "length_short":
            self.wfile.write(answer.head(request.method, len(body) // 2) + body)
        elif fault == "length_long":
            self.wfile.write(answer.head(request.method, len(body) + 10) + body)
            self._hang(released)
        else:
            self.wfile.write(head + body)

    def _send_slowly(self, text, released):
        for position in range(len(text)):
            self.wfile.write(text[position:position + 1])
            if released.wait(SLOW_SECONDS_PER_BYTE):
                return self._reset()

    def _hang(self, released):
        """Says nothing until the client leaves or the proxy lets go."""
        while not released.wait(0.05):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self._reset()

    def _reset(self):
        """Ends the connection with a TCP reset, without a FIN before."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, http.client.HTTPException)):
            super().handle_error(request, client_address)


class FaultProxy:
    """Listens on loopback and forwards to one S3 server without TLS. Thread-safe.

    with FaultProxy(server.endpoint) as proxy:
        proxy.add("reset_after", operation="PutObject")
        ...  # Use proxy.endpoint in place of the server's.
        assert [request.fault for request in proxy.log()] == ["reset_after", None]
    """

    def __init__(self, upstream):
        url = urllib.parse.urlsplit(upstream)
        if url.scheme != "http":
            raise ValueError(f"a fault proxy needs an http server, not {upstream}")
        self.upstream = url.netloc
        self._lock = threading.Lock()
        self._listener = None
        self._released = threading.Event()
        self._forget()

    def __enter__(self):
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.proxy = self
        threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.clear()
        self._listener.shutdown()
        self._listener.server_close()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def add(self, fault, **conditions):
        """Adds a rule; the first that chooses a request is carried out."""
        rule = Rule(fault, **conditions)
        with self._lock:
            self._rules.append(rule)

    def clear(self):
        """Drops rules, log and recorded listings, ends what hangs, and counts from 1 again."""
        with self._lock:
            self._released.set()
            self._released = threading.Event()
            self._forget()

    def log(self):
        """What was asked since clear(), in the order of arrival."""
        with self._lock:
            return list(self._log)

    def _forget(self):
        self._rules = []
        self._log = []
        self._listings = {}

    def receive(self, method, target, headers, body_bytes):
        """Numbers and logs a request, and chooses its fault.

        Returns it, and the event that ends its hanging.
        """
        path, _, query_text = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        path = urllib.parse.unquote(path)
        host = headers.get("Host", "").rsplit(":", 1)[0]
        if host.endswith(".localhost"):
            bucket, key = host.removesuffix(".localhost"), path[1:]
        else:
            bucket, _, key = path[1:].partition("/")
        headers = {name.lower(): value for name, value in headers.items()}
        operation = operation_of(method, bucket, key, query, headers)
        with self._lock:
            request = Request(len(self._log) + 1, method, operation, bucket, key, query, headers,
                              body_bytes)
            self._log.append(request)
            for rule in self._rules:
                if self._possible(rule.fault, request, target) and rule.chooses(request):
                    request.fault = rule.fault
                    break
            return request, self._released

    def _possible(self, fault, request, target):
        if fault == "stale_list":
            return target in self._listings
        return fault != "flipped_upload" or request.body_bytes > 0

    def change(self, request, target, answer):
        """Records listings, and changes the answer as the fault of the request wants it."""
        if request.operation.startswith("List") and answer.status == 200:
            with self._lock:
                recorded = self._listings.setdefault(target, answer)
            if request.fault == "stale_list":
                return recorded
        headers, body = answer.headers, answer.body
        if request.fault == "flipped_body" and body:
            body = flip_middle_bit(body)
        elif request.fault == "flipped_checksum":
            headers = [(name, _other_checksum(value))
                       if re.match(r"x-amz-checksum-(?!type)", name.lower()) else (name, value)
                       for name, value in headers]
        changed = Answer(answer.status, answer.reason, headers, body)
        if request.fault in ("flipped_body", "flipped_checksum") and changed == answer or \
                request.fault == "length_short" and not body or \
                request.fault == "length_long" and request.method == "HEAD":
            request.fault = None
        return changed


def _other_checksum(text):
    """Another valid base64 text of the same length."""
    return ("B" if text[:1] == "A" else "A") + text[1:]


def obey(proxy, line):
    """Carries out one line of the program's input; returns the answer."""
    verb, _, rest = line.strip().partition(" ")
    if verb == "add":
        proxy.add(**json.loads(rest))
        return {"ok": True}
    if verb == "clear":
        proxy.clear()
        return {"ok": True}
    if verb == "log":
        return {"log": [asdict(request) for request in proxy.log()]}
    raise ValueError(f"expected add RULE, clear or log, not {line!r}")


def main():
    faults = "\n".join(f"  {name:<22} {what}" for name, what in FAULTS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"faults:\n{faults}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("upstream", help="http://host:port of the S3 server")
    arguments = parser.parse_args()
    with FaultProxy(arguments.upstream) as proxy:
        print(json.dumps({"endpoint": proxy.endpoint}), flush=True)
        for line in sys.stdin:
            try:
                print(json.dumps(obey(proxy, line)), flush=True)
            except (ValueError, TypeError) as error:
                print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main()
