"""The rescue bucket answers for a bucket that lost an object, and every answer says so."""

import urllib.parse

from world import Buckets, S3Test, all_keys, bucket_table, numbers_csv, objects_path

HEADER = "x-lakehouse-rescue-used"
COUNT = '{"sql": "select count(*), sum(n) from numbers"}'


class RescueTest(S3Test):
    def setUp(self):
        super().setUp()
        self.bucket = Buckets.make(self.minio)
        self.spare = Buckets.make(self.versitygw, "spare")
        self.configure(bucket_table("primary", self.bucket, self.minio),
                       bucket_table("rescue", self.spare, self.versitygw))

    def copy_to_rescue(self, keys):
        for key in keys:
            content = self.minio.send("GET", f"/{self.bucket}/{key}")
            self.assertEqual(content.status, 200, key)
            answer = self.versitygw.send("PUT", f"/{self.spare}/{key}", body=content.body)
            self.assertEqual(answer.status, 200, key)

    def query(self, server):
        """The status, the name of the bucket that rescued, and the rows."""
        status, headers, body = self.ask(server, "POST", "/query/sql", COUNT,
                                         {"Content-Type": "application/json"})
        return status, headers.get(HEADER), body

    def journaled(self, server, key):
        status, answer = server.call("GET", "/storage/errors")
        self.assertEqual(status, 200, answer)
        return any((item["bucket"], item["key"], item.get("rescued_by")) ==
                   ("primary", key, "rescue") for item in answer["items"])

    def check_lost_file(self, lose):
        """Loses a data file, which is in the rescue bucket, and reads it before and after a
        restart."""
        server = self.serve()
        self.ingest(server, "numbers", numbers_csv(0, 1000))
        status, rescued_by, _ = self.query(server)
        self.assertEqual((status, rescued_by), (200, None))
        files = [key for key in all_keys(self.minio, self.bucket) if key.endswith(".parquet")]
        self.assertEqual(len(files), 1)
        self.copy_to_rescue(files)
        lose(files[0])
        for which in ("running", "restarted"):
            status, rescued_by, body = self.query(server)
            self.assertEqual((status, rescued_by), (200, "rescue"), (which, body))
            self.assertIn(b"[[1000,499500]]", body.replace(b" ", b""))
            status, headers, _ = self.ask(server, "GET", objects_path("primary", files[0]))
            self.assertEqual((status, headers.get(HEADER)), (200, "rescue"), which)
            self.eventually(lambda: self.journaled(server, files[0]), "the journal knows")
            server = self.restart(server)
            self.assertTrue(self.journaled(server, files[0]), "the journal forgot")
        return server, files[0]

    def test_a_lost_data_file_is_read_from_rescue(self):
        def lose(key):
            answer = self.minio.send("DELETE", f"/{self.bucket}/{key}")
            self.assertEqual(answer.status, 204)

        server, key = self.check_lost_file(lose)
        # Writes never go there.
        spare_before = all_keys(self.versitygw, self.spare)
        self.put(server, "primary", "notes/new.txt", b"new")
        self.ingest(server, "others", numbers_csv(0, 3))
        self.assertEqual(all_keys(self.versitygw, self.spare), spare_before)
        # Nothing is hidden when the copy is gone too.
        self.versitygw.send("DELETE", f"/{self.spare}/{key}")
        status, rescued_by, body = self.query(server)
        self.assertEqual(rescued_by, None)
        self.assertNotEqual(status, 200, body)

    def test_a_copy_that_differs_is_not_taken_for_the_file(self):
        server = self.serve()
        self.ingest(server, "numbers", numbers_csv(0, 1000))
        self.ingest(server, "strangers", numbers_csv(5, 900))
        files = {key.split("/")[1]: key for key in all_keys(self.minio, self.bucket)
                 if key.endswith(".parquet")}
        stranger = self.minio.send("GET", f"/{self.bucket}/{files['strangers']}").body
        self.versitygw.send("PUT", f"/{self.spare}/{files['numbers']}", body=stranger)
        self.minio.send("DELETE", f"/{self.bucket}/{files['numbers']}")
        status, _, body = self.query(server)
        self.assertNotEqual(status, 200, body)

    def test_objects_keep_their_keys_in_rescue(self):
        server = self.serve()
        key = "notes/odd name+%.txt"
        self.versitygw.send("PUT", f"/{self.spare}/{key}", body=b"0123456789")
        status, headers, body = self.ask(server, "GET", objects_path("primary", key),
                                         headers={"Range": "bytes=2-4"})
        self.assertEqual((status, headers.get(HEADER), body), (206, "rescue", b"234"))
        status, headers, _ = self.ask(server, "HEAD", objects_path("primary", key))
        self.assertEqual((status, headers.get(HEADER)), (200, "rescue"))
        status, page = server.call("GET", f"{objects_path('primary')}?prefix=notes/")
        self.assertEqual((status, page["items"]), (200, []), "a listing tells of one bucket only")
        missing = urllib.parse.quote("notes/nowhere")
        self.assertEqual(self.ask(server, "GET", f"{objects_path('primary')}/{missing}")[0], 404)

    def test_a_bucket_that_is_away_is_rescued(self):
        server = self.serve()
        self.ingest(server, "numbers", numbers_csv(0, 1000))
        self.copy_to_rescue([key for key in all_keys(self.minio, self.bucket)
                             if key.endswith(".parquet")])
        self.stop_for_now(self.minio)
        status, rescued_by, body = self.query(server)
        self.assertEqual((status, rescued_by), (200, "rescue"), body)
        self.assertIn(b"[[1000,499500]]", body.replace(b" ", b""))
        self.minio.start()
        self.eventually(lambda: self.query(server)[:2] == (200, None), "primary answers itself")
