"""Signs and sends one S3 request (AWS Signature Version 4) with what Python brings."""

import datetime
import hashlib
import hmac
import http.client
import ssl
import urllib.parse
from dataclasses import dataclass

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Account:
    """Where a server is and whom it knows."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"
    ca_file: str = None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict  # Names in lower case.
    body: bytes


def _quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def _digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sign(account, method, path, query, headers, body):
    """Returns the headers to send; `path` and `query` are encoded already."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    signed = {name.lower(): value.strip() for name, value in headers.items()}
    signed["host"] = urllib.parse.urlsplit(account.endpoint).netloc
    signed["x-amz-date"] = stamp
    signed["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
    names = ";".join(sorted(signed))
    lines = [method, path, query, *(f"{name}:{signed[name]}" for name in sorted(signed)), "", names,
             signed["x-amz-content-sha256"]]
    scope = f"{day}/{account.region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = f"AWS4{account.secret_access_key}".encode()
    for word in scope.split("/"):
        key = _digest(key, word)
    signature = _digest(key, text).hex()
    signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={account.access_key_id}/{scope}, "
                               f"SignedHeaders={names}, Signature={signature}")
    return signed


def send(account, method, path="/", query=None, body=b"", headers=None,
         timeout=TIMEOUT_SECONDS):
    """Performs one request; `path` is "/bucket/key", unencoded, and `query` a dictionary.

    Raises OSError or http.client.HTTPException when no whole answer came.
    """
    path = _quote(path, "/")
    query = "&".join(f"{_quote(name)}={_quote(value)}"
                     for name, value in sorted((query or {}).items()))
    url = urllib.parse.urlsplit(account.endpoint)
    if url.scheme == "https":
        trusted = ssl.create_default_context(cafile=account.ca_file)
        connection = http.client.HTTPSConnection(url.netloc, timeout=timeout, context=trusted)
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=timeout)
    try:
        connection.request(method, f"{path}?{query}" if query else path, body,
                           sign(account, method, path, query, headers or {}, body))
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()},
                      answer.read())
    finally:
        connection.close()
