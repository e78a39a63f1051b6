"""The engines of the embedding benchmark as its main program sees them.

Each has: version, tune(texts), measure(texts, vectors) and close(). A measurement holds texts, tokens,
whole_seconds, model_seconds (None where it cannot be told apart), disturbed (the share of the
processors that other programs took meanwhile) and how it was run.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from support.ollama import OllamaServer
from support.s3_servers import cached_path

from .disturbance import Disturbance, own_seconds, session_seconds
from . import cpu_torch, texts

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = (3, 11)
TEXTS_PER_REQUEST = 32

LAKEHOUSE = ("lakehouse bf16", "lakehouse f32", "lakehouse int8")
RIVALS = ("openvino bf16", "openvino f32", "openvino int8", "onnxruntime f32", "onnxruntime int8",
          "torch bf16", "torch f32", "sentence-transformers f32")
OLLAMA = "ollama f16"
NAMES = (*LAKEHOUSE, *RIVALS, OLLAMA)


class Rival:
    """A worker process: see worker.py."""

    def __init__(self, name, setup):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "worker.py"), name, "--model", setup.model,
             "--exports", setup.exports, "--threads", str(setup.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=setup.environment())
        self.version = self._answer()["version"]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with code {self.process.wait()}")
        return json.loads(line)

    def _ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def tune(self, path):
        self._ask(do="tune", texts=path)

    def measure(self, path, vectors_path):
        return self._ask(do="measure", texts=path, vectors=vectors_path)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Lakehouse:
    """`lakehouse-bench embed`: a process for every measurement, which loads before it measures."""

    def __init__(self, name, setup):
        self.command = [setup.program, "embed", "--json", "--model", setup.model,
                        "--precision", name.split()[1]]
        self.version = None

    def tune(self, path):
        pass

    def measure(self, path, vectors_path):
        disturbance = Disturbance(own_seconds)
        answer = json.loads(subprocess.run([*self.command, "--texts", path, "--out", vectors_path],
                                           check=True, stdout=subprocess.PIPE).stdout)
        self.version = f"lakehouse {answer['versions']['lakehouse']}"
        return {"texts": answer["texts"], "tokens": answer["tokens"],
                "whole_seconds": answer["seconds"], "model_seconds": answer["encode_seconds"],
                "gemm_peak_share": answer["gemm_peak_share"], "precision": answer["precision"],
                "disturbed": disturbance.share()}

    def close(self):
        pass


class Ollama:
    """A server of its own with the same model; a request holds many texts."""

    def __init__(self, setup):
        self.tokenizer = setup.tokenizer()
        self.options = {"num_thread": setup.threads}
        self.server = OllamaServer()
        self.server.start()
        self.server.create_model("minilm", setup.model)
        self.version = "ollama " + self.server.call("GET", "/api/version")["version"]
        self._embed(["warm"])

    def _embed(self, batch):
        return self.server.call("POST", "/api/embed", {
            "model": "minilm", "input": batch, "options": self.options,
            "keep_alive": -1})["embeddings"]

    def tune(self, path):
        pass

    def measure(self, path, vectors_path):
        import numpy
        batch = texts.read_texts(path)
        vectors = []
        disturbance = Disturbance(lambda: own_seconds() + session_seconds(self.server.pid))
        started = time.perf_counter()
        for begin in range(0, len(batch), TEXTS_PER_REQUEST):
            vectors += self._embed(batch[begin:begin + TEXTS_PER_REQUEST])
        seconds = time.perf_counter() - started
        disturbed = disturbance.share()
        numpy.save(vectors_path, numpy.array(vectors, dtype=numpy.float32))
        tokens = sum(len(encoding.ids) for encoding in self.tokenizer.encode_batch(batch))
        return {"texts": len(batch), "tokens": tokens, "whole_seconds": seconds,
                "model_seconds": None, "disturbed": disturbed}

    def close(self):
        self.server.close()


class Setup:
    """Where everything is that the engines need."""

    def __init__(self, program, model, packages, cache):
        """`packages`: folder of the rivals' Python packages; `cache`: where exports are kept."""
        self.program, self.model, self.packages = program, model, packages
        self.threads = len(os.sched_getaffinity(0))
        self.exports = os.path.join(cache, "bench-embed", self._key())

    def _key(self):
        """Names what the exports are made of."""
        content = hashlib.sha256()
        for path in (os.path.join(self.model, "model.safetensors"),
                     *(os.path.join(HERE, name) for name in ("cpu_torch.py", "exports.py", "texts.py"))):
            with open(path, "rb") as file:
                content.update(file.read())
        for name in sorted(os.listdir(self.packages)):
            if name.endswith(".dist-info"):  # Holds the version.
                content.update(name.encode())
        return content.hexdigest()[:16]

    @property
    def libraries(self):
        return os.path.join(self.exports, "libraries")

    def environment(self):
        """Returns the environment of the rivals' processes."""
        return {**os.environ, "PYTHONPATH": self.packages, "LD_LIBRARY_PATH": self.libraries,
                "RAYON_NUM_THREADS": str(self.threads), "TOKENIZERS_PARALLELISM": "true",
                "HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1",
                "PYTHONDONTWRITEBYTECODE": "1"}

    def prepare(self, wordnet):
        """Makes the packages importable, and exports the model unless an earlier run did."""
        if sys.version_info[:2] != PYTHON:
            raise SystemExit(f"the rivals' packages are for Python {'.'.join(map(str, PYTHON))}, "
                             "which is /usr/bin/python3 in Debian 12")
        sys.path.insert(0, self.packages)
        if os.path.exists(self.exports):
            return
        print("exporting the model for its rivals, once", file=sys.stderr, flush=True)
        os.makedirs(os.path.dirname(self.exports), exist_ok=True)
        final = self.exports
        self.exports = tempfile.mkdtemp(dir=os.path.dirname(final))
        try:
            os.mkdir(self.libraries)
            cpu_torch.make_stand_in(self.packages, self.libraries)
            subprocess.run([sys.executable, os.path.join(HERE, "exports.py"), "--model", self.model,
                            "--wordnet", wordnet, self.exports], check=True, stdout=sys.stderr,
                           env=self.environment())
            os.rename(self.exports, final)
        finally:
            shutil.rmtree(self.exports, ignore_errors=True)
            self.exports = final

    def tokenizer(self, max_tokens=texts.MAX_TOKENS):
        return texts.load_tokenizer(self.model, max_tokens)

    def write_sets(self, wordnet, folder, scale):
        """Writes the texts; returns {name: path}. `scale` divides their number."""
        sets = texts.make_sets(wordnet, self.tokenizer(max_tokens=None), scale)
        return {name: texts.write_texts(os.path.join(folder, f"{name}.ndjson"), content)
                for name, content in sets.items()}

    def write_fidelity(self, wordnet, folder, count):
        content = texts.make_fidelity(wordnet, self.tokenizer(max_tokens=None), count)
        return texts.write_texts(os.path.join(folder, "fidelity.ndjson"), content)

    @staticmethod
    def why_absent(name):
        """Returns why an engine cannot run here; None when it can."""
        try:
            if name == OLLAMA:
                cached_path("ollama")
        except RuntimeError as error:
            return str(error)
        return None

    def start(self, name):
        if name in LAKEHOUSE:
            return Lakehouse(name, self)
        return Ollama(self) if name == OLLAMA else Rival(name, self)
