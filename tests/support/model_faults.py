"""What goes wrong with model servers: the faults, and which requests suffer them."""

import base64
import json
import math
import re
import struct
from dataclasses import dataclass, field

try:
    from support.model_replies import WORK, Reply
except ImportError:
    from model_replies import WORK, Reply

# Answers in place of the model's.
ERRORS = {
    "nan_400": (400, "embedding contains NaN or Inf values"),
    "nan_500": (500, "failed to encode response: json: unsupported value: NaN"),
    "runner_crash": (400, 'do embedding request: Post "http://127.0.0.1:35223/embedding": EOF'),
    "too_long": (400, "the input length exceeds the context length"),
    "bad_request": (400, "invalid request"),
    "unauthorized": (401, "Unauthorized"),
    "forbidden": (403, "this model requires a subscription"),
    "missing_model": (404, "model not found, try pulling it first"),
    "payload_too_large": (413, "payload too large"),
    "batch_too_large": (422, "batch size 64 > maximum allowed batch size 32"),
    "backend_failed": (424, "backend error"),
    "overloaded": (429, "Model is overloaded"),
    "internal_error": (500, "internal server error"),
    "bad_gateway": (502, "bad gateway"),
    "busy": (503, "server busy, please try again.  maximum pending requests exceeded"),
}
# Faults that change the vectors of an answer. "The vector" is that of the text that the rule asks
# for, or the last.
VECTOR_FAULTS = {
    "missing_vector": "leaves out the last vector",
    "extra_vector": "gives one vector too many",
    "wrong_width": "gives vectors that are one number short",
    "one_wrong_width": "gives the vector without its last number",
    "nan_vector": "puts NaN into the vector",
    "inf_vector": "puts an infinity into the vector",
    "null_vector": "puts null into the vector, as some servers print NaN",
    "huge_vector": "puts a number beyond 32-bit floats into the vector",
    "zero_vector": "gives zeros as the vector",
    "text_vector": "gives a string of no base64 as the vector",
    "shuffled": "gives the vectors in reverse order, each with its index (OpenAI)",
    "same_index": "gives every vector the index 0 (OpenAI)",
    "wrong_index": "gives the last vector an index that no text has (OpenAI)",
}
# Everything that can be done to a request.
FAULTS = {
    **{name: f"answers {status}: {message}" for name, (status, message) in ERRORS.items()},
    **VECTOR_FAULTS,
    "reset_unread": "resets the connection before the body was read",
    "reset": "resets the connection once the request was read",
    "hang": "never answers",
    "slow": "answers after delay_ms",
    "drip": "sends the body at one byte, a stream at one piece, each delay_ms",
    "truncated": "ends the connection in the middle of the body, or of the stream",
    "unfinished": "ends a stream properly, but in the middle of the text",
    "stream_error": "puts a line with an error in the middle of a stream of status 200",
    "stream_garbage": "puts a line that is no JSON in the middle of a stream",
    "not_json": "answers 200 with a page of HTML",
    "wrong_shape": "answers 200 with a JSON object of none of the expected fields",
    "empty": "answers 200 with no body",
    "endless": "answers 200 with a body that never ends",
    "redirect": "answers 307 to `location`",
}


@dataclass
class Rule:
    """Which requests suffer a fault. Every field that is given must match."""

    fault: str
    number: int = None       # The request's number, from 1 since clear.
    path: str = None         # "/api/embed"; without it, the routes that make models work.
    text: str = None         # A regular expression to be found in a text of the request.
    min_texts: int = 0       # Requests of fewer texts pass.
    skip: int = 0            # So many matching requests pass first,
    every: int = 1           # then each k-th is hit,
    times: int = 1           # so often; 0: for ever.
    retry_after: str = None  # The header that goes with an error.
    delay_ms: int = 100      # Of slow and drip.
    location: str = ""       # Of redirect; "": another path of this server.
    message: str = None      # In place of the error's own.
    seen: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def __post_init__(self):
        if self.fault not in FAULTS:
            raise ValueError(f"no fault {self.fault!r}, expected one of {', '.join(FAULTS)}")

    def position(self, texts):
        """Which text this rule asks for; None when it is not among them, or none is asked for."""
        return None if self.text is None else next(
            (i for i, text in enumerate(texts) if re.search(self.text, text)), None)

    def chooses(self, request):
        """Counts the request and says whether it is hit."""
        if self.path is None and request.path not in WORK or \
                self.path not in (None, request.path) or \
                self.number not in (None, request.number) or \
                (self.text is not None and self.position(request.texts) is None) or \
                len(request.texts) < self.min_texts:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip - 1) % self.every != 0 or \
                (self.times and self.hits == self.times):
            return False
        self.hits += 1
        return True


def spoil_vectors(request, rule, answer):
    """Changes the vectors of an answer as the fault of the request wants it."""
    entries = json.loads(answer.body) if answer.status == 200 else {}
    is_openai = "data" in entries
    if not entries.get("data" if is_openai else "embeddings") or \
            (request.fault in ("shuffled", "same_index", "wrong_index") and not is_openai):
        request.fault = None
        return answer
    items = entries["data"] if is_openai else entries["embeddings"]
    vectors = [item["embedding"] for item in items] if is_openai else items
    in_base64 = isinstance(vectors[0], str)
    vectors = [list(struct.unpack(f"<{len(raw) // 4}f", raw)) for raw in
               map(base64.b64decode, vectors)] if in_base64 else vectors
    position = rule.position(request.texts)
    spoilt = _spoil(request.fault, vectors, len(vectors) - 1 if position is None else position)
    if in_base64:
        spoilt = [_in_base64(vector) for vector in spoilt]
    if not is_openai:
        entries["embeddings"] = spoilt
    else:
        entries["data"] = [{"object": "embedding", "index": i, "embedding": vector}
                           for i, vector in enumerate(spoilt)]
        if request.fault == "shuffled":
            entries["data"].reverse()
        elif request.fault == "same_index":
            for item in entries["data"]:
                item["index"] = 0
        elif request.fault == "wrong_index":
            entries["data"][-1]["index"] = len(spoilt) + 7
    return Reply(200, json.dumps(entries).encode())


def _spoil(fault, vectors, position):
    vector = vectors[position]
    if fault == "missing_vector":
        return vectors[:-1]
    if fault == "extra_vector":
        return [*vectors, vector]
    if fault == "wrong_width":
        return [vector[:-1] for vector in vectors]
    replacement = {
        "one_wrong_width": vector[:-1], "zero_vector": [0.0] * len(vector),
        "text_vector": "no vector",
        "nan_vector": [math.nan, *vector[1:]], "inf_vector": [math.inf, *vector[1:]],
        "null_vector": [None, *vector[1:]], "huge_vector": [1e39, *vector[1:]],
    }.get(fault, vector)
    return [*vectors[:position], replacement, *vectors[position + 1:]]


def _in_base64(vector):
    if isinstance(vector, str):
        return vector
    values = [math.nan if value is None else math.inf if abs(value) > 1e38 else value
              for value in vector]
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
