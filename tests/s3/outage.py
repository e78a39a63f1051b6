"""A server that cannot be reached takes its own data sets with it, for as long as it is away."""

from world import (LOST_CONNECTION, PEOPLE, UNAVAILABLE, Buckets, S3Test, bucket_table, numbers_csv,
                   objects_path)

LOCAL_PRIMARY = ["[[storage.buckets]]", 'name = "primary"']
COUNT = "select count(*), sum(n) from "


class UnreachableAtStartTest(S3Test):
    def test_a_bucket_is_away_and_comes_back(self):
        bucket = Buckets.make(self.minio)
        self.configure(LOCAL_PRIMARY, bucket_table("s3:down", bucket, self.minio))
        server = self.serve()
        self.ingest(server, "near", numbers_csv(0, 10))
        self.ingest(server, "far", numbers_csv(10, 10), bucket="s3:down")
        self.assertEqual(server.stop(), 0)
        self.stop_for_now(self.minio)

        server = self.serve()
        status, answer = server.call("GET", "/storage/buckets")
        self.assertEqual(status, 200, answer)
        buckets = {item["name"]: item for item in answer["items"]}
        self.assertTrue(buckets["primary"]["reachable"])
        self.assertFalse(buckets["s3:down"]["reachable"])
        self.assertEqual(buckets["s3:down"]["error"]["code"], "unavailable")
        status, health = server.call("GET", "/storage/bucket-health")
        self.assertEqual((status, health["status"]), (200, "degraded"))
        self.assertEqual(server.sql(COUNT + "near"), [[10, 45]])
        self.ingest(server, "near", numbers_csv(10, 1), mode="append")
        self.assertEqual(server.sql(COUNT + "near"), [[11, 55]])
        self.ingest(server, "new", numbers_csv(0, 3))
        self.assertEqual(server.sql(COUNT + "new"), [[3, 3]])
        self.expect_problem(self.ask_sql(server, COUNT + "far"), 503, "unavailable", "s3:down")
        self.expect_problem(server.call("GET", "/catalog/datasets/far"), 503, "unavailable",
                            "s3:down")
        # Nobody may make another dataset of that name meanwhile.
        self.expect_problem(server.ingest("far.csv", numbers_csv(0, 1), dataset="far"), 503,
                            "unavailable", "s3:down")

        self.minio.start()
        self.await_sql(server, COUNT + "far", [[10, 145]])
        self.assertEqual(self.bucket_of(server, "far"), "s3:down")

    def test_the_primary_bucket_is_away_and_comes_back(self):
        self.configure(bucket_table("primary", Buckets.make(self.versitygw), self.versitygw),
                       bucket_table("s3:other", Buckets.make(self.minio), self.minio))
        server = self.serve()
        self.ingest(server, "people", PEOPLE)
        self.build_index(server, "people", "people_v1")
        self.ingest(server, "numbers", numbers_csv(0, 10), bucket="s3:other")
        self.assertEqual(server.stop(), 0)
        self.stop_for_now(self.versitygw)

        server = self.serve()
        self.assertEqual(server.send("GET", "/livez")[0], 200)
        self.assertEqual(server.sql("select 6 * 7"), [[42]])
        status, answer = server.call("GET", "/storage/buckets")
        self.assertEqual(status, 200, answer)
        self.assertEqual({item["name"]: item["reachable"] for item in answer["items"]},
                         {"primary": False, "s3:other": True})
        self.expect_problem(self.ask_sql(server, "select count(*) from people"), 503, "unavailable")
        self.expect_problem(server.ingest("new.csv", PEOPLE, dataset="new"), 503, "unavailable")
        self.assertEqual(server.sql(COUNT + "numbers"), [[10, 45]])

        self.versitygw.start()
        self.await_sql(server, "select count(*) from people", [[4]])
        self.eventually(lambda: server.call("GET", "/vectors/indexes/people_v1")[0] == 200,
                        "the index is back")
        self.assertEqual(self.find(server, "people_v1", "hospital worker at night")[0], "1")

    def test_the_command_line_says_unavailable(self):
        self.configure(LOCAL_PRIMARY, bucket_table("s3:down", Buckets.make(self.minio), self.minio))
        with self.serve() as server:
            self.ingest(server, "far", numbers_csv(0, 10), bucket="s3:down")
        self.stop_for_now(self.minio)
        run = self.run_cli("sql", COUNT + "far")
        self.assertEqual((run.returncode, run.stdout), (UNAVAILABLE, ""), run.stderr)
        self.assertIn("s3:down", run.stderr)


class OutageTest(S3Test):
    """The server of `primary` ends while Lakehouse works with it."""

    def check_outage(self, s3_server):
        self.configure(bucket_table("primary", Buckets.make(s3_server), s3_server))
        server = self.serve()
        self.ingest(server, "kept", numbers_csv(0, 100))
        self.assertEqual(server.sql(COUNT + "kept"), [[100, 4950]])
        self.stop_for_now(s3_server)
        self.expect_problem(self.ask_sql(server, COUNT + "kept"), 503, "unavailable", "primary")
        for dataset, mode in (("kept", "append"), ("kept", "replace"), ("new", "create")):
            answer = server.ingest("more.csv", numbers_csv(100, 10), dataset=dataset, mode=mode)
            self.expect_problem(answer, 503, "unavailable", "primary")
        self.assertEqual(server.send("PUT", objects_path("primary", "note"), b"x")[0], 503)
        self.assertEqual(server.call("DELETE", "/catalog/datasets/kept")[0], 503)

        s3_server.start()
        self.await_sql(server, COUNT + "kept", [[100, 4950]])
        self.assertEqual(server.call("GET", "/catalog/datasets/new")[0], 404)
        self.assertEqual(server.send("GET", objects_path("primary", "note"))[0], 404)
        self.ingest(server, "kept", numbers_csv(100, 10), mode="append")
        self.assertEqual(server.sql(COUNT + "kept"), [[110, 5995]])
        status, errors = server.call("GET", "/storage/errors")
        self.assertEqual(status, 200)
        self.assertIn(("primary", "unavailable"),
                      {(item["bucket"], item["code"]) for item in errors["items"]})

    def test_minio_ends_and_starts_again(self):
        self.check_outage(self.minio)

    def test_versitygw_ends_and_starts_again(self):
        self.check_outage(self.versitygw)

    def test_nothing_acknowledged_is_lost_when_the_server_is_killed(self):
        self.configure(bucket_table("primary", Buckets.make(self.minio), self.minio))
        server = self.serve()
        self.addCleanup(self.start_again, self.minio)
        acknowledged, unsure = [], []
        for step in range(12):
            if step % 4 == 3:
                self.minio.kill()
            try:
                status, answer = server.ingest("part.csv", numbers_csv(1000 * step, 5),
                                               dataset="log", mode="append")
            except LOST_CONNECTION as error:
                self.fail(f"no answer: {error}")
            if status == 200:
                acknowledged.append(step)
            else:
                self.assertIn(answer["code"], ("unavailable", "commit_state_unknown"), answer)
                unsure += [step] if answer["code"] == "commit_state_unknown" else []
            self.start_again(self.minio)
        self.eventually(lambda: self.ask_sql(server, "select 1 from log")[0] == 200, "log is back")
        for program in ("the same", "the next"):
            steps = [step for step, count in server.sql(
                "select n // 1000, count(*) from log group by 1 order by 1") if count == 5]
            self.assertEqual(sorted(set(acknowledged) - set(steps)), [], program)
            self.assertEqual(sorted(set(steps) - set(acknowledged) - set(unsure)), [], program)
            self.assertEqual(server.sql("select count(*) from log"), [[5 * len(steps)]])
            server.kill()
            server = self.serve()
