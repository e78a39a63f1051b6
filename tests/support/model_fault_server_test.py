"""Tests of the fault server for models, through real sockets."""

import array
import base64
import http.client
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

import model_fault_server
from model_fault_server import ModelFaultServer
from model_faults import ERRORS, FAULTS
from model_replies import Model, unit_vector

PROGRAM = os.path.abspath(model_fault_server.__file__)
IMPATIENT_SECONDS = 0.3


def call(server, path, body=None, timeout=10, headers=None):
    """Performs one request; returns the status, the headers and the body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(ModelFaultServer())

    def ask(self, path, body=None, status=200, **options):
        """Performs a request that must have that status; returns the JSON of its answer."""
        actual, _, text = call(self.server, path, body, **options)
        self.assertEqual(actual, status, text)
        return json.loads(text)

    def embed(self, texts, status=200, **fields):
        return self.ask("/api/embed", {"model": "embedder", "input": texts, **fields}, status)

    def openai(self, texts, status=200, **fields):
        return self.ask("/v1/embeddings", {"model": "embedder", "input": texts, **fields}, status)


class HealthyTest(ServerTest):
    def test_vectors_follow_from_text_and_weights(self):
        first, second = self.embed(["one", "two"])["embeddings"]
        self.assertEqual(self.embed("one")["embeddings"], [first])
        self.assertNotEqual(first, second)
        self.assertEqual(first, self.server.host.vector("embedder", "one"))
        self.assertAlmostEqual(math.hypot(*first), 1.0, places=6)
        self.server.host.set_model({"name": "embedder:latest", "weights": "2"})
        self.assertNotEqual(self.embed("one")["embeddings"], [first])

    def test_ollama_embeds_as_it_was_observed(self):
        self.assertEqual(self.embed("")["embeddings"], [])
        self.assertEqual(len(self.embed(["a", ""])["embeddings"]), 2)
        self.assertEqual(self.embed([])["embeddings"], [])
        short = self.embed("one", dimensions=8)["embeddings"][0]
        self.assertEqual(len(short), 8)
        self.assertAlmostEqual(math.hypot(*short), 1.0, places=6)
        long = " ".join(["word"] * 300)
        cut = " ".join(["word"] * 256)
        self.assertEqual(self.embed(long)["embeddings"], self.embed(cut)["embeddings"])
        self.assertEqual(self.embed(long)["prompt_eval_count"], 256)
        self.assertIn("exceeds the context length", self.embed(long, 400, truncate=False)["error"])
        self.assertIn("not found", self.ask("/api/embed", {"model": "x", "input": "y"}, 404)["error"])

    def test_models_load_stay_and_unload(self):
        self.assertEqual(self.ask("/api/ps")["models"], [])
        self.embed([], keep_alive=-1)
        [loaded] = self.ask("/api/ps")["models"]
        self.assertEqual((loaded["name"], loaded["expires_at"][:4]), ("embedder:latest", "2318"))
        [listed] = [model for model in self.ask("/api/tags")["models"]
                    if model["name"] == "embedder:latest"]
        self.assertEqual(listed["digest"], loaded["digest"])
        self.embed([], 400, keep_alive="-1")
        self.embed([], keep_alive="10ms")
        time.sleep(0.02)
        self.assertEqual(self.ask("/api/ps")["models"], [])
        self.ask("/api/generate", {"model": "generator", "prompt": ""})
        self.server.set(unload_ms=100)
        answer = self.ask("/api/generate", {"model": "generator", "prompt": "", "keep_alive": 0})
        self.assertEqual(answer["done_reason"], "unload")
        self.assertEqual(len(self.ask("/api/ps")["models"]), 1)
        time.sleep(0.12)
        self.assertEqual(self.ask("/api/ps")["models"], [])

    def test_show_tells_sizes_and_clouds(self):
        info = self.ask("/api/show", {"model": "embedder"})["model_info"]
        self.assertEqual((info["bert.context_length"], info["bert.embedding_length"]), (256, 32))
        self.assertIn("remote_host", self.ask("/api/show", {"model": "faraway:cloud"}))
        remote = [model["name"] for model in self.ask("/api/tags")["models"]
                  if "remote_host" in model]
        self.assertEqual(remote, ["faraway:cloud"])

    def test_ollama_streams_what_it_says_at_once(self):
        body = {"model": "generator", "prompt": "tell", "options": {"seed": 3, "num_predict": 5}}
        whole = self.ask("/api/generate", {**body, "stream": False})
        self.assertEqual((whole["done_reason"], whole["eval_count"]), ("length", 5))
        _, headers, text = call(self.server, "/api/generate", body)
        self.assertEqual(headers["Content-Type"], "application/x-ndjson")
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual("".join(line["response"] for line in lines), whole["response"])
        self.assertEqual([line["done"] for line in lines], [False] * 5 + [True])
        stop = whole["response"].split()[2]
        stopped = self.ask("/api/generate", {**body, "stream": False,
                                             "options": {"seed": 3, "stop": [stop]}})
        self.assertNotIn(stop, stopped["response"])
        chat = self.ask("/api/chat", {"model": "generator", "stream": False,
                                      "messages": [{"role": "user", "content": "tell"}]})
        self.assertTrue(chat["message"]["content"])
        self.ask("/api/generate", {"model": "embedder", "prompt": "x"}, 400)

    def test_openai_embeds_in_both_encodings(self):
        floats = self.openai(["one", "two"])["data"]
        coded = self.openai(["one", "two"], encoding_format="base64")["data"]
        self.assertEqual([item["index"] for item in floats], [0, 1])
        self.assertEqual([list(array.array("f", base64.b64decode(item["embedding"])))
                          for item in coded], [item["embedding"] for item in floats])
        self.assertEqual(self.embed("one")["embeddings"], [floats[0]["embedding"]])
        self.openai([], 400)
        self.openai(["a", ""], 400)
        self.server.set(max_batch_texts=2)
        self.assertIn("batch size 3 > maximum", self.openai(["a"] * 3, 422)["error"]["message"])
        self.assertEqual(self.ask("/info")["max_client_batch_size"], 2)
        self.assertIn("embedder:latest", [m["id"] for m in self.ask("/v1/models")["data"]])

    def test_a_key_is_wanted_for_the_openai_api(self):
        self.server.set(api_key="secret")
        self.openai("a", 401)
        self.ask("/v1/models", headers={"Authorization": "Bearer secret"})
        self.ask("/api/tags")

    def test_openai_streams_what_it_says_at_once(self):
        body = {"model": "generator", "messages": [{"role": "user", "content": "tell"}]}
        whole = self.ask("/v1/chat/completions", body)["choices"][0]["message"]["content"]
        _, headers, text = call(self.server, "/v1/chat/completions", {**body, "stream": True})
        self.assertEqual(headers["Content-Type"], "text/event-stream")
        events = text.decode().strip().split("\n\n")
        self.assertEqual(events[-1], "data: [DONE]")
        deltas = [json.loads(event[6:])["choices"][0]["delta"].get("content", "")
                  for event in events[:-1]]
        self.assertEqual("".join(deltas), whole)

    def test_rerankers_count_shared_words(self):
        documents = ["a blue car", "a red house", "a red car"]
        for path, key, score in (("/v1/rerank", "documents", "relevance_score"),
                                 ("/rerank", "texts", "score")):
            answer = self.ask(path, {"model": "reranker", "query": "red car", key: documents})
            ranked = answer["results"] if isinstance(answer, dict) else answer
            self.assertEqual([item["index"] for item in ranked], [2, 0, 1])
            self.assertEqual([item[score] for item in ranked], [1.0, 0.5, 0.5])

    def test_bad_requests_are_answered(self):
        self.ask("/api/embed", [1], 400)
        self.ask("/v1/rerank", {"model": "reranker"}, 400)
        self.assertEqual(call(self.server, "/api/nothing")[0], 404)
        self.assertEqual(call(self.server, "/api/embed")[0], 404)


class FaultTest(ServerTest):
    def test_errors_have_the_shape_of_their_api(self):
        for fault, (status, message) in ERRORS.items():
            with self.subTest(fault):
                self.server.clear()
                self.server.add(fault, times=2, retry_after="7")
                self.assertEqual(self.embed("a", status), {"error": message})
                code, headers, body = call(self.server, "/v1/embeddings",
                                           {"model": "embedder", "input": "a"})
                self.assertEqual((code, headers["Retry-After"]), (status, "7"))
                self.assertEqual(json.loads(body)["error"]["message"], message)
                self.embed("a")
                self.assertEqual([line.fault for line in self.server.log()], [fault, fault, None])
                self.assertEqual(self.server.times("a"), (3, 1))

    def test_vectors_are_spoilt(self):
        good = self.embed(["a", "b"])["embeddings"]
        seen = {}
        for fault in ("missing_vector", "extra_vector", "wrong_width", "one_wrong_width",
                      "nan_vector", "inf_vector", "null_vector", "huge_vector", "zero_vector",
                      "text_vector"):
            self.server.add(fault)
            seen[fault] = self.embed(["a", "b"])["embeddings"]
            self.assertNotEqual(seen[fault], good, fault)
        self.assertEqual((len(seen["missing_vector"]), len(seen["extra_vector"])), (1, 3))
        self.assertEqual([len(vector) for vector in seen["wrong_width"]], [31, 31])
        self.assertEqual([len(vector) for vector in seen["one_wrong_width"]], [32, 31])
        self.assertTrue(math.isnan(seen["nan_vector"][1][0]))
        self.assertEqual(seen["inf_vector"][1][0], math.inf)
        self.assertIsNone(seen["null_vector"][1][0])
        self.assertEqual(seen["zero_vector"][1], [0.0] * 32)
        for fault, vectors in seen.items():
            if fault != "wrong_width":
                self.assertEqual(vectors[0], good[0], fault)

    def test_the_vector_of_a_chosen_text_is_spoilt(self):
        self.server.add("zero_vector", text="^bad$", times=0)
        vectors = self.embed(["bad", "good"])["embeddings"]
        self.assertEqual((any(vectors[0]), any(vectors[1])), (False, True))
        self.assertTrue(any(self.embed(["good"])["embeddings"][0]))

    def test_base64_carries_what_json_cannot(self):
        for fault, check in (("nan_vector", math.isnan), ("huge_vector", math.isinf)):
            self.server.add(fault)
            data = self.openai(["a", "b"], encoding_format="base64")["data"]
            self.assertTrue(check(array.array("f", base64.b64decode(data[1]["embedding"]))[0]))

    def test_indexes_are_spoilt_in_the_openai_api_only(self):
        good = self.openai(["a", "b"])["data"]
        for fault, indexes in (("shuffled", [1, 0]), ("same_index", [0, 0]),
                               ("wrong_index", [0, 9])):
            self.server.add(fault)
            data = self.openai(["a", "b"])["data"]
            self.assertEqual([item["index"] for item in data], indexes)
            if fault == "shuffled":
                self.assertEqual(data, good[::-1])
        self.server.clear()
        self.server.add("shuffled")
        self.embed(["a"])
        self.assertIsNone(self.server.log()[0].fault)

    def test_poison_fails_every_batch_that_holds_it(self):
        self.server.add("nan_400", text="poison", times=0)
        self.embed(["a", "the poison text"], 400)
        self.embed(["poison"], 400)
        self.embed(["a"])
        self.assertEqual(self.server.times("the poison text"), (1, 0))

    def test_connections_break(self):
        for fault in ("reset", "reset_unread"):
            self.server.clear()
            self.server.add(fault)
            with self.assertRaises((ConnectionResetError, BrokenPipeError,
                                    urllib.error.URLError), msg=fault):
                self.embed(["x" * 5_000_000])
            [line] = self.server.log()
            self.assertEqual((line.fault, line.status), (fault, None))
            self.assertEqual(bool(line.body), fault == "reset")
            self.embed(["a"])

    def test_a_body_is_cut(self):
        self.server.add("truncated")
        with self.assertRaises(http.client.IncompleteRead):
            self.embed(["a"])
        self.server.add("truncated")
        with self.assertRaises(http.client.IncompleteRead):
            call(self.server, "/api/generate", {"model": "generator", "prompt": "x"})

    def test_what_hangs_ends_with_the_client_or_by_clear(self):
        self.server.add("hang", times=0)
        with self.assertRaises(TimeoutError):
            call(self.server, "/api/embed", {"model": "embedder", "input": "a"}, IMPATIENT_SECONDS)
        self.wait_for(lambda: self.server.log()[0].client_left)
        failures = []
        thread = threading.Thread(target=lambda: failures.append(self.failure_of("a")))
        thread.start()
        self.wait_for(lambda: self.server.counters()["in_flight"] == 1)
        self.server.clear()
        thread.join(10)
        self.assertIsInstance(failures[0], ConnectionResetError)

    def failure_of(self, text):
        try:
            call(self.server, "/api/embed", {"model": "embedder", "input": text})
        except OSError as error:
            return error
        return None

    def wait_for(self, condition):
        for _ in range(500):
            if condition():
                return
            time.sleep(0.01)
        self.fail("it never came about")

    def test_slow_and_dripping_answers_are_whole(self):
        self.server.add("slow", delay_ms=30)
        self.assertEqual(len(self.embed(["a"])["embeddings"]), 1)
        self.server.add("drip", delay_ms=1, path="/api/version")
        self.assertEqual(self.ask("/api/version"), {"version": "0.24.0"})

    def test_streams_break_in_the_middle(self):
        body = {"model": "generator", "prompt": "x"}
        lines = {}
        for fault in ("stream_error", "stream_garbage", "unfinished"):
            self.server.add(fault)
            lines[fault] = call(self.server, "/api/generate", body)[2].splitlines()
        self.assertIn("error", json.loads(lines["stream_error"][-1]))
        self.assertIn(b"{oops", lines["stream_garbage"])
        self.assertFalse(json.loads(lines["unfinished"][-1])["done"])
        self.server.add("stream_error")
        self.embed(["a"])
        self.assertIsNone(self.server.log()[-1].fault)

    def test_strange_answers(self):
        for fault, expected in (("not_json", b"<html>"), ("empty", b""),
                                ("wrong_shape", b'{"status"')):
            self.server.add(fault)
            status, _, body = call(self.server, "/api/embed", {"model": "embedder", "input": "a"})
            self.assertEqual(status, 200)
            self.assertTrue(body.startswith(expected) and bool(body) == bool(expected), fault)

    def test_redirects_name_another_place(self):
        for location in ("", "http://127.0.0.1:1/elsewhere"):
            self.server.add("redirect", location=location)
            status, headers, _ = call(self.server, "/api/embed", {"model": "embedder"})
            self.assertEqual(status, 307)
            self.assertEqual(headers["Location"], location or self.server.url + "/redirected")

    def test_an_endless_body_ends_with_the_client(self):
        self.server.add("endless")
        with socket.create_connection(("127.0.0.1", int(self.server.url.rsplit(":", 1)[1]))) as s:
            s.sendall(b"POST /api/embed HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            received = 0
            while received < 1_000_000:
                received += len(s.recv(65536))
        self.wait_for(lambda: self.server.log()[0].client_left)

    def test_rules_choose_by_number_path_size_and_turn(self):
        self.server.add("busy", number=1)
        self.server.add("bad_request", min_texts=3, times=0)
        self.server.add("internal_error", path="/api/ps")
        self.server.add("overloaded", path="/v1/embeddings", skip=1, every=2, times=2)
        self.embed("a", 503)
        self.embed(["a"] * 3, 400)
        self.embed(["a"] * 2)
        self.ask("/api/ps", status=500)
        self.ask("/api/ps")
        statuses = [call(self.server, "/v1/embeddings", {"model": "embedder", "input": "a"})[0]
                    for _ in range(7)]
        self.assertEqual(statuses, [200, 429, 200, 429, 200, 200, 200])
        with self.assertRaisesRegex(ValueError, "expected one of nan_400"):
            self.server.add("earthquake")

    def test_every_fault_is_described(self):
        self.assertTrue(all(FAULTS.values()))


class CountersTest(ServerTest):
    def test_texts_and_requests_are_counted(self):
        self.embed(["a", "b"])
        self.server.add("busy")
        self.embed(["b", "c"], 503)
        self.openai(["b", "c"])
        self.ask("/api/ps")
        counters = self.server.counters()
        self.assertEqual(counters["by_path"],
                         {"/api/embed": 2, "/v1/embeddings": 1, "/api/ps": 1})
        wanted = {"requests": 4, "asked_texts": 6, "distinct_asked": 3, "served_texts": 4,
                  "distinct_served": 3, "most_served": 2, "most_texts": 2, "in_flight": 0}
        self.assertEqual({name: counters[name] for name in wanted}, wanted)
        self.server.clear()
        self.assertEqual(self.server.counters()["requests"], 0)

    def test_the_peak_is_what_was_open_at_once(self):
        self.server.add("slow", delay_ms=200, times=0)
        threads = [threading.Thread(target=self.embed, args=([str(i)],)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.server.counters()["peak_in_flight"], 3)
        self.server.clear()
        for _ in range(3):
            self.embed("a")
        self.assertEqual(self.server.counters()["peak_in_flight"], 1)

    def test_a_client_that_left_is_not_in_flight(self):
        self.server.add("hang", times=3)
        for _ in range(3):
            with self.assertRaises(TimeoutError):
                call(self.server, "/api/embed", {"model": "embedder", "input": "a"}, 0.05)
        self.embed("a")
        self.assertEqual(self.server.counters()["peak_in_flight"], 1)


class StopTest(ServerTest):
    def test_a_stopped_server_refuses_and_comes_back(self):
        url = self.server.url
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/version")
        connection.getresponse().read()
        self.server.stop()
        with self.assertRaisesRegex(urllib.error.URLError, "refused"):
            call(self.server, "/api/version")
        with self.assertRaises((OSError, http.client.HTTPException)):
            connection.request("GET", "/api/version")
            connection.getresponse()
        self.server.start()
        self.assertEqual(self.server.url, url)
        self.ask("/api/version")


class ProgramTest(unittest.TestCase):
    def test_it_obeys_lines_and_ends_with_its_input(self):
        process = subprocess.Popen([sys.executable, PROGRAM], text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)

        def say(line):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        url = json.loads(process.stdout.readline())["url"]
        self.assertEqual(say('add {"fault": "busy"}'), {"ok": True})
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(url + "/api/embed", b'{"model": "embedder", "input": ["a"]}')
        raised.exception.close()
        self.assertEqual(say("counters")["asked_texts"], 1)
        self.assertEqual(say("log")["log"][0]["status"], 503)
        self.assertEqual(say('times "a"'), {"asked": 1, "served": 0})
        self.assertEqual(say('model {"name": "m", "dimensions": 4}'), {"ok": True})
        self.assertEqual(say('vector {"model": "m", "text": "a"}')["vector"],
                         list(unit_vector(Model("m", dimensions=4), "a")))
        for line in ("set {\"api_key\": \"k\"}", "stop", "start", "clear", 'forget "m"'):
            self.assertEqual(say(line), {"ok": True})
        for line in ("jump", "add {", 'add {"fault": "x"}', 'set {"x": 1}',
                     'vector {"model": "m", "text": "a"}'):
            self.assertIn("error", say(line), line)
        process.stdin.close()
        self.assertEqual(process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
