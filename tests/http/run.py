#!/usr/bin/env python3
"""Runs the data-driven HTTP suite: every *.http file against the real server (see README.md)."""

import argparse
import glob
import http.client
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support.lakehouse import Server  # pylint: disable=wrong-import-position
from support.primary import add_option, open_primary  # pylint: disable=wrong-import-position

TIMEOUT_SECONDS = 120
RETRY_SECONDS = 120
RETRY_PAUSE_SECONDS = 0.1
ABSENT = "!absent"
BOUNDARY = "----lakehouse-http-suite"
PROBLEM_FIELDS = ("type", "title", "status", "detail", "code", "request_id")
DIRECTIVE = re.compile(r"^@([a-z-]+) ?(.*)$")
HEADER = re.compile(r"^([A-Za-z0-9-]+): ?(.*)$")


@dataclass
class Case:
    """One request and what must come back."""

    name: str
    line: int
    method: str = ""
    target: str = ""
    headers: list = field(default_factory=list)
    fields_before: dict = field(default_factory=dict)
    fields_after: dict = field(default_factory=dict)
    file_name: str = None
    is_bytes: bool = False
    body: list = field(default_factory=list)
    status: int = 0
    expected_headers: list = field(default_factory=list)
    contains: list = field(default_factory=list)
    saves: list = field(default_factory=list)
    retries: bool = False
    expected: list = field(default_factory=list)


@dataclass
class Answer:
    status: int
    headers: dict  # Names in lower case.
    body: bytes


def parse_fields(text):
    return dict(pair.split("=", 1) for pair in text.split())


def read_directive(case, name, rest):
    """Applies a line that starts with @ to the case."""
    if name == "form":
        case.fields_before.update(parse_fields(rest))
    elif name == "form-after":
        case.fields_after.update(parse_fields(rest))
    elif name == "file":
        case.file_name = rest
    elif name == "bytes":
        case.is_bytes = True
    elif name == "contains":
        case.contains.append(rest)
    elif name == "save":
        case.saves.append(rest.split())
    elif name == "retry":
        case.retries = True
    else:
        raise ValueError(f"unknown directive @{name}")


def read_case(name, number, lines):
    """Reads the lines between two `===` lines."""
    case = Case(name, number)
    split = next(i for i, line in enumerate(lines) if line.startswith(">>> "))
    request, answer = lines[:split], lines[split + 1:]
    case.status = int(lines[split][4:])
    case.method, _, case.target = request[0].partition(" ")
    rest = request[1:]
    if case.method == "RAW":
        case.body = rest
    else:
        while rest and rest[0]:
            line = rest.pop(0)
            if match := DIRECTIVE.match(line):
                read_directive(case, *match.groups())
            else:
                case.headers.append(HEADER.match(line).groups())
        case.body = rest[1:]
    while answer and not answer[0].startswith("{"):
        line = answer.pop(0)
        if match := DIRECTIVE.match(line):
            read_directive(case, *match.groups())
        elif line:
            case.expected_headers.append(HEADER.match(line).groups())
    case.expected = answer
    return case


def read_file(path):
    """Returns the configuration lines and the cases of a file."""
    config, cases, block, name, start = [], [], [], None, 0
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines + ["=== end"], 1):
        if not line.startswith("=== "):
            if name is None and line.startswith("@config "):
                config.append(line[len("@config "):])
            block.append(line)
            continue
        if name is not None:
            try:
                while block and not block[-1]:
                    block.pop()
                cases.append(read_case(name, start, block))
            except (AttributeError, StopIteration, ValueError) as error:
                raise ValueError(f"{path}:{start}: not a case: {error}") from error
        name, start, block = line[4:], number, []
    return config, cases


def expand(text, variables):
    """Replaces ${name} and ${COUNT*TEXT}."""
    def replace(match):
        if repeated := re.fullmatch(r"(\d+)\*(.*)", match[1]):
            return int(repeated[1]) * repeated[2]
        return str(variables[match[1]])
    return re.sub(r"\$\{([^}]*)\}", replace, text)


def unescape(text):
    """Turns \\r, \\n, \\t, \\\\ and \\xNN into bytes; everything else is UTF-8."""
    named = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])",
                  lambda m: named.get(m[1]) or bytes([int(m[1][1:], 16)]), text.encode())


def form_part(name, value, file_name=None):
    file_text = f'; filename="{file_name}"' if file_name is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file_text}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def request_body(case, variables):
    """Returns the body's bytes and the content type that goes with them."""
    if case.is_bytes:
        content = unescape(expand("".join(case.body), variables))
    else:
        end = "\n" if case.file_name is not None and case.body else ""
        content = (expand("\n".join(case.body), variables) + end).encode()
    if case.file_name is None and not case.fields_before and not case.fields_after:
        return content, "application/json" if content else None
    parts = [form_part(name, value.encode()) for name, value in case.fields_before.items()]
    if case.file_name is not None:
        parts.append(form_part("file", content, case.file_name))
    parts += [form_part(name, value.encode()) for name, value in case.fields_after.items()]
    return (b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(),
            f"multipart/form-data; boundary={BOUNDARY}")


def send(case, address, variables):
    """Performs the case's request and returns the answer."""
    if case.method == "RAW":
        connection = socket.create_connection((address.hostname, address.port), TIMEOUT_SECONDS)
        with connection:
            connection.sendall(unescape(expand("\\r\\n".join(case.body), variables)))
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, lower(response.getheaders()), response.read())
    body, content_type = request_body(case, variables)
    connection = http.client.HTTPConnection(address.hostname, address.port,
                                            timeout=TIMEOUT_SECONDS)
    headers = dict(case.headers)
    connection.putrequest(case.method, expand(case.target, variables),
                          skip_host="Host" in headers, skip_accept_encoding=True)
    if content_type is not None:
        headers.setdefault("Content-Type", content_type)
    if body or case.method in ("POST", "PUT", "PATCH"):
        headers.setdefault("Content-Length", str(len(body)))
    for name, value in headers.items():
        connection.putheader(name, expand(value, variables))
    try:
        connection.endheaders(body or None)
    except (BrokenPipeError, ConnectionResetError):
        pass  # A server that refuses a large body need not read all of it; the answer is there.
    response = connection.getresponse()
    answer = Answer(response.status, lower(response.getheaders()), response.read())
    connection.close()
    return answer


def lower(headers):
    return {name.lower(): value for name, value in headers}


def mismatch(expected, actual, path="answer"):
    """Says where `actual` is not what `expected` asks for; None when it is (see README.md)."""
    if expected == "*":
        return None if actual is not None else f"{path} is null"
    if isinstance(expected, str) and expected.startswith("~"):
        found = isinstance(actual, str) and expected[1:] in actual
        return None if found else f"{path} is {actual!r}, without {expected[1:]!r}"
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            if value == ABSENT:
                if key in actual:
                    return f"{path}.{key} is there"
            elif key not in actual:
                return f"{path}.{key} is missing"
            elif problem := mismatch(value, actual[key], f"{path}.{key}"):
                return problem
        return None
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{path} has {len(actual)} elements, expected {len(expected)}: {actual!r}"
        pairs = enumerate(zip(expected, actual))
        return next(filter(None, (mismatch(e, a, f"{path}[{i}]") for i, (e, a) in pairs)), None)
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return None if same else f"{path} is {actual!r}, expected {expected!r}"


def general_problem(answer, data):
    """Says what is wrong with an answer whatever the case expects."""
    request_id = answer.headers.get("x-request-id", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", request_id):
        return f"X-Request-Id is {request_id!r}"
    if answer.status < 400 or not answer.body:
        return None
    if answer.headers.get("content-type") != "application/problem+json":
        return f"an error of type {answer.headers.get('content-type')}"
    problem = json.loads(answer.body)
    # Routes of OpenAI's API answer its error too.
    if tuple(name for name in problem if name != "error") != PROBLEM_FIELDS:
        return f"the problem has the fields {list(problem)}"
    if problem["status"] != answer.status or problem["request_id"] != request_id:
        return "the problem repeats another status or request id"
    if data in answer.body.decode():
        return "the problem names a path of the server"
    return None


def check(case, answer, variables):
    """Says how the answer differs from what the case expects; None when it does not."""
    if answer.status != case.status:
        return f"status {answer.status}, expected {case.status}: {answer.body[:500]!r}"
    for name, value in case.expected_headers:
        actual = answer.headers.get(name.lower())
        expected = None if value == ABSENT else expand(value, variables)
        if actual != expected:
            return f"header {name} is {actual!r}, expected {value!r}"
    for text in case.contains:
        if expand(text, variables).encode() not in answer.body:
            return f"the body lacks {text!r}: {answer.body[:500]!r}"
    if case.expected:
        expected = json.loads(expand("\n".join(case.expected), variables))
        return mismatch(expected, json.loads(answer.body))
    return None


def run_case(case, server, data, variables):
    """Runs one case; returns what went wrong, or None."""
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        answer = send(case, urlsplit(server.url), variables)
        problem = general_problem(answer, data) or check(case, answer, variables)
        if problem is None or not case.retries or time.monotonic() > deadline:
            break
        time.sleep(RETRY_PAUSE_SECONDS)
    if problem is None:
        for name, key in case.saves:
            variables[name] = json.loads(answer.body)[key]
    return problem


def run_file(path, options, primary):
    """Runs the cases of one file in order on a fresh data directory; returns (passed, failed)."""
    config, cases = read_file(path)
    data = tempfile.mkdtemp(prefix="lakehouse-http-")
    primary.configure(data, config)
    server, variables, failed = None, {}, 0
    try:
        for case in cases:
            try:
                if server is not None and options.restart:
                    server.stop()
                    server.kill()
                    server = None
                server = server or Server(options.lakehouse, data)
                problem = run_case(case, server, data, variables)
            except (OSError, RuntimeError, http.client.HTTPException, ValueError,
                    KeyError) as error:
                problem = f"{type(error).__name__}: {error}"
            failed += problem is not None
            place = f"{os.path.basename(path)}:{case.line}: {case.name}"
            print(f"ok   {place}" if problem is None else f"FAIL {place}: {problem}", flush=True)
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(data, ignore_errors=True)
    return len(cases) - failed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakehouse", required=True, help="the program to test")
    parser.add_argument("--restart", action="store_true", help="restart the server after each case")
    add_option(parser)
    parser.add_argument("files", nargs="*", help="default: every *.http file beside this script")
    options = parser.parse_args()
    options.lakehouse = os.path.abspath(options.lakehouse)
    passed = failed = 0
    with open_primary(options.primary) as primary:
        for path in options.files or sorted(glob.glob(os.path.join(HERE, "*.http"))):
            file_passed, file_failed = run_file(path, options, primary)
            passed += file_passed
            failed += file_failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
