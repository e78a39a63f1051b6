"""Texts that nobody would embed, and model directories that are none."""

import json
import os
import shutil
import struct
import tempfile

from support.ollama import cached_model
from world import EMBEDDED, AiTest, cosine

PLAIN = "a plain sentence about cats"
# What is in some column of every lake. Each is a text: it gets a vector or an error of its own.
ODD_TEXTS = {
    "empty": "", "blank": " \t\n", "nul": "before\0after", "only NULs": "\0" * 50,
    "emoji flood": "👨‍👩‍👧‍👦🏳️‍🌈" * 5000, "combining flood": "e" + "\u0301" * 20000,
    "right to left": "\u202eevil\u202c مرحبا بالعالم", "one long word": "x" * 1_000_000,
    "ten megabytes": "the quick brown fox " * 500_000, "replacement": "\ufffd" * 1000,
    "private use": "\ue000\U000f0000", "last code point": "\U0010ffff",
    "beyond 16 bits": "\U0001f600",
}
WEIGHTS = "model.safetensors"


class OddTextTest(AiTest):
    def setUp(self):
        super().setUp()
        self.configure()
        self.server = self.serve()

    def test_each_odd_text_is_answered_and_harms_no_other(self):
        [expected] = self.vectors(self.server, [PLAIN])
        for name, text in ODD_TEXTS.items():
            with self.subTest(name):
                first, odd, last = self.embed(self.server, [PLAIN, text, PLAIN])["embeddings"]
                self.assertEqual((first["embedding"], last["embedding"]), (expected, expected))
                if "error" in odd:
                    self.assertEqual(odd["error"]["code"], "invalid_argument")
                    self.assertTrue(odd["error"]["detail"])
                else:
                    self.assertAlmostEqual(cosine(odd["embedding"], odd["embedding"]), 1.0)

    def test_a_job_embeds_the_others(self):
        # NUL is refused where data comes in.
        odd = [text for text in ODD_TEXTS.values() if "\0" not in text]
        texts = [PLAIN, *odd, "a plain sentence about taxes"]
        self.ingest(self.server, "odd", texts)
        job = self.wait_job(self.server, self.start_index(self.server, "odd"))
        self.assertEqual((job["state"], job["done"]), ("done", len(texts)), job)
        self.assertEqual(len(job["failed"]), job["failed_items"])
        for item in job["failed"]:
            self.assertNotIn(item["doc_id"], ("0", str(len(texts) - 1)))
            self.assertTrue(item["reason"])
        self.assertEqual(self.found(self.server, "odd_v1", PLAIN, 1), [0])
        self.assertEqual(self.found(self.server, "odd_v1", "a plain sentence about taxes", 1),
                         [len(texts) - 1])

    def test_rows_without_id_or_text_are_listed(self):
        rows = [{"id": 0, "text": PLAIN}, {"id": 1, "text": None}, {"id": None, "text": PLAIN},
                {"id": 3, "text": "tax law"}]
        lines = "\n".join(map(json.dumps, rows)).encode()
        status, answer = self.server.ingest("gaps.ndjson", lines, dataset="gaps")
        self.assertEqual(status, 200, answer)
        status, answer = self.server.call("POST", "/vectors/index", {
            "source": "gaps", "id_column": "id", "text_column": "text"})
        if status != 202:  # An id column with NULLs may be refused at once.
            self.assertEqual(status, 400, answer)
            self.assertIn("id", answer["detail"])
            return
        job = self.wait_job(self.server, answer["job_id"])
        self.assertEqual((job["state"], job["done"]), ("done", 4), job)
        self.assertTrue(all(item["reason"] for item in job["failed"]), job)

    def test_bytes_that_are_no_utf8_are_refused_as_json(self):
        for text in (b"\xff\xfe", b"\xc3(", b"\xed\xa0\x80"):
            body = b'{"text": "' + text + b'"}'
            status, problem = self.server.call_bytes("POST", "/ai/embed", body,
                                                     {"Content-Type": "application/json"})
            self.assertEqual(status, 400, problem)
            self.assertTrue(problem["detail"])
        # Half of a surrogate pair is spelt in ASCII.
        status, answer = self.server.call_bytes("POST", "/ai/embed", b'{"texts": ["\\ud800", "a"]}',
                                                {"Content-Type": "application/json"})
        self.assertIn(status, (200, 400), answer)

    def test_bad_requests_name_the_field(self):
        for body, field in (({}, "texts"), ({"texts": []}, "texts"), ({"texts": [1]}, "texts"),
                            ({"texts": "x", "text": "y"}, "texts"), ({"texts": {"a": 1}}, "texts"),
                            ({"text": "x", "role": "poet"}, "role"),
                            ({"text": "x", "modle": ""}, "mod"),
                            ({"texts": ["x"] * 10_001}, "texts")):
            with self.subTest(str(body)[:60]):
                self.assertIn(field, self.refusal(self.server, "/ai/embed", body, 400))

    def test_an_unknown_model_names_the_nearest(self):
        detail = self.refusal(self.server, "/ai/embed", {
            "text": "x", "model": "all-MiniLM-L6-v3"}, 404)
        self.assertIn(EMBEDDED, detail)
        self.ingest(self.server, "texts", [PLAIN])
        detail = self.refusal(self.server, "/vectors/index", {
            "source": "texts", "id_column": "id", "text_column": "text", "model": "nothing"}, 404)
        self.assertIn("nothing", detail)


class DirectoryTest(AiTest):
    """Each test damages a copy of the model; the default model goes on."""

    def setUp(self):
        super().setUp()
        self.damaged = os.path.join(self.folder, "damaged")
        shutil.copytree(cached_model(EMBEDDED), self.damaged)

    def path(self, name):
        return os.path.join(self.damaged, name)

    def edit_json(self, name, **fields):
        with open(self.path(name), encoding="utf-8") as file:
            content = json.load(file)
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump({**content, **fields}, file)

    def edit_header(self, change):
        """Rewrites the header of the weights; the data stays."""
        with open(self.path(WEIGHTS), "rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(size))
            data = file.read()
        change(header)
        text = json.dumps(header).encode()
        with open(self.path(WEIGHTS), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)

    def assert_refused(self, *parts):
        """The damaged model is refused with a message that holds the parts; others work."""
        self.data = tempfile.mkdtemp(dir=self.folder)
        self.configure(models=[{"name": "damaged", "directory": self.damaged}])
        with self.serve() as server:
            self.check_refused(server, parts)

    def check_refused(self, server, parts):
        status, problem = server.call("POST", "/ai/embed", {"model": "damaged", "text": PLAIN})
        self.assertIn(status, (400, 404, 503), problem)
        for part in parts:
            self.assertIn(part, problem["detail"])
        self.vectors(server, [PLAIN])
        [info] = [model for model in self.ask(server, "GET", "/ai/models")["items"]
                  if model["name"] == "damaged"]
        self.assertTrue(info["error"], info)
        self.ingest(server, "texts", [PLAIN])
        status, problem = server.call("POST", "/vectors/index", {
            "source": "texts", "id_column": "id", "text_column": "text", "model": "damaged"})
        self.assertIn(status, (400, 404, 503), problem)
        self.assertEqual(server.stop(), 0)

    def test_missing_files_are_named(self):
        for name in (WEIGHTS, "config.json"):
            with self.subTest(name):
                os.rename(self.path(name), self.path("elsewhere"))
                self.assert_refused(name)
                os.rename(self.path("elsewhere"), self.path(name))

    def test_a_missing_vocabulary_is_named(self):
        for name in ("tokenizer.json", "vocab.txt"):
            os.remove(self.path(name))
        self.assert_refused("tokenizer.json")

    def test_a_missing_directory_is_named(self):
        shutil.rmtree(self.damaged)
        self.assert_refused(self.damaged)

    def test_truncated_weights_are_named(self):
        size = os.path.getsize(self.path(WEIGHTS))
        for kept in (size - 1, size // 2, 100, 4, 0):
            with self.subTest(kept):
                os.truncate(self.path(WEIGHTS), kept)
                self.assert_refused(WEIGHTS)

    def test_wrong_shapes_are_named(self):
        def transpose(header):
            tensor = header["encoder.layer.0.intermediate.dense.weight"]
            tensor["shape"].reverse()

        self.edit_header(transpose)
        self.assert_refused(WEIGHTS, "encoder.layer.0.intermediate.dense.weight")

    def test_missing_tensors_are_named(self):
        def rename(header):
            header["renamed"] = header.pop("encoder.layer.3.output.dense.bias")

        self.edit_header(rename)
        self.assert_refused(WEIGHTS, "encoder.layer.3.output.dense.bias")

    def test_unknown_architectures_are_named(self):
        self.edit_json("config.json", model_type="mamba", architectures=["MambaModel"])
        self.assert_refused("config.json", "mamba")

    def test_configurations_that_contradict_the_weights_are_named(self):
        self.edit_json("config.json", num_hidden_layers=9)
        self.assert_refused(WEIGHTS, "layer.6")

    def test_files_that_are_no_json_are_named(self):
        for name in ("config.json", "modules.json", "tokenizer.json", "1_Pooling/config.json"):
            with self.subTest(name):
                shutil.copy(self.path(name), self.path("kept"))
                with open(self.path(name), "w", encoding="utf-8") as file:
                    file.write('{"half": ')
                self.assert_refused(os.path.basename(name))
                shutil.copy(self.path("kept"), self.path(name))

    def test_numbers_that_are_none_are_noticed(self):
        with open(self.path(WEIGHTS), "r+b") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            file.seek(8 + size)
            file.write(b"\xff" * 4_000_000)  # NaN, as floats.
        self.configure(models=[{"name": "damaged", "directory": self.damaged}])
        server = self.serve()
        status, answer = server.call("POST", "/ai/embed", {"model": "damaged", "text": PLAIN})
        if status == 200:
            self.assertIn("error", answer["embeddings"][0])
        else:
            self.assertIn(status, (400, 503), answer)
        self.vectors(server, [PLAIN])

    def test_a_damaged_default_model_does_not_keep_the_server_from_starting(self):
        os.truncate(self.path(WEIGHTS), 1000)
        self.configure(model_dir=self.damaged)
        server = self.serve()
        status, problem = server.call("POST", "/ai/embed", {"text": PLAIN})
        self.assertIn(status, (400, 503), problem)
        self.assertIn(WEIGHTS, problem["detail"])
        self.ingest(server, "texts", [PLAIN])
        self.assertEqual(server.sql("select count(*) from texts"), [[1]])
