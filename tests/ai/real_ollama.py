"""A real Ollama that serves a model made from the directory that the embedded encoder reads."""

import json
import os
import shutil
import struct

from support.ollama import OllamaServer, cached_model
from support.tiny_gguf import WORDS
from support.wordnet import read_glosses
from world import EMBEDDED, AiTest, cosine

GLOSSES = 300
TOP_K = 10
OLLAMA_TOKENS = 512
SCORE_TOLERANCE = 2e-3  # Its weights are half floats.
QUERIES = ["a large wild cat with stripes", "money paid regularly to an employee",
           "musical instrument with strings", "the study of stars and planets",
           "a violent storm over the sea"]
OLLAMA_MODEL = {"name": "minilm-ollama", "provider": "house", "model": "minilm",
                "directory": cached_model(EMBEDDED)}
EMBEDDED_MODEL = {"name": "minilm", "provider": "embedded", "directory": cached_model(EMBEDDED)}
GENERATOR = {"name": "tiny", "provider": "house", "task": "generate"}


def other_weights(folder):
    """Copies the model's directory, every word's vector moved to the word after it."""
    changed = os.path.join(folder, "changed")
    shutil.copytree(cached_model(EMBEDDED), changed)
    with open(os.path.join(changed, "model.safetensors"), "r+b") as file:
        header_size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(header_size))
        [words] = [tensor for name, tensor in header.items()
                   if name.endswith("word_embeddings.weight")]
        begin, end = (8 + header_size + offset for offset in words["data_offsets"])
        row_size = (end - begin) // words["shape"][0]
        file.seek(begin)
        rows = file.read(end - begin)
        file.seek(begin)
        file.write(rows[row_size:] + rows[:row_size])
    return changed


class OllamaTest(AiTest):
    @classmethod
    def setUpClass(cls):
        cls.ollama = cls.enterClassContext(OllamaServer())
        cls.ollama.create_model("minilm", cached_model(EMBEDDED))
        cls.ollama.create_tiny_generator("tiny")

    def setUp(self):
        super().setUp()
        # Models that lost their name stay in memory, where nobody can unload them.
        self.ollama.stop()
        self.ollama.start()
        # The first load of a model on a busy machine takes its time.
        self.provider = {"name": "house", "kind": "ollama", "url": self.ollama.url, "threads": 1,
                         "request_timeout_ms": 120000, "load_timeout_ms": 300000}
        self.configure([self.provider], [OLLAMA_MODEL, EMBEDDED_MODEL, GENERATOR],
                       model="minilm", generate_model="tiny")

    def ask_ollama(self, texts):
        """The vectors that Ollama itself gives."""
        return self.ollama.call("POST", "/api/embed", {
            "model": "minilm", "input": texts, "options": {"num_thread": 1}})["embeddings"]

    def test_search_finds_what_brute_force_finds(self):
        glosses = read_glosses(GLOSSES, seed=11)
        server = self.serve()
        self.build_index(server, "glosses", glosses, model="minilm-ollama")
        space = self.ask(server, "GET", "/vectors/indexes/glosses_v1")["space"]
        self.assertEqual((space["provider"], space["digest"].removeprefix("sha256:")),
                         ("ollama", self.ollama.digest("minilm")))
        vectors = self.ask_ollama(glosses)
        for query, query_vector in zip(QUERIES, self.ask_ollama(QUERIES)):
            scores = [cosine(query_vector, vector) for vector in vectors]
            worst = sorted(scores)[-TOP_K]
            hits = self.search(server, "glosses_v1", query, TOP_K)["results"]
            self.assertEqual(len({hit["doc_id"] for hit in hits}), TOP_K)
            for hit in hits:
                score = scores[int(hit["doc_id"])]
                self.assertAlmostEqual(hit["score"], score, delta=SCORE_TOLERANCE)
                self.assertGreater(score, worst - SCORE_TOLERANCE)

    def test_preload_and_unload_are_seen_by_ollama(self):
        server = self.serve()
        for name, at_ollama in (("minilm-ollama", "minilm"), ("tiny", "tiny")):
            self.ask(server, "POST", "/admin/preload", {"model": name})
            self.assertIn(at_ollama, self.ollama.loaded())
            self.assertTrue(self.model_info(server, name)["loaded"])
        self.ask(server, "POST", "/admin/unload", {"model": "minilm-ollama"})
        self.assertEqual(self.ollama.loaded(), ["tiny"])
        self.assertFalse(self.model_info(server, "minilm-ollama")["loaded"])
        self.ask(server, "POST", "/admin/unload", {"model": "tiny"})
        self.assertEqual(self.ollama.loaded(), [])
        self.vectors(server, ["it comes back when it is needed"], model="minilm-ollama")
        self.assertEqual(self.ollama.loaded(), ["minilm"])

    def test_a_preloaded_model_stays(self):
        server = self.serve()
        self.ask(server, "POST", "/admin/preload", {"model": "minilm-ollama"})
        self.vectors(server, ["a text"], model="minilm-ollama")
        [loaded] = [model for model in self.ollama.call("GET", "/api/ps")["models"]
                    if model["name"] == "minilm:latest"]
        self.assertGreater(loaded["expires_at"][:4], "2100")

    def test_options_never_reload_the_model(self):
        server = self.serve()
        self.ask(server, "POST", "/admin/preload", {"model": "minilm-ollama"})
        starts = self.runner_starts()
        self.vectors(server, ["a text", "another"], model="minilm-ollama")
        self.vectors(server, ["a query"], model="minilm-ollama", role="query")
        self.build_index(server, "few", ["one", "two"], model="minilm-ollama")
        self.assertEqual(self.runner_starts(), starts)

    def runner_starts(self):
        with open(self.ollama.log_path, encoding="utf-8", errors="replace") as log:
            return log.read().count("starting runner")

    def model_info(self, server, name):
        [info] = [model for model in self.ask(server, "GET", "/ai/models")["items"]
                  if model["name"] == name]
        return info

    def test_models_and_providers_are_listed(self):
        server = self.serve()
        answer = self.ask(server, "GET", "/ai/models")
        self.assertEqual({model["name"]: (model["task"], model["provider"], model["default"])
                          for model in answer["items"]},
                         {"minilm": ("embed", "embedded", True),
                          "minilm-ollama": ("embed", "house", False),
                          "tiny": ("generate", "house", True)})
        reachable = {provider["name"]: provider["reachable"] for provider in answer["providers"]}
        self.assertEqual(reachable, {"embedded": True, "house": True})

    def test_generation_streams(self):
        server = self.serve()
        body = {"prompt": "tell me a story", "max_tokens": 12, "seed": 4}
        whole = self.ask(server, "POST", "/ai/generate", body)
        self.assertEqual([word for word in whole["text"].split() if word not in WORDS], [])
        self.assertEqual((whole["finish_reason"], whole["completion_tokens"]), ("length", 12))
        status, stream = server.send("POST", "/ai/generate", json.dumps(
            {**body, "stream": True}).encode(), {"Content-Type": "application/json"})
        self.assertEqual(status, 200, stream)
        events = [event.split("\n") for event in stream.decode().strip().split("\n\n")]
        self.assertEqual([event[0] for event in events],
                         ["event: piece"] * (len(events) - 1) + ["event: done"])
        data = [json.loads(event[1].removeprefix("data: ")) for event in events]
        self.assertGreater(len(data), 5)
        self.assertEqual("".join(item["text"] for item in data[:-1]), whole["text"])
        self.assertEqual(data[-1]["text"], whole["text"])
        chat = self.ask(server, "POST", "/ai/generate", {
            "messages": [{"role": "user", "content": "tell me a story"}], "max_tokens": 12,
            "seed": 4})
        self.assertEqual(chat["text"], whole["text"])

    def test_the_same_texts_have_another_space_under_the_embedded_model(self):
        server = self.serve()
        plain, accented = "a plain sentence about cats", "café crème — “naïve” façade"
        ours = self.vectors(server, [plain, accented], model="minilm")
        theirs = self.vectors(server, [plain, accented], model="minilm-ollama")
        self.assertGreater(cosine(ours[0], theirs[0]), 0.999)
        self.assertLess(cosine(ours[1], theirs[1]), 0.9)  # Why spaces are kept apart.
        self.build_index(server, "texts", [plain, accented], model="minilm-ollama")
        self.assertEqual(self.found(server, "texts_v1", plain), [0, 1])
        # The name now stands for the encoder inside the program.
        self.configure(models=[{**EMBEDDED_MODEL, "name": "minilm-ollama"}], model="minilm-ollama")
        server = self.restart(server)
        detail = self.search(server, "texts_v1", plain, status=409)["detail"]
        for part in ("texts_v1", "ollama", "embedded"):
            self.assertIn(part, detail)

    def test_a_changed_tag_is_noticed(self):
        self.ollama.create_model("changing", cached_model(EMBEDDED))
        self.configure([self.provider], [{**OLLAMA_MODEL, "name": "mutable", "model": "changing"}],
                       model="mutable")
        server = self.serve()
        self.build_index(server, "texts", ["a small cat", "tax law", "a red car"])
        before = self.ollama.digest("changing")
        self.assertEqual(self.found(server, "texts_v1", "kitten", 1), [0])
        self.ollama.create_model("changing", other_weights(self.folder))
        after = self.ollama.digest("changing")
        self.assertNotEqual(before, after)
        # While it runs, it finds out by itself.
        queries = iter(range(1_000_000))
        status, problem = self.wait_for(
            lambda: server.call("POST", "/vectors/search", {
                "index_name": "texts_v1", "query": f"kitten {next(queries)}"}),
            lambda answer: answer[0] != 200)
        self.assert_names_both(status, problem["detail"], before, after)
        server = self.restart(server)
        status, problem = server.call("POST", "/vectors/search", {
            "index_name": "texts_v1", "query": "kitten"})
        self.assert_names_both(status, problem["detail"], before, after)
        # With the model that the index was made with, it answers again.
        self.ollama.create_model("changing", cached_model(EMBEDDED))
        self.assertEqual(self.ollama.digest("changing"), before)
        server = self.restart(server)
        self.assertEqual(self.found(server, "texts_v1", "kitten", 1), [0])

    def assert_names_both(self, status, detail, before, after):
        self.assertEqual(status, 409, detail)
        for part in ("texts_v1", before[:12], after[:12]):
            self.assertIn(part, detail)

    def test_a_stopped_ollama_is_named_and_waited_for(self):
        server = self.serve()
        self.vectors(server, ["a text"], model="minilm-ollama")
        self.ingest(server, "texts", ["one", "two", "three"])
        self.ollama.stop()
        detail = self.refusal(server, "/ai/embed", {"model": "minilm-ollama", "text": "new"}, 503)
        self.assertIn(self.ollama.url.removeprefix("http://"), detail)
        [house] = [provider for provider in self.ask(server, "GET", "/ai/models")["providers"]
                   if provider["name"] == "house"]
        self.assertFalse(house["reachable"])
        self.ollama.start()
        status = self.wait_for(
            lambda: server.call("POST", "/ai/embed", {"model": "minilm-ollama", "text": "new"})[0],
            lambda status: status != 503)
        self.assertEqual(status, 200)
        job = self.wait_job(server, self.start_index(server, "texts", model="minilm-ollama"))
        self.assertEqual((job["state"], job["done"]), ("done", 3), job)

    def test_what_ollama_does_not_have_is_named(self):
        self.configure([self.provider], [
            {**OLLAMA_MODEL, "model": "nothing-here"}, EMBEDDED_MODEL,
            {"name": "wrong", "provider": "house", "model": "tiny", "task": "embed"},
            {"name": "mute", "provider": "house", "model": "minilm", "task": "generate"}],
            model="minilm")
        server = self.serve()
        detail = self.refusal(server, "/ai/embed", {"model": "minilm-ollama", "text": "x"}, 404)
        self.assertIn("nothing-here", detail)
        self.refusal(server, "/ai/generate", {"model": "mute", "prompt": "x"}, 400)
        detail = self.refusal(server, "/ai/embed", {"model": "mimilm", "text": "x"}, 404)
        self.assertIn("minilm", detail)  # The nearest name.

    def test_long_texts_are_cut_here(self):
        server = self.serve()
        # With the tokens at its ends a text fills what Ollama gives to the model.
        longest = " ".join(["harbour"] * (OLLAMA_TOKENS - 2))
        whole, cut = self.vectors(server, [longest + " and a violent storm" * 100, longest],
                                  model="minilm-ollama")
        self.assertGreater(cosine(whole, cut), 0.99999)
