"""Starts a real Ollama for tests, on loopback, with models, home and port of its own."""

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

try:
    from support.s3_servers import cached_path, free_port
    from support.tiny_gguf import tiny_generator
except ImportError:
    from s3_servers import cached_path, free_port
    from tiny_gguf import tiny_generator

READY_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 20
REQUEST_TIMEOUT_SECONDS = 300
UNLOAD_TIMEOUT_SECONDS = 30
ATTEMPTS = 5  # Somebody else may take a free port before the server does.
# What Ollama's conversion of a sentence-transformers directory reads.
CONVERTED = (".json", ".safetensors", "vocab.txt")


class OllamaServer:
    """One Ollama; started on entry of a `with`, ended and removed with its models on exit.

    It ends with the thread that called start(), however that ends: start it from the main thread.

    with OllamaServer() as server:
        server.create_model("minilm", cached_model("all-MiniLM-L6-v2"))
        answer = server.call("POST", "/api/embed", {"model": "minilm", "input": "text"})
    """

    def __init__(self, max_loaded_models=3):
        """`max_loaded_models`: one more is loaded only after another was unloaded."""
        self.program = cached_path("ollama")
        self.folder = tempfile.mkdtemp(prefix="lakehouse-ollama-")
        self.log_path = os.path.join(self.folder, "log")
        self.max_loaded_models = max_loaded_models
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
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def send(self, method, path, body=None, content_type="application/json"):
        """Performs one request; returns the status and the body as bytes."""
        request = urllib.request.Request(self.url + path, method=method, data=body,
                                         headers={"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def call(self, method, path, body=None):
        """Performs one JSON request that must succeed; returns the parsed answer."""
        text = None if body is None else json.dumps(body).encode()
        status, answer = self.send(method, path, text)
        if status != 200:
            raise RuntimeError(f"{method} {path}: HTTP {status}: {answer.decode(errors='replace')}")
        return json.loads(answer) if answer else None

    def create_model(self, name, directory):
        """Makes a model of a sentence-transformers directory; replaces one of that name."""
        files = {}
        for folder, _, names in os.walk(directory):
            for file_name in names:
                if file_name.endswith(CONVERTED):
                    path = os.path.join(folder, file_name)
                    with open(path, "rb") as file:
                        files[os.path.relpath(path, directory)] = self._upload(file.read())
        self._create(name, files)

    def create_tiny_generator(self, name, seed=1):
        """Makes a model of random weights that generates and streams words."""
        self._create(name, {"tiny.gguf": self._upload(tiny_generator(seed))})

    def loaded(self):
        """The names of the loaded models, without their tags."""
        return sorted(model["name"].removesuffix(":latest")
                      for model in self.call("GET", "/api/ps")["models"])

    def wait_loaded(self, names):
        """Waits until exactly these models are loaded: Ollama unloads after it has answered."""
        deadline = time.monotonic() + UNLOAD_TIMEOUT_SECONDS
        while self.loaded() != sorted(names):
            if time.monotonic() > deadline:
                raise RuntimeError(f"loaded are {self.loaded()}, expected {sorted(names)}")
            time.sleep(0.05)

    def digest(self, name):
        [model] = [model for model in self.call("GET", "/api/tags")["models"]
                   if model["name"].removesuffix(":latest") == name]
        return model["digest"]

    def start(self):
        """Starts the server; after stop() on the same port, with the same models."""
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
            raise RuntimeError(f"ollama did not start:\n{log.read()[-4000:]}")

    def stop(self):
        """Ends the server and what runs its models; requests are refused from then on."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self):
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": self.folder,
                       "TMPDIR": self.folder, "OLLAMA_HOST": f"127.0.0.1:{self.port}",
                       "OLLAMA_MODELS": os.path.join(self.folder, "models"),
                       "OLLAMA_MAX_LOADED_MODELS": str(self.max_loaded_models),
                       "OLLAMA_NUM_PARALLEL": "1", "OLLAMA_NO_CLOUD": "1",
                       "CUDA_VISIBLE_DEVICES": ""}
        with open(self.log_path, "ab") as log:
            # Asked to end it takes its runners along, which a kill would leave behind.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", self.program, "serve"], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True)

    def _wait_ready(self):
        """True when the server answers; false when it ended."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.send("GET", "/api/version")[0] == 200:
                    return self.process.poll() is None
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        return False

    def _upload(self, content):
        """Gives the server a file; returns its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        # A POST of what is there already resets the connection.
        if self.send("HEAD", f"/api/blobs/{digest}")[0] != 200:
            status, answer = self.send("POST", f"/api/blobs/{digest}", content,
                                       "application/octet-stream")
            if status not in (200, 201):
                raise RuntimeError(f"ollama took no blob: HTTP {status}: {answer}")
        return digest

    def _create(self, name, files):
        status, answer = self.send("POST", "/api/create", json.dumps(
            {"model": name, "files": files, "stream": False}).encode())
        if status != 200 or json.loads(answer).get("status") != "success":
            raise RuntimeError(f"ollama made no model {name}: HTTP {status}: {answer}")


def cached_model(name):
    """The Hugging Face directory of a model that tools/bootstrap fetches."""
    cache = os.environ.get("LAKEHOUSE_CACHE") or os.path.expanduser("~/.cache/lakehouse")
    return os.path.join(cache, "models", name)
