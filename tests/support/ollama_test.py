"""Tests of the real Ollama that other tests stand on."""

import json
import math
import os
import unittest
from unittest import mock

from ollama import OllamaServer, cached_model
from tiny_gguf import WORDS, tiny_generator

ONE_THREAD = {"num_thread": 1}  # More of them wait for each other where cores are shared.


class OllamaServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(OllamaServer())
        cls.server.create_tiny_generator("tiny")
        cls.server.create_model("minilm", cached_model("all-MiniLM-L6-v2"))

    def generate(self, **fields):
        """Streams a text; returns the lines of the answer."""
        options = {"num_predict": 8, "seed": 5, **ONE_THREAD}
        status, answer = self.server.send("POST", "/api/generate", json.dumps(
            {"model": "tiny", "prompt": "tell me", "options": options, **fields}).encode())
        self.assertEqual(status, 200, answer)
        return [json.loads(line) for line in answer.splitlines()]

    def test_a_hugging_face_directory_becomes_a_model(self):
        near, also, far = self.server.call("POST", "/api/embed", {
            "model": "minilm", "options": ONE_THREAD,
            "input": ["a small cat", "a little kitten", "tax law"]})["embeddings"]
        self.assertEqual(len(near), 384)
        self.assertAlmostEqual(math.hypot(*near), 1.0, places=4)
        self.assertGreater(sum(map(float.__mul__, near, also)),
                           0.3 + sum(map(float.__mul__, near, far)))

    def test_a_tiny_model_streams_words_that_follow_from_the_seed(self):
        lines = self.generate()
        self.assertEqual([line["done"] for line in lines], [False] * 8 + [True])
        words = "".join(line["response"] for line in lines).split()
        self.assertEqual([word for word in words if word not in WORDS], [])
        self.assertEqual([line["response"] for line in self.generate()],
                         [line["response"] for line in lines])

    def test_models_unload(self):
        self.generate()
        self.assertIn("tiny", self.server.loaded())
        for name in self.server.loaded():
            self.server.call("POST", "/api/generate", {"model": name, "keep_alive": 0})
        self.server.wait_loaded([])

    def test_a_name_can_get_another_model(self):
        self.server.create_tiny_generator("changing", seed=1)
        before = self.server.digest("changing")
        self.server.create_tiny_generator("changing", seed=2)
        self.assertNotEqual(self.server.digest("changing"), before)
        self.assertEqual(tiny_generator(1), tiny_generator(1))

    def test_what_is_no_model_is_an_error(self):
        with self.assertRaisesRegex(RuntimeError, "made no model nothing"):
            self.server.create_model("nothing", os.path.dirname(__file__))
        with self.assertRaisesRegex(RuntimeError, "HTTP 404.*not found"):
            self.server.call("POST", "/api/embed", {"model": "nothing", "input": "x"})


class LifeTest(unittest.TestCase):
    def test_models_and_address_survive_a_stop_and_nothing_the_end(self):
        with OllamaServer() as server:
            server.create_tiny_generator("tiny")
            url, folder, pid = server.url, server.folder, server.pid
            server.stop()
            with self.assertRaisesRegex(OSError, "refused"):
                server.call("GET", "/api/tags")
            server.start()
            self.assertEqual(server.url, url)
            self.assertEqual(len(server.call("GET", "/api/tags")["models"]), 1)
        self.assertFalse(os.path.exists(folder))
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_a_missing_program_names_what_installs_it(self):
        with mock.patch.dict(os.environ, LAKEHOUSE_CACHE="/nonexistent"):
            with self.assertRaisesRegex(RuntimeError, "run tools/bootstrap test"):
                OllamaServer()


if __name__ == "__main__":
    unittest.main()
