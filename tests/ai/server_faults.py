"""A model server that fails in every way, seen through the routes of Lakehouse."""

import http.client
import json
import threading
import urllib.parse

from support.model_fault_server import ModelFaultServer
from support.model_faults import FAULTS
from world import AiTest, cosine

KINDS = ("ollama", "openai")
EMBED_PATH = {"ollama": "/api/embed", "openai": "/v1/embeddings"}
MAX_RETRIES = 2
API_KEY = "sk-9b7e-nobody-may-see-this"
# What some of them do is no failure for a text that is asked for: the answer is still right.
HARMLESS = {"ollama": {"shuffled", "same_index", "wrong_index", "slow", "drip"},
            "openai": {"shuffled", "slow", "drip", "same_index", "wrong_index"}}
OF_STREAMS = {"unfinished", "stream_error", "stream_garbage"}


class ServerTest(AiTest):
    """With one provider of each kind, both of them the same server of faults."""

    def setUp(self):
        super().setUp()
        self.faulty = self.enterContext(ModelFaultServer())
        self.configure_faulty()

    def configure_faulty(self, models=(), secrets=None, **provider):
        """Models embed-KIND, generate-KIND and rerank-openai; `provider` adds to the providers."""
        providers = [{"name": kind, "kind": kind, "url": self.faulty.url,
                      "max_retries": MAX_RETRIES, "request_timeout_ms": 1500,
                      "load_timeout_ms": 1500, **provider} for kind in KINDS]
        tables = [{"name": f"{task}-{kind}", "provider": kind, "task": task, "model": model}
                  for kind in KINDS for task, model in (("embed", "embedder:latest"),
                                                        ("generate", "generator:latest"))]
        tables.append({"name": "rerank-openai", "provider": "openai", "task": "rerank",
                       "model": "reranker:latest"})
        self.configure(providers, [*tables, *models], secrets, model="embed-ollama",
                       generate_model="generate-ollama", rerank_model="rerank-openai",
                       cache_memory_bytes=0, cache_disk_bytes=0)

    def wait_healthy(self, server, kind):
        """Waits until the server is asked again after failures that kept requests from it."""
        self.wait_for(lambda: server.call("POST", "/ai/embed", {
            "model": f"embed-{kind}", "text": "are you well"})[0], lambda status: status == 200)

    def assert_vectors(self, texts, vectors, weights="embedder:latest"):
        """Compares with what the fault server gives to these texts."""
        for text, vector in zip(texts, vectors, strict=True):
            self.assertGreater(cosine(vector, self.faulty.host.vector(weights, text)), 0.999999)


class EmbedTest(ServerTest):
    def test_texts_get_their_vectors(self):
        server = self.serve()
        texts = [f"text {i}" for i in range(100)]
        for kind in KINDS:
            self.assert_vectors(texts, self.vectors(server, texts, model=f"embed-{kind}"))

    def test_every_fault_is_an_error_and_passes(self):
        server = self.serve()
        for kind in KINDS:
            for fault in FAULTS:
                if fault in OF_STREAMS:
                    continue
                with self.subTest(kind=kind, fault=fault):
                    self.wait_healthy(server, kind)
                    self.faulty.add(fault, times=0, delay_ms=1, path=EMBED_PATH[kind])
                    status, answer = server.call("POST", "/ai/embed", {
                        "model": f"embed-{kind}", "texts": ["a text", "another one"]})
                    self.check_answer(kind, fault, status, answer)
                    self.faulty.clear()
        self.assertEqual(server.stop(), 0)

    def check_answer(self, kind, fault, status, answer):
        if fault in HARMLESS[kind] and status == 200 and "embedding" in answer["embeddings"][0]:
            self.assert_vectors(["a text", "another one"],
                                [item["embedding"] for item in answer["embeddings"]])
        elif status == 200:
            failed = [item["error"] for item in answer["embeddings"] if "error" in item]
            self.assertTrue(failed, "the fault went unnoticed")
            self.assertTrue(all(error["detail"] and error["code"] != "internal"
                                for error in failed), failed)
        else:
            self.assertIn(status, (400, 401, 403, 404, 409, 503, 504), answer)
            self.assertTrue(answer["detail"])

    def test_a_poisonous_text_fails_alone(self):
        server = self.serve()
        texts = [f"text {i}" for i in range(50)]
        texts[17] = "the poison"
        for kind in KINDS:
            for fault in ("nan_400", "nan_500", "runner_crash", "bad_request", "backend_failed",
                          "nan_vector", "null_vector", "inf_vector", "zero_vector"):
                with self.subTest(kind=kind, fault=fault):
                    self.faulty.clear()
                    self.faulty.add(fault, text="poison", times=0)
                    items = self.embed(server, texts, model=f"embed-{kind}")["embeddings"]
                    self.assertEqual([i for i, item in enumerate(items) if "error" in item], [17])
                    self.assert_vectors(texts[:17] + texts[18:], [
                        item["embedding"] for item in items if "embedding" in item])

    def test_vectors_follow_their_index_not_their_place(self):
        server = self.serve()
        texts = [f"text {i}" for i in range(10)]
        self.faulty.add("shuffled", times=0)
        self.assert_vectors(texts, self.vectors(server, texts, model="embed-openai"))
        self.assertIn("shuffled", [line.fault for line in self.faulty.log()])

    def test_a_busy_server_is_asked_again(self):
        server = self.serve()
        for kind in KINDS:
            self.wait_healthy(server, kind)
            self.faulty.clear()
            self.faulty.add("busy", times=MAX_RETRIES, retry_after="0")
            self.assert_vectors(["x"], self.vectors(server, ["x"], model=f"embed-{kind}"))
            self.assertEqual(self.faulty.times("x"), (1 + MAX_RETRIES, 1))

    def test_nobody_is_asked_for_ever(self):
        server = self.serve()
        for kind in KINDS:
            self.wait_healthy(server, kind)
            self.faulty.clear()
            self.faulty.add("busy", times=0)
            detail = self.refusal(server, "/ai/embed", {"model": f"embed-{kind}", "text": "x"}, 503)
            self.assertIn("busy", detail)
            self.assertEqual(self.faulty.times("x"), (1 + MAX_RETRIES, 0))
            self.faulty.clear()

    def test_no_more_requests_are_in_flight_than_configured(self):
        self.configure_faulty(max_concurrent_requests=2, max_batch_texts=4)
        server = self.serve()
        for kind in KINDS:
            self.wait_healthy(server, kind)
            self.faulty.clear()
            self.faulty.add("slow", delay_ms=15, times=0)

            def embed(number, kind=kind):
                self.vectors(server, [f"text {number} {i}" for i in range(20)],
                             model=f"embed-{kind}")

            threads = [threading.Thread(target=embed, args=(i,)) for i in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            counters = self.faulty.counters()
            self.assertEqual(counters["peak_in_flight"], 2)
            self.assertEqual(counters["most_texts"], 4)
            self.assertEqual((counters["served_texts"], counters["most_served"]), (120, 1))
            self.faulty.clear()

    def test_batches_shrink_to_what_the_server_takes(self):
        self.faulty.set(max_batch_texts=5)
        server = self.serve()
        texts = [f"text {i}" for i in range(60)]
        self.assert_vectors(texts, self.vectors(server, texts, model="embed-openai"))
        self.assertEqual(self.faulty.counters()["most_served"], 1)

    def test_texts_are_cut_to_the_length_of_the_model(self):
        server = self.serve()
        long = " ".join(["harbour"] * 5000)
        for kind in KINDS:
            with self.subTest(kind):
                items = self.embed(server, ["short", long], model=f"embed-{kind}")["embeddings"]
                self.assertTrue(all("embedding" in item for item in items), kind)

    def test_a_width_that_changes_is_a_conflict(self):
        server = self.serve()
        for kind in KINDS:
            self.wait_healthy(server, kind)
            self.faulty.add("wrong_width", times=0)
            detail = self.refusal(server, "/ai/embed", {"model": f"embed-{kind}", "text": "x"}, 409)
            self.assertRegex(detail, "31.*32|32.*31")
            self.faulty.clear()

    def test_time_limits_hold(self):
        server = self.serve()
        for kind in KINDS:
            self.wait_healthy(server, kind)
            self.faulty.clear()
            self.faulty.add("hang", times=0)
            self.refusal(server, "/ai/embed", {"model": f"embed-{kind}", "text": "x"}, 504)
            self.wait_for(lambda: all(line.client_left for line in self.faulty.log()
                                      if line.fault == "hang"))
            self.assertEqual(self.faulty.times("x"), (1, 0))
            self.faulty.clear()


class TrustTest(ServerTest):
    def test_keys_are_sent_and_never_told(self):
        self.faulty.set(api_key=API_KEY)
        self.configure_faulty(secrets={"models": API_KEY}, credentials="models")
        server = self.serve()
        self.vectors(server, ["x"], model="embed-openai")
        self.faulty.set(api_key="another")
        detail = self.refusal(server, "/ai/embed", {"model": "embed-openai", "text": "y"}, 401)
        self.assertNotIn(API_KEY, detail)
        _, listing = server.send("GET", "/ai/models")
        self.assertNotIn(API_KEY.encode(), listing)
        self.assertEqual(server.stop(), 0)
        self.assertNotIn(API_KEY, self.read_log())

    def test_redirects_are_not_followed(self):
        server = self.serve()
        with ModelFaultServer() as elsewhere:
            for kind in KINDS:
                self.wait_healthy(server, kind)
                self.faulty.clear()
                self.faulty.add("redirect", times=0, location=elsewhere.url + EMBED_PATH[kind])
                self.refusal(server, "/ai/embed", {"model": f"embed-{kind}", "text": "x"}, 503)
                self.faulty.clear()
            self.assertEqual(elsewhere.counters()["requests"], 0)

    def test_cloud_models_are_refused_unless_allowed(self):
        cloud = [{"name": "cloud", "provider": "ollama", "task": "generate",
                  "model": "faraway:cloud"}]
        self.configure_faulty(cloud)
        server = self.serve()
        detail = self.refusal(server, "/ai/generate", {"model": "cloud", "prompt": "secret"}, 403)
        self.assertIn("allow_cloud", detail)
        self.assertFalse(any("secret" in str(line.body) for line in self.faulty.log()))
        self.assertEqual(server.stop(), 0)
        self.configure_faulty(cloud, allow_cloud=True)
        server = self.serve()
        self.ask(server, "POST", "/ai/generate", {"model": "cloud", "prompt": "secret"})

    def test_other_machines_are_refused_unless_allowed(self):
        self.configure([{"name": "far", "kind": "ollama", "url": "http://192.0.2.1:11434"}],
                       [{"name": "away", "provider": "far"}])
        with self.assertRaisesRegex(RuntimeError, "ended with code 5"):
            self.serve()
        self.assertIn("allow_remote", self.read_log())


class GenerateTest(ServerTest):
    def generate(self, server, kind, status=200, **fields):
        return self.ask(server, "POST", "/ai/generate", {
            "model": f"generate-{kind}", "prompt": "tell me", **fields}, status)

    def stream(self, server, kind):
        """Returns the events of a streamed answer: (type, data)."""
        status, text = server.send("POST", "/ai/generate", json.dumps(
            {"model": f"generate-{kind}", "prompt": "tell me", "stream": True}).encode(),
            {"Content-Type": "application/json"})
        self.assertEqual(status, 200, text)
        events = [event.split("\n") for event in text.decode().strip().split("\n\n")]
        return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
                for name, data in events]

    def test_streams_say_what_answers_say(self):
        server = self.serve()
        for kind in KINDS:
            whole = self.generate(server, kind)
            self.assertEqual(whole["finish_reason"], "stop")
            *pieces, (last, data) = self.stream(server, kind)
            self.assertEqual(last, "done")
            self.assertEqual("".join(piece["text"] for _, piece in pieces), whole["text"])
            self.assertGreater(len(pieces), 3)
            self.assertEqual(data["text"], whole["text"])
            limited = self.generate(server, kind, max_tokens=3)
            self.assertEqual((limited["finish_reason"], limited["completion_tokens"]),
                             ("length", 3))
            stop = whole["text"].split()[2]
            self.assertNotIn(stop, self.generate(server, kind, stop=[stop])["text"])

    def test_streams_that_break_say_so(self):
        server = self.serve()
        for kind in KINDS:
            for fault in ("stream_error", "stream_garbage", "unfinished", "truncated"):
                with self.subTest(kind=kind, fault=fault):
                    self.faulty.clear()
                    self.faulty.add(fault, times=0)
                    events = self.stream(server, kind)
                    self.assertEqual([name for name, _ in events],
                                     ["piece"] * (len(events) - 1) + ["error"])
                    self.assertGreater(len(events), 3)
                    self.assertTrue(events[-1][1]["detail"])

    def test_nothing_is_generated_twice(self):
        server = self.serve()
        for kind in KINDS:
            self.generate(server, kind)
            self.faulty.clear()
            self.faulty.add("reset", times=0)
            self.generate(server, kind, 503)
            generated = [line for line in self.faulty.log() if line.fault]
            self.assertEqual(len(generated), 1)
            self.faulty.clear()

    def test_a_caller_who_leaves_ends_the_generation(self):
        server = self.serve()
        for kind in KINDS:
            self.generate(server, kind)
            self.faulty.clear()
            self.faulty.add("drip", times=0, delay_ms=100)
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc)
            connection.request("POST", "/ai/generate", json.dumps(
                {"model": f"generate-{kind}", "prompt": "x", "stream": True}),
                {"Content-Type": "application/json"})
            self.assertTrue(connection.getresponse().readline())
            connection.close()
            self.wait_for(lambda: any(line.client_left for line in self.faulty.log()))

    def test_each_conversation_reaches_the_model(self):
        server = self.serve()
        for kind in KINDS:
            self.faulty.clear()
            said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "größer 🙂"}]
            self.ask(server, "POST", "/ai/generate", {
                "model": f"generate-{kind}", "system": "be brief", "temperature": 0.5, "seed": 9,
                "messages": said})
            [body] = [line.body for line in self.faulty.log() if line.body.get("messages")]
            self.assertEqual(body["messages"],
                             [{"role": "system", "content": "be brief"}, *said])
            options = body.get("options", body)
            self.assertEqual((options["temperature"], options["seed"]), (0.5, 9))


class RerankTest(ServerTest):
    DOCUMENTS = ["a blue car", "a red house", "a red car", "nothing"]

    def rerank(self, server, status=200, **fields):
        return self.ask(server, "POST", "/ai/rerank", {
            "query": "red car", "documents": self.DOCUMENTS, **fields}, status)

    def test_the_best_stand_first(self):
        server = self.serve()
        results = self.rerank(server)["results"]
        self.assertEqual([item["index"] for item in results], [2, 0, 1, 3])
        scores = [item["relevance_score"] for item in results]
        self.assertEqual(scores, sorted(scores, reverse=True))
        best = self.rerank(server, top_n=2, return_documents=True)["results"]
        self.assertEqual([item["document"] for item in best], ["a red car", "a blue car"])

    def test_failures_are_errors(self):
        server = self.serve()
        self.rerank(server)
        self.faulty.add("internal_error", times=0)
        status, answer = server.call("POST", "/ai/rerank", {
            "query": "red car", "documents": self.DOCUMENTS})
        self.assertTrue(status == 503 or all("error" in item for item in answer["results"]), answer)
        self.refusal(server, "/ai/rerank", {"query": "x", "documents": []}, 400)
