"""Buckets that came at run time stay, and no key of a secret ever leaves."""

import json
import os

from world import (CONFLICT, PEOPLE, REFUSED, Buckets, S3Test, all_keys, bucket_table, numbers_csv,
                   objects_path)


class ProvisioningTest(S3Test):
    def test_run_time_buckets_survive_a_restart(self):
        self.configure(bucket_table("primary", Buckets.make(self.versitygw), self.versitygw))
        server = self.serve()
        places = {"s3:one": Buckets.make(self.minio), "s3:two": Buckets.make(self.versitygw)}
        for name, s3_server in (("s3:one", self.minio), ("s3:two", self.versitygw)):
            status, answer = self.add_bucket(server, name, places[name], s3_server)
            self.assertEqual((status, answer["from_config"]), (201, False), answer)
        self.assertEqual(server.call("POST", "/storage/buckets", {"name": "archive"})[0], 201)
        self.assertEqual(server.call("POST", "/storage/buckets", {"name": "profile:night"})[0], 201)
        for number, name in enumerate(("s3:one", "s3:two", "archive", "profile:night")):
            self.ingest(server, f"d{number}", numbers_csv(number * 10, 10), bucket=name)
        union = " union all ".join(f"select n from d{number}" for number in range(4))
        text = f"select count(*), sum(n) from ({union})"
        for stop in ("drained", "killed"):
            self.assertEqual(server.sql(text), [[40, 780]], stop)
            if stop == "drained":
                self.assertEqual(server.stop(), 0)
            else:
                server.kill()
            server = self.serve()
        self.assertEqual(server.sql(text), [[40, 780]])
        listed = server.call("GET", "/storage/buckets")[1]["items"]
        self.assertEqual({item["name"] for item in listed if item["reachable"]},
                         {"primary", "archive", "profile:night", *places})
        # The place is taken, and a name too.
        answer = self.add_bucket(server, "s3:three", places["s3:one"], self.minio)
        self.expect_problem(answer, 409, "conflict", "s3:one")
        answer = self.add_bucket(server, "s3:one", Buckets.make(self.minio), self.minio)
        self.expect_problem(answer, 409, "conflict", "s3:one")

        run = self.run_cli("buckets", "delete", "s3:one")
        self.assertEqual(run.returncode, CONFLICT, run.stderr)
        self.assertIn("d0", run.stderr)
        self.assertEqual(self.run_cli("buckets", "delete", "primary").returncode, REFUSED)
        self.assertEqual(self.run_cli("datasets", "delete", "d0").returncode, 0)
        run = self.run_cli("buckets", "delete", "s3:one")
        self.assertEqual(run.returncode, 0, run.stderr)
        server = self.restart(server)
        self.assertEqual(server.call("GET", "/storage/buckets/s3:one")[0], 404)

    def test_a_forgotten_bucket_keeps_its_data(self):
        self.configure(["[[storage.buckets]]", 'name = "primary"'],
                       bucket_table("s3:lent", place := Buckets.make(self.minio), self.minio))
        with self.serve() as server:
            self.ingest(server, "numbers", numbers_csv(0, 10), bucket="s3:lent")
        self.configure(["[[storage.buckets]]", 'name = "primary"'])
        with self.serve() as server:
            self.assertEqual(server.call("GET", "/catalog/datasets/numbers")[0], 404)
            self.assertEqual(self.add_bucket(server, "s3:lent", place, self.minio)[0], 201)
            self.assertEqual(server.sql("select count(*), sum(n) from numbers"), [[10, 45]])


class CanaryTest(S3Test):
    """The secret keys of the servers are the canaries: they are looked for everywhere."""

    def canaries(self):
        return [server.secret_access_key.encode() for server in self.servers()]

    def expect_none(self, where, content):
        for canary in self.canaries():
            self.assertNotIn(canary, content, where)

    def use_everything(self, server):
        """Uses the buckets well and badly; returns every answer."""
        answers = [self.add_bucket(server, "s3:lake", Buckets.make(self.minio), self.minio),
                   self.add_bucket(server, "s3:bad", "nowhere", self.minio),
                   self.add_bucket(server, "s3:bad", "lake", self.versitygw,
                                   endpoint="http://127.0.0.1:1"),
                   server.call("POST", "/storage/buckets", {"name": "s3:bad", "secret": "x"})]
        self.assertEqual(answers[0][0], 201, answers[0])
        self.assertTrue(all(400 <= status < 600 for status, _ in answers[1:]), answers)
        self.ingest(server, "people", PEOPLE, bucket="s3:lake")
        self.ingest(server, "numbers", numbers_csv(0, 10))
        self.minio.stop()
        answers += [self.ask_sql(server, "select count(*) from people"),
                    server.call("POST", "/storage/buckets/s3:lake/probe")]
        self.assertEqual(answers[-2][0], 503)
        self.minio.start()
        self.await_sql(server, "select count(*) from people", [[4]])
        for path in ("/storage/buckets", "/storage/buckets/s3:lake", "/storage/bucket-health",
                     "/storage/errors", "/health", "/metrics", "/openapi.json",
                     "/catalog/datasets/people", "/catalog/datasets", objects_path("primary")):
            answers.append(self.ask(server, "GET", path))
            self.assertEqual(answers[-1][0], 200, path)
        answers.append(server.call("POST", "/storage/errors/flush"))
        answers.append(server.call("POST", "/storage/buckets/s3:lake/probe"))
        return answers

    def test_keys_never_leave(self):
        place = Buckets.make(self.versitygw)
        self.configure(bucket_table("primary", place, self.versitygw),
                       ["[log]", 'level = "debug"'])
        self.addCleanup(self.start_again, self.minio)
        server = self.serve()
        for number, answer in enumerate(self.use_everything(server)):
            self.expect_none(f"answer {number}", repr(answer).encode())
        lake = server.call("GET", "/storage/buckets/s3:lake")[1]["location"]
        for command in (["buckets", "list"], ["--json", "buckets", "show", "s3:lake"],
                        ["config"], ["--json", "config"], ["storage", "test", "s3:lake"],
                        ["storage", "errors"], ["--json", "storage", "errors"]):
            run = self.run_cli(*command)
            self.assertEqual(run.returncode, 0, (command, run.stderr))
            self.expect_none(command, (run.stdout + run.stderr).encode())
        self.assertEqual(server.stop(), 0)
        with open(self.log_path, "rb") as log:
            content = log.read()
        self.assertNotEqual(content, b"")
        self.expect_none("the log", content)
        self.assertIn("127.0.0.1", json.dumps(lake))
        self.search_buckets(place)
        self.search_data_directory()

    def search_buckets(self, place):
        keys = all_keys(self.versitygw, place)
        self.assertTrue(any("bucket" in key for key in keys), keys)
        for key in keys:
            answer = self.versitygw.send("GET", f"/{place}/{key}")
            self.assertEqual(answer.status, 200, key)
            self.expect_none(key, answer.body)

    def search_data_directory(self):
        searched = 0
        for path, _, names in os.walk(self.data):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    content = file.read()
                if name == "secrets.toml":
                    self.assertIn(self.canaries()[0], content)
                    continue
                self.expect_none(os.path.join(path, name), content)
                searched += 1
        self.assertGreater(searched, 0)
