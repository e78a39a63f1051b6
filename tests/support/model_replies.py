"""What a healthy model server says: the APIs of Ollama, of OpenAI and of text-embeddings-inference.

Vectors, tokens, scores and generated text follow from the request alone: a text's vector is a hash
of the weights of the model and the text, a token is a word between white space.
"""

import array
import base64
import dataclasses
import datetime
import hashlib
import json
import math
import re
import threading
import time
from dataclasses import dataclass, field

GENERATED_WORDS = ("alpha", "beta", "größer", "delta", "naïve", "zeta", "🙂", "theta",
                   "한국어", "kappa")
GENERATED_TOKENS = 12  # Unless the request limits them.
DEFAULT_KEEP_ALIVE_SECONDS = 300.0
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# The routes whose body says "model", and that need it.
WORK = ("/api/embed", "/api/generate", "/api/chat", "/v1/embeddings", "/v1/chat/completions",
        "/v1/rerank", "/rerank")


@dataclass
class Model:
    name: str
    task: str = "embed"        # embed, generate or rerank.
    dimensions: int = 32
    max_tokens: int = 256      # Words; what Ollama calls the context length.
    weights: str = "1"         # Other weights, other vectors and another digest.
    digest: str = ""           # "": a hash of name and weights.
    remote_host: str = ""      # Not "": a cloud model of Ollama.
    size_bytes: int = 1 << 20
    size_vram_bytes: int = 0

    def __post_init__(self):
        if self.task not in ("embed", "generate", "rerank"):
            raise ValueError(f"no task {self.task!r}, expected embed, generate or rerank")
        if not self.digest:
            self.digest = hashlib.sha256(f"{self.name}\0{self.weights}".encode()).hexdigest()


@dataclass
class Settings:
    """What holds for the whole server."""

    version: str = "0.24.0"
    api_key: str = ""            # Not "": /v1 and the routes of TEI want it as a bearer token.
    max_batch_texts: int = 0     # Not 0: more texts in one request of the OpenAI API are a 422.
    load_ms: int = 0             # How long the first use of a model takes,
    unload_ms: int = 0           # and how long an unloaded model still shows in /api/ps.


@dataclass
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)


@dataclass
class Stream:
    """An answer in pieces; the last says that the text has ended."""

    pieces: list
    content_type: str
    status: int = 200


class Refusal(Exception):
    """The server understood and says no."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def unit_vector(model, text, dimensions=None):
    """The vector of a text, as 32-bit floats of length 1; cut and normalised again if asked for."""
    seed = f"{model.weights}\0{text}".encode("utf-8", "surrogatepass")
    whole = array.array("i", hashlib.shake_256(seed).digest(4 * model.dimensions))
    values = whole[:dimensions] if dimensions else whole
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return array.array("f", (value / length for value in values))


def words_of(text):
    return text.split()


def generated_words(prompt, seed, limit):
    """What a model says to a prompt: the pieces, and whether the limit ended it."""
    digest = hashlib.shake_256(f"{seed}\0{prompt}".encode()).digest(GENERATED_TOKENS)
    words = [GENERATED_WORDS[byte % len(GENERATED_WORDS)] for byte in digest]
    pieces = [word if i == 0 else " " + word for i, word in enumerate(words)]
    return (pieces[:limit], True) if limit is not None and 0 <= limit < len(pieces) \
        else (pieces, False)


def cut_at_stop(pieces, stops):
    """Ends the text before the first of the stop words."""
    text = "".join(pieces)
    ends = [text.find(stop) for stop in stops if stop and stop in text]
    if not ends:
        return pieces
    kept, room = [], min(ends)
    for piece in pieces:
        kept.append(piece[:room])
        room -= len(kept[-1])
    return [piece for piece in kept if piece]


def relevance(query, document):
    """The share of the query's words that the document holds."""
    wanted = set(query.lower().split())
    return len(wanted & set(document.lower().split())) / max(1, len(wanted))


def keep_alive_seconds(value):
    """Reads keep_alive as Ollama does; None: for ever."""
    if value is None:
        return DEFAULT_KEEP_ALIVE_SECONDS
    if isinstance(value, str):
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", value)
        if not parts or "".join(a + b for a, b in parts) != value.lstrip("-"):
            raise Refusal(400, f'time: missing unit in duration "{value}"')
        seconds = sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)
        return None if value.startswith("-") else seconds
    return None if value < 0 else float(value)


def texts_of(path, body):
    """The texts a request wants vectors or scores for."""
    if path in ("/api/embed", "/v1/embeddings"):
        given = body.get("input", [])
        given = given if isinstance(given, list) else [given]
        return [text for text in given if isinstance(text, str)]
    if path in ("/v1/rerank", "/rerank"):
        given = body.get("documents", body.get("texts", []))
        return [document["text"] if isinstance(document, dict) else document for document in given]
    return []


class ModelHost:
    """The models of a server, and which of them are loaded. Thread-safe."""

    def __init__(self, models):
        self.settings = Settings()
        self._lock = threading.Lock()
        self._models = {model.name: model for model in models}
        self._expiries = {}  # Loaded models: when they are unloaded, on the monotonic clock.
        self._routes = {
            "/api/version": lambda _: self._json({"version": self.settings.version}),
            "/api/tags": self._tags, "/api/show": self._show, "/api/ps": self._ps,
            "/api/embed": self._ollama_embed, "/api/generate": self._ollama_generate,
            "/api/chat": self._ollama_chat, "/v1/models": self._openai_models,
            "/v1/embeddings": self._openai_embeddings,
            "/v1/chat/completions": self._openai_chat, "/v1/rerank": self._openai_rerank,
            "/info": self._tei_info, "/rerank": self._tei_rerank,
            "/health": lambda _: Reply(200, b"", "text/plain"),
        }

    def set_model(self, fields):
        """Adds a model or replaces the one of that name; its loaded copy is dropped."""
        model = Model(**fields)
        with self._lock:
            self._models[model.name] = model
            self._expiries.pop(model.name, None)

    def remove_model(self, name):
        with self._lock:
            self._models.pop(name, None)
            self._expiries.pop(name, None)

    def vector(self, name, text):
        return list(unit_vector(self._find(name), text))

    def answer(self, method, path, body, authorization=""):
        """Answers one request; `body` is parsed, {} when there was none."""
        route = self._routes.get(path)
        if route is None or (method == "GET") == (path in WORK or path == "/api/show"):
            return Reply(404, b"404 page not found", "text/plain")
        try:
            key = self.settings.api_key
            if key and not path.startswith("/api/") and authorization != f"Bearer {key}":
                raise Refusal(401, "Incorrect API key provided")
            return route(body)
        except Refusal as refusal:
            return error_reply(path, refusal.status, str(refusal))

    def _find(self, name):
        with self._lock:
            for candidate in (name, f"{name}:latest"):
                if candidate in self._models:
                    return self._models[candidate]
        raise Refusal(404, f"model '{name}' not found")

    def _wanted(self, body, task):
        model = self._find(body.get("model", ""))
        if model.task != task:
            raise Refusal(400, f'"{model.name}" does not support {task}')
        return model

    def _load(self, model, keep_alive=None):
        seconds = keep_alive_seconds(keep_alive)
        with self._lock:
            is_new = self._expiries.get(model.name, 0.0) < time.monotonic()
        if is_new and self.settings.load_ms:
            time.sleep(self.settings.load_ms / 1000)
        with self._lock:
            self._expiries[model.name] = math.inf if seconds is None else time.monotonic() + seconds

    def _unload(self, model):
        with self._lock:
            if model.name in self._expiries:
                self._expiries[model.name] = time.monotonic() + self.settings.unload_ms / 1000

    @staticmethod
    def _json(value, status=200):
        return Reply(status, json.dumps(value, ensure_ascii=False).encode())

    # --- Ollama ---

    @staticmethod
    def _described(model):
        remote = {"remote_model": model.name, "remote_host": model.remote_host} \
            if model.remote_host else {}
        return {"name": model.name, "model": model.name, "size": model.size_bytes,
                "digest": model.digest, **remote,
                "details": {"format": "gguf",
                            "family": "bert" if model.task == "embed" else "llama",
                            "parameter_size": "23M", "quantization_level": "F16"}}

    def _tags(self, _):
        with self._lock:
            return self._json({"models": [{**self._described(model), "modified_at": _timestamp(0)}
                                          for model in self._models.values()]})

    def _show(self, body):
        model = self._find(body.get("model", body.get("name", "")))
        architecture = "bert" if model.task == "embed" else "llama"
        info = {"general.architecture": architecture,
                f"{architecture}.context_length": model.max_tokens,
                f"{architecture}.embedding_length": model.dimensions}
        if model.task == "embed":
            info["bert.pooling_type"] = 1
        remote = {"remote_model": model.name, "remote_host": model.remote_host} \
            if model.remote_host else {}
        capability = {"embed": "embedding", "generate": "completion", "rerank": "rerank"}
        return self._json({"details": self._described(model)["details"], "model_info": info,
                           "capabilities": [capability[model.task]], **remote})

    def _ps(self, _):
        now = time.monotonic()
        with self._lock:
            self._expiries = {name: end for name, end in self._expiries.items() if end > now}
            loaded = [(self._models[name], end) for name, end in self._expiries.items()]
        return self._json({"models": [
            {**self._described(model), "context_length": model.max_tokens,
             "size_vram": model.size_vram_bytes, "expires_at": _timestamp(end - now)}
            for model, end in loaded]})

    def _ollama_embed(self, body):
        model = self._wanted(body, "embed")
        given = body.get("input", [])
        texts = [given] if isinstance(given, str) else given
        if given == "":
            texts = []
        self._load(model, body.get("keep_alive"))
        token_count = 0
        vectors = []
        for text in texts:
            words = words_of(text)
            if len(words) > model.max_tokens:
                if not body.get("truncate", True):
                    raise Refusal(400, "the input length exceeds the context length")
                words = words[:model.max_tokens]
                text = " ".join(words)
            token_count += len(words)
            vectors.append(list(unit_vector(model, text, body.get("dimensions"))))
        return self._json({"model": body["model"], "embeddings": vectors,
                           "total_duration": 1_000_000, "load_duration": 1000,
                           "prompt_eval_count": token_count})

    def _ollama_generate(self, body):
        prompt = body.get("prompt", "")
        if not prompt:
            is_unload = body.get("keep_alive") == 0
            if is_unload:
                model = self._find(body.get("model", ""))
                self._unload(model)
            else:
                model = self._wanted(body, "generate")
                self._load(model, body.get("keep_alive"))
            return self._json({"model": model.name, "created_at": _timestamp(0), "response": "",
                               "done": True, "done_reason": "unload" if is_unload else "load"})
        return self._ollama_text(body, prompt + body.get("system", ""),
                                 lambda piece: {"response": piece})

    def _ollama_chat(self, body):
        prompt = json.dumps(body.get("messages", []))
        return self._ollama_text(body, prompt,
                                 lambda piece: {"message": {"role": "assistant", "content": piece}})

    def _ollama_text(self, body, prompt, wrap):
        model = self._wanted(body, "generate")
        self._load(model, body.get("keep_alive"))
        options = body.get("options") or {}
        pieces, limited = generated_words(prompt, options.get("seed", 0),
                                          options.get("num_predict"))
        pieces = cut_at_stop(pieces, _as_list(options.get("stop")))
        head = {"model": model.name, "created_at": _timestamp(0)}
        last = {"done": True, "done_reason": "length" if limited else "stop",
                "prompt_eval_count": len(words_of(prompt)), "eval_count": len(pieces),
                "total_duration": 2_000_000, "eval_duration": 1_000_000}
        if not body.get("stream", True):
            return self._json({**head, **wrap("".join(pieces)), **last})
        lines = [{**head, **wrap(piece), "done": False} for piece in pieces]
        lines.append({**head, **wrap(""), **last})
        return Stream([json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines],
                      "application/x-ndjson")

    # --- OpenAI ---

    def _openai_models(self, _):
        with self._lock:
            return self._json({"object": "list", "data": [
                {"id": name, "object": "model", "created": 0, "owned_by": "library"}
                for name in self._models]})

    def _limit_batch(self, texts):
        most = self.settings.max_batch_texts
        if most and len(texts) > most:
            raise Refusal(422, f"batch size {len(texts)} > maximum allowed batch size {most}")

    def _openai_embeddings(self, body):
        model = self._wanted(body, "embed")
        texts = texts_of("/v1/embeddings", body)
        if not texts or "" in texts:
            raise Refusal(400, "input cannot be empty")
        self._limit_batch(texts)
        for text in texts:
            if len(words_of(text)) > model.max_tokens:
                raise Refusal(400, f"This model's maximum context length is {model.max_tokens} "
                                   f"tokens, however you requested {len(words_of(text))} tokens")
        self._load(model)
        data = []
        for index, text in enumerate(texts):
            vector = unit_vector(model, text, body.get("dimensions"))
            encoded = base64.b64encode(vector.tobytes()).decode() \
                if body.get("encoding_format") == "base64" else list(vector)
            data.append({"object": "embedding", "index": index, "embedding": encoded})
        used = sum(len(words_of(text)) for text in texts)
        return self._json({"object": "list", "model": model.name, "data": data,
                           "usage": {"prompt_tokens": used, "total_tokens": used}})

    def _openai_chat(self, body):
        model = self._wanted(body, "generate")
        prompt = json.dumps(body.get("messages", []))
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        pieces, limited = generated_words(prompt, body.get("seed", 0), limit)
        pieces = cut_at_stop(pieces, _as_list(body.get("stop")))
        reason = "length" if limited else "stop"
        used = {"prompt_tokens": len(words_of(prompt)), "completion_tokens": len(pieces),
                "total_tokens": len(words_of(prompt)) + len(pieces)}
        head = {"id": "chatcmpl-1", "created": 0, "model": model.name}
        if not body.get("stream", False):
            return self._json({**head, "object": "chat.completion", "usage": used, "choices": [
                {"index": 0, "finish_reason": reason,
                 "message": {"role": "assistant", "content": "".join(pieces)}}]})
        head["object"] = "chat.completion.chunk"
        events = [{**head, "choices": [{"index": 0, "delta": {"content": piece},
                                        "finish_reason": None}]} for piece in pieces]
        events[:0] = [{**head, "choices": [{"index": 0, "delta": {"role": "assistant",
                                                                  "content": ""},
                                            "finish_reason": None}]}]
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            events.append({**head, "choices": [], "usage": used})
        lines = [json.dumps(event, ensure_ascii=False) for event in events] + ["[DONE]"]
        return Stream([f"data: {line}\n\n".encode() for line in lines], "text/event-stream")

    def _ranked(self, query, texts):
        scores = [(index, relevance(query, text)) for index, text in enumerate(texts)]
        return sorted(scores, key=lambda pair: (-pair[1], pair[0]))

    def _openai_rerank(self, body):
        model = self._wanted(body, "rerank")
        texts = texts_of("/v1/rerank", body)
        self._limit_batch(texts)
        ranked = self._ranked(body["query"], texts)[:body.get("top_n")]
        return self._json({"model": model.name, "results": [
            {"index": index, "relevance_score": score} for index, score in ranked]})

    # --- text-embeddings-inference ---

    def _only(self, task):
        with self._lock:
            found = [model for model in self._models.values() if model.task == task]
        if not found:
            raise Refusal(424, f"no {task} model is served")
        return found[0]

    def _tei_info(self, _):
        model = self._only("embed")
        return self._json({"model_id": model.name, "model_sha": model.digest[:40],
                           "model_dtype": "float32",
                           "model_type": {"embedding": {"pooling": "mean"}},
                           "max_concurrent_requests": 512, "max_input_length": model.max_tokens,
                           "max_batch_tokens": 16384, "auto_truncate": False,
                           "max_client_batch_size": self.settings.max_batch_texts or 32,
                           "version": "1.9.3"})

    def _tei_rerank(self, body):
        self._only("rerank")
        texts = texts_of("/rerank", body)
        self._limit_batch(texts)
        return self._json([{"index": index, "score": score}
                           for index, score in self._ranked(body["query"], texts)])


def error_reply(path, status, message, headers=None):
    """An error in the shape of the API that `path` belongs to."""
    if path.startswith("/api/"):
        body = {"error": message}
    elif path.startswith("/v1/"):
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None,
                          "code": None}}
    else:
        body = {"error": message, "error_type": "Validation"}
    return Reply(status, json.dumps(body).encode(), headers=headers or {})


def _as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def _timestamp(seconds_from_now):
    """A time as Go prints it; what never comes is in the year 2318."""
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        return (now + datetime.timedelta(seconds=seconds_from_now)).isoformat()
    except OverflowError:
        return "2318-01-01T00:00:00Z"


def default_models():
    return [Model("embedder:latest"), Model("generator:latest", "generate", max_tokens=4096),
            Model("reranker:latest", "rerank"),
            Model("faraway:cloud", "generate", remote_host="https://models.example")]


def fields_of(model):
    return dataclasses.asdict(model)
