"""The cache of remote blocks is never taken for what is in the bucket now."""

import os
import shutil

from moving import Loop
from world import Buckets, S3Test, bucket_table, numbers_csv, objects_path

CHECK = "select count(*), min(n), max(n), sum(square) from numbers"


def facts(first, count):
    return [[count, first, first + count - 1, sum(n * n for n in range(first, first + count))]]


class FreshnessTest(S3Test):
    def setUp(self):
        super().setUp()
        self.configure(bucket_table("primary", Buckets.make(self.minio), self.minio))

    def test_a_replaced_dataset_never_shows_old_rows(self):
        server = self.serve()
        for generation in range(1, 7):
            first, count = 1000 * generation, 50 * generation
            self.ingest(server, "numbers", numbers_csv(first, count), mode="replace")
            self.assertEqual(server.sql(CHECK), facts(first, count))
            if generation % 2 == 0:
                server = self.restart(server)
                self.assertEqual(server.sql(CHECK), facts(first, count))

    def test_readers_see_one_generation_as_a_whole_and_never_an_older_one(self):
        server = self.serve()
        generations = [facts(1000 * generation, 200) for generation in range(6)]
        self.ingest(server, "numbers", numbers_csv(0, 200))
        seen = []
        with Loop(lambda: seen.append(server.sql(CHECK)), None) as queries:
            for generation in range(1, 6):
                self.ingest(server, "numbers", numbers_csv(1000 * generation, 200), mode="replace")
                asked = queries.asked
                self.eventually(lambda: queries.asked > asked + 1, "it is asked on")
        self.assertEqual(queries.wrong[:3], [])
        order = [generations.index(answer) for answer in seen]
        self.assertEqual(order, sorted(order))
        self.assertEqual(order[-1], 5)

    def test_an_object_that_somebody_else_replaced_is_read_anew(self):
        server = self.serve()
        self.configure(bucket_table("primary", Buckets.make(self.minio), self.minio),
                       bucket_table("s3:shared", bucket := Buckets.make(self.minio), self.minio))
        server = self.restart(server)
        for generation in range(3):
            content = bytes([65 + generation]) * 3_000_000
            answer = self.minio.send("PUT", f"/{bucket}/shared.bin", body=content)
            self.assertEqual(answer.status, 200)
            for _ in range(2):
                path = objects_path("s3:shared", "shared.bin")
                self.assertEqual(server.send("GET", path), (200, content))
                status, part = server.send("GET", path, headers={"Range": "bytes=1500000-1500009"})
                self.assertEqual((status, part), (206, content[:10]))

    def test_a_restart_without_the_server_gives_no_wrong_answer(self):
        server = self.serve()
        self.ingest(server, "numbers", numbers_csv(0, 200))
        self.assertEqual(server.sql(CHECK), facts(0, 200))
        self.assertEqual(server.stop(), 0)
        self.stop_for_now(self.minio)
        server = self.serve()
        self.expect_problem(self.ask_sql(server, CHECK), 503, "unavailable")
        self.minio.start()
        self.await_sql(server, CHECK, facts(0, 200))

    def test_the_cache_may_be_deleted_or_damaged(self):
        server = self.serve()
        self.ingest(server, "numbers", numbers_csv(0, 5000))
        self.assertEqual(server.sql(CHECK), facts(0, 5000))
        self.assertEqual(server.stop(), 0)
        cache = os.path.join(self.data, "cache")
        files = [os.path.join(path, name) for path, _, names in os.walk(cache) for name in names]
        self.assertNotEqual(files, [], "nothing was cached")
        for path in files:
            with open(path, "r+b") as file:
                content = file.read()
                file.seek(0)
                file.write(bytes(byte ^ 0xFF for byte in content))
        server = self.serve()
        self.assertEqual(server.sql(CHECK), facts(0, 5000))
        self.assertEqual(server.stop(), 0)
        shutil.rmtree(cache)
        server = self.serve()
        self.assertEqual(server.sql(CHECK), facts(0, 5000))
