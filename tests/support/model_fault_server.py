#!/usr/bin/env python3
"""A model server on loopback that does to chosen requests what goes wrong with real ones.

It speaks the APIs of Ollama, OpenAI and text-embeddings-inference; model_replies.py says what it
answers when no fault is chosen. As a program it prints one JSON line when it listens, obeys the
lines of its standard input, answers each with one JSON line, and ends with its input. The lines:

  add RULE          a JSON object of the fields of Rule
  clear             drop rules, log and counters, and end what hangs
  log, counters     what was asked since clear
  times TEXT        how often that text, a JSON string, was asked for and was served
  set SETTINGS      a JSON object of fields of model_replies.Settings
  model MODEL       add or replace a model: a JSON object of fields of model_replies.Model
  forget NAME       remove a model, its name a JSON string
  vector QUERY      the vector for {"model": NAME, "text": TEXT}
  stop, start       refuse connections, and accept them again at the same address
"""

import argparse
import collections
import http.client
import http.server
import json
import math
import os
import select
import socket
import socketserver
import struct
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass

try:
    from support.model_faults import ERRORS, FAULTS, VECTOR_FAULTS, Rule, spoil_vectors
    from support.model_replies import (WORK, ModelHost, Refusal, Reply, Stream, default_models,
                                       error_reply, texts_of)
except ImportError:
    from model_faults import ERRORS, FAULTS, VECTOR_FAULTS, Rule, spoil_vectors
    from model_replies import (WORK, ModelHost, Refusal, Reply, Stream, default_models,
                               error_reply, texts_of)

POLL_SECONDS = 0.01


@dataclass
class Request:
    """One line of the log."""

    number: int
    method: str
    path: str
    headers: dict            # Names in lower case.
    body: dict               # {} without one, or when it was not read.
    texts: list              # That vectors or scores are wanted for.
    fault: str = None        # What was done to it; None also where there was nothing to change.
    status: int = None       # What the client was told; None: nothing.
    client_left: bool = False  # The client closed the connection before the answer was whole.


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self):
        with self.server.track(self.connection):
            try:
                super().handle()
            except (OSError, http.client.HTTPException):
                self.close_connection = True

    def log_message(self, *_):
        pass

    def work(self):
        model_server = self.server.model_server
        path = self.requestline.split(" ")[1].partition("?")[0]
        if model_server.resets_unread(self.command, path):
            return self._reset(None)
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(text) if text else {}
            is_object = isinstance(body, dict)
        except ValueError:
            is_object = False
        request, rule, released = model_server.receive(self, self.command, path, self.headers,
                                                       body if is_object else {})
        self.request_log, self.released = request, released
        try:
            if not is_object:
                return self._send(error_reply(path, 400, "the body is no JSON object"), rule)
            return self._carry_out(request, rule)
        except (BrokenPipeError, ConnectionResetError):
            request.client_left = True
            raise
        finally:
            model_server.finish(request)

    do_GET = do_POST = do_HEAD = do_DELETE = work

    def _carry_out(self, request, rule):
        fault = rule.fault if rule else None
        if fault in ERRORS:
            status, message = ERRORS[fault]
            headers = {"Retry-After": rule.retry_after} if rule.retry_after else {}
            message = rule.message or message
            return self._send(error_reply(request.path, status, message, headers), rule)
        if fault == "reset":
            return self._reset(request)
        if fault == "hang":
            self._wait(math.inf)
            return self._reset(request)
        if fault == "slow" and not self._wait(rule.delay_ms / 1000):
            return self._reset(request)
        if fault in ("not_json", "empty", "wrong_shape", "redirect"):
            return self._send(self._strange_reply(rule), rule)
        if fault == "endless":
            return self._send_endless()
        answer = self._ask_model(request)
        if fault in VECTOR_FAULTS:
            answer = spoil_vectors(request, rule, answer)
        if isinstance(answer, Stream):
            return self._send_stream(request, answer, rule)
        if fault in ("unfinished", "stream_error", "stream_garbage"):
            request.fault = None
        return self._send(answer, rule)

    def _ask_model(self, request):
        try:
            return self.server.model_server.host.answer(request.method, request.path, request.body,
                                                        request.headers.get("authorization", ""))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            return error_reply(request.path, 400, f"invalid request: {error!r}")

    def _strange_reply(self, rule):
        if rule.fault == "not_json":
            return Reply(200, b"<html><body>It works!</body></html>", "text/html")
        if rule.fault == "wrong_shape":
            return Reply(200, b'{"status": "ok"}')
        if rule.fault == "empty":
            return Reply(200, b"")
        location = rule.location or f"{self.server.model_server.url}/redirected"
        return Reply(307, b"", headers={"Location": location})

    def _send(self, reply, rule):
        """Sends a whole answer, or what its fault leaves of it."""
        request = self.request_log
        fault = rule.fault if rule else None
        self._send_head(reply.status, reply.content_type,
                        {**reply.headers, "Content-Length": str(len(reply.body))})
        body = b"" if self.command == "HEAD" else reply.body
        if fault == "truncated" and body:
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
            return
        if fault == "drip":
            for position in range(len(body)):
                self.wfile.write(body[position:position + 1])
                if not self._wait(rule.delay_ms / 1000):
                    return self._reset(request)
        else:
            # Counted before the client can know, and ask again.
            self.server.model_server.serve(request, reply.status)
            self.wfile.write(body)

    def _send_stream(self, request, stream, rule):
        fault = rule.fault if rule else None
        middle = len(stream.pieces) // 2
        pieces = list(stream.pieces)
        is_sse = stream.content_type == "text/event-stream"
        if fault == "stream_error":
            error = json.dumps({"error": "the model runner has unexpectedly stopped"}).encode()
            pieces[middle:] = [b"data: " + error + b"\n\n" if is_sse else error + b"\n"]
        elif fault == "stream_garbage":
            pieces[middle:middle] = [b"data: {oops\n\n" if is_sse else b"{oops\n"]
        elif fault == "unfinished":
            pieces[middle:] = []
        self._send_head(200, stream.content_type, {"Transfer-Encoding": "chunked"})
        for number, piece in enumerate(pieces):
            if fault == "truncated" and number == middle:
                self.close_connection = True
                return
            if fault == "drip" and not self._wait(rule.delay_ms / 1000):
                return self._reset(request)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.server.model_server.serve(request, 200)
        self.wfile.write(b"0\r\n\r\n")

    def _send_endless(self):
        self._send_head(200, "application/json", {"Transfer-Encoding": "chunked"})
        block = b'{"embeddings": [[' + b"0.5, " * 13000
        while not self.released.is_set():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
        self._reset(self.request_log)

    def _send_head(self, status, content_type, headers):
        self.request_log.status = status
        lines = [f"HTTP/1.1 {status} {http.client.responses[status]}",
                 f"Content-Type: {content_type}",
                 *(f"{name}: {value}" for name, value in headers.items())]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def _wait(self, seconds):
        """Waits; false when the client left or the server let go before."""
        waited = 0.0
        while waited < seconds:
            if is_closed(self.connection):
                self.request_log.client_left = True
                return False
            if self.released.wait(min(POLL_SECONDS, seconds - waited)):
                return False
            waited += POLL_SECONDS
        return True

    def _reset(self, request):
        """Ends the connection with a TCP reset, without a FIN before."""
        if request is not None:
            self.server.model_server.finish(request)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True


def is_closed(connection):
    """True when the other side has closed a connection."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address, model_server):
        super().__init__(address, _Handler)
        self.model_server = model_server
        self._lock = threading.Lock()
        self._connections = set()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, http.client.HTTPException)):
            super().handle_error(request, client_address)

    @contextmanager
    def track(self, connection):
        """Knows a connection while it is served."""
        with self._lock:
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)

    def drop_connections(self):
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class ModelFaultServer:
    """Listens on loopback. Thread-safe.

    with ModelFaultServer() as server:
        server.add("busy", times=2, retry_after="0")
        ...  # Use server.url.
        assert server.counters()["requests"] == 3
    """

    def __init__(self, models=None):
        self.host = ModelHost(default_models() if models is None else models)
        self._lock = threading.Lock()
        self._listener = None
        self._port = 0
        self._released = threading.Event()
        self._forget()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.clear()
        self.stop()

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def address(self):
        return f"127.0.0.1:{self._port}"

    def start(self):
        """Listens; after stop() at the same address."""
        if self._listener is None:
            self._listener = _Listener(("127.0.0.1", self._port), self)
            self._port = self._listener.server_address[1]
            threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Refuses connections and ends those there are."""
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.drop_connections()
            self._listener = None

    def add(self, fault, **conditions):
        """Adds a rule; the first that chooses a request is carried out."""
        rule = Rule(fault, **conditions)
        with self._lock:
            self._rules.append(rule)

    def clear(self):
        """Drops rules, log and counters, ends what hangs, and counts from 1 again."""
        with self._lock:
            self._released.set()
            self._released = threading.Event()
            self._forget()

    def log(self):
        """What was asked since clear(), in the order of arrival."""
        with self._lock:
            return list(self._log)

    def counters(self):
        """What was asked since clear(). Texts are served when their whole answer was sent."""
        with self._lock:
            return {"requests": len(self._log), "in_flight": len(self._in_flight),
                    "peak_in_flight": self._peak,
                    "by_path": dict(collections.Counter(line.path for line in self._log)),
                    "asked_texts": sum(self._asked.values()), "distinct_asked": len(self._asked),
                    "served_texts": sum(self._served.values()),
                    "distinct_served": len(self._served),
                    "most_served": max(self._served.values(), default=0),
                    "most_texts": max((len(line.texts) for line in self._log), default=0)}

    def times(self, text):
        """How often a text was asked for, and how often it was served."""
        with self._lock:
            return self._asked[text], self._served[text]

    def set(self, **settings):
        """Changes fields of model_replies.Settings."""
        for name, value in settings.items():
            if not hasattr(self.host.settings, name):
                raise ValueError(f"no setting {name!r}")
            setattr(self.host.settings, name, value)

    def _forget(self):
        self._rules = []
        self._log = []
        self._in_flight = {}  # Number of the request to its connection.
        self._peak = 0
        self._asked = collections.Counter()
        self._served = collections.Counter()

    def resets_unread(self, method, path):
        """True when the request that begins is to be reset before its body is read; logs it."""
        with self._lock:
            request = Request(len(self._log) + 1, method, path, {}, {}, [], "reset_unread")
            chosen = any(rule.chooses(request) for rule in self._rules
                         if rule.fault == request.fault)
            if chosen:
                self._log.append(request)
            return chosen

    def receive(self, handler, method, path, headers, body):
        """Numbers, counts and logs a request, and chooses its fault.

        Returns it, the rule or None, and the event that ends its hanging.
        """
        try:
            texts = texts_of(path, body)
        except (KeyError, TypeError):
            texts = []
        headers = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            request = Request(len(self._log) + 1, method, path, headers, body, texts)
            self._log.append(request)
            self._asked.update(texts)
            if path in WORK:
                # A client that has given up on a request does not wait for it any more.
                self._in_flight = {number: connection for number, connection
                                   in self._in_flight.items() if not is_closed(connection)}
                self._in_flight[request.number] = handler.connection
                self._peak = max(self._peak, len(self._in_flight))
            chosen = next((rule for rule in self._rules
                           if rule.fault != "reset_unread" and rule.chooses(request)), None)
            request.fault = chosen.fault if chosen else None
            return request, chosen, self._released

    def serve(self, request, status):
        """Counts the texts of a request that is answered."""
        with self._lock:
            self._in_flight.pop(request.number, None)
            if status == 200:
                self._served.update(request.texts)

    def finish(self, request):
        with self._lock:
            self._in_flight.pop(request.number, None)


def obey(server, line):
    """Carries out one line of the program's input; returns the answer."""
    verb, _, rest = line.strip().partition(" ")
    argument = json.loads(rest) if rest else None
    if verb == "log":
        return {"log": [asdict(request) for request in server.log()]}
    if verb == "counters":
        return server.counters()
    if verb == "times":
        asked, served = server.times(argument)
        return {"asked": asked, "served": served}
    if verb == "vector":
        return {"vector": server.host.vector(argument["model"], argument["text"])}
    actions = {"add": lambda: server.add(**argument), "clear": server.clear,
               "set": lambda: server.set(**argument), "stop": server.stop, "start": server.start,
               "model": lambda: server.host.set_model(argument),
               "forget": lambda: server.host.remove_model(argument)}
    if verb not in actions:
        raise ValueError(f"no command {verb!r}; --help lists them")
    actions[verb]()
    return {"ok": True}


def main():
    faults = "\n".join(f"  {name:<22} {what}" for name, what in FAULTS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"faults:\n{faults}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with ModelFaultServer() as server:
        print(json.dumps({"url": server.url}), flush=True)
        for line in sys.stdin:
            try:
                print(json.dumps(obey(server, line)), flush=True)
            except (ValueError, TypeError, KeyError, OSError, Refusal) as error:
                print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main()
