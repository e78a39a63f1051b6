"""Index jobs whose model server fails."""

from server_faults import KINDS, MAX_RETRIES, ServerTest
from world import ENDED

ROWS = 200
TEXTS = [f"document number {i} about {'harbours' if i % 3 else 'taxes'}" for i in range(ROWS)]
POISON = 77
QUERY = "document number 5 about harbours"


class JobTest(ServerTest):
    def served(self, texts):
        """How often each text was served."""
        return {self.faulty.times(text)[1] for text in texts}

    def test_a_poisonous_text_is_the_only_failed_item(self):
        server = self.serve()
        texts = [*TEXTS]
        texts[POISON] = "the poison"
        for number, (kind, fault) in enumerate((kind, fault) for kind in KINDS for fault in (
                "nan_400", "nan_500", "runner_crash", "nan_vector", "zero_vector")):
            with self.subTest(kind=kind, fault=fault):
                self.faulty.clear()
                self.faulty.add(fault, text="poison", times=0)
                job = self.build_index(server, f"poisoned{number}", texts, failed_items=1,
                                       model=f"embed-{kind}")
                [item] = job["failed"]
                self.assertEqual(item["doc_id"], str(POISON))
                self.assertTrue(item["reason"])
                if (kind, fault) != ("ollama", "nan_vector"):  # No JSON: nobody has a vector.
                    self.assertEqual(self.served(text for text in texts if text != "the poison"),
                                     {1})
                self.assertEqual(self.found(server, f"poisoned{number}_v1", QUERY, 1), [5])

    def test_each_text_is_embedded_once(self):
        self.configure_faulty(max_concurrent_requests=3)
        server = self.serve()
        for kind in KINDS:
            self.faulty.clear()
            self.faulty.add("slow", delay_ms=5, times=0)
            self.build_index(server, f"texts_{kind}", TEXTS, model=f"embed-{kind}")
            self.assertEqual(self.served(TEXTS), {1})
            self.assertLessEqual(self.faulty.counters()["peak_in_flight"], 3)

    def test_a_gust_costs_nothing(self):
        server = self.serve()
        for kind in KINDS:
            self.faulty.clear()
            for text in ("number 5 ", "number 130 "):
                self.faulty.add("busy", text=text, times=MAX_RETRIES // 2, retry_after="0")
            self.build_index(server, f"gust_{kind}", TEXTS, model=f"embed-{kind}")
            self.assertEqual(self.served(TEXTS), {1})

    def test_a_storm_passes(self):
        server = self.serve()
        for kind in KINDS:
            self.wait_healthy(server, kind)
            self.faulty.clear()
            self.faulty.add("busy", text="document number", skip=1, times=12, retry_after="0")
            self.build_index(server, f"storm_{kind}", TEXTS, model=f"embed-{kind}")
            self.assertEqual(len([line for line in self.faulty.log() if line.fault]), 12)
            self.assertEqual(self.found(server, f"storm_{kind}_v1", QUERY, 1), [5])

    def test_a_server_that_goes_away_is_waited_for(self):
        server = self.serve()
        self.ingest(server, "texts", TEXTS)
        self.faulty.add("slow", delay_ms=100, times=0)
        job_id = self.start_index(server, "texts")
        self.wait_for(lambda: self.faulty.counters()["served_texts"], lambda count: count > 20)
        self.faulty.stop()
        job = self.wait_job(server, job_id, lambda job: job["stage"] == "waiting" or
                            job["state"] in ENDED)
        self.assertEqual(job["stage"], "waiting", job)
        self.assertIn(self.faulty.address, job["error"])
        self.faulty.start()
        job = self.wait_job(server, job_id)
        self.assertEqual((job["state"], job["done"], job["failed_items"]), ("done", ROWS, 0), job)
        self.assertFalse(job["error"], job)

    def test_a_waiting_job_survives_a_kill(self):
        server = self.serve()
        self.ingest(server, "texts", TEXTS)
        self.vectors(server, ["warm"])
        self.faulty.stop()
        job_id = self.start_index(server, "texts")
        self.wait_job(server, job_id, lambda job: job["stage"] == "waiting")
        server.kill()
        self.faulty.start()
        server = self.serve()
        job = self.wait_job(server, job_id)
        self.assertEqual((job["state"], job["done"]), ("done", ROWS), job)

    def test_an_index_for_a_server_that_is_away_is_refused_or_waits(self):
        self.faulty.stop()
        server = self.serve()
        self.ingest(server, "texts", TEXTS)
        status, answer = server.call("POST", "/vectors/index", {
            "source": "texts", "id_column": "id", "text_column": "text"})
        if status == 202:
            job = self.wait_job(server, answer["job_id"], lambda job: job["stage"] == "waiting")
            self.assertIn(self.faulty.address, job["error"])
        else:
            self.assertEqual(status, 503, answer)
            self.assertIn(self.faulty.address, answer["detail"])
        self.faulty.start()
        self.wait_healthy(server, "ollama")
        if status != 202:
            answer = {"job_id": self.start_index(server, "texts")}
        self.assertEqual(self.wait_job(server, answer["job_id"])["state"], "done")

    def test_another_width_stops_the_job(self):
        server = self.serve()
        for kind in KINDS:
            self.faulty.clear()
            self.ingest(server, f"texts_{kind}", TEXTS)
            self.faulty.add("wrong_width", text="document number", times=0)
            job = self.wait_job(server, self.start_index(server, f"texts_{kind}",
                                                         model=f"embed-{kind}"))
            self.assertEqual(job["state"], "failed", job)
            self.assertRegex(job["error"], "31.*32|32.*31")
            asked = self.faulty.counters()["requests"]
            self.assertLess(asked, ROWS, "the job went on")

    def test_a_wrong_key_stops_the_job(self):
        self.faulty.set(api_key="right")
        self.configure_faulty(secrets={"models": "right"}, credentials="models")
        server = self.serve()
        self.ingest(server, "texts", TEXTS)
        self.faulty.add("unauthorized", text="document number", times=0)
        job = self.wait_job(server, self.start_index(server, "texts", model="embed-openai"))
        self.assertEqual(job["state"], "failed", job)
        self.assertIn("api_key", job["error"])

    def test_another_model_under_the_name_is_refused(self):
        server = self.serve()
        self.build_index(server, "texts", TEXTS[:20])
        before = self.ask(server, "GET", "/vectors/indexes/texts_v1")["space"]["digest"]
        self.faulty.host.set_model({"name": "embedder:latest", "weights": "2"})
        server = self.restart(server)
        detail = self.search(server, "texts_v1", QUERY, status=409)["detail"]
        self.assertIn("texts_v1", detail)
        self.assertIn(before.removeprefix("sha256:")[:12], detail)

    def test_a_model_that_drifts_under_its_digest_is_found_by_its_canaries(self):
        server = self.serve()
        for kind in KINDS:
            self.faulty.host.set_model({"name": "embedder:latest", "digest": "d" * 64})
            self.build_index(server, f"texts_{kind}", TEXTS[:20], model=f"embed-{kind}")
            self.faulty.host.set_model({"name": "embedder:latest", "digest": "d" * 64,
                                        "weights": "2"})
            server = self.restart(server)
            detail = self.search(server, f"texts_{kind}_v1", QUERY, status=409)["detail"]
            self.assertIn(f"texts_{kind}_v1", detail)
            self.assertIn("cosine", detail)
            self.faulty.host.set_model({"name": "embedder:latest", "digest": "d" * 64})
            server = self.restart(server)
            self.assertEqual(self.found(server, f"texts_{kind}_v1", QUERY, 1), [5])

    def test_retries_are_bounded_in_jobs_too(self):
        server = self.serve()
        self.ingest(server, "texts", ["only one text"])
        self.vectors(server, ["warm"])
        self.faulty.clear()
        self.faulty.add("busy", text="only one", times=1 + MAX_RETRIES)
        job = self.wait_job(server, self.start_index(server, "texts"))
        self.assertEqual((job["state"], job["done"]), ("done", 1), job)
        self.assertEqual(self.faulty.times("only one text"), (2 + MAX_RETRIES, 1))
