"""A secret signs for the server that it belongs to, and what is wrong with a bucket is named."""

import json
import os
import re

from support.fault_proxy import FaultProxy
from support.s3_servers import S3Server, free_port
from world import (DONE, NOT_FOUND, REFUSED, UNAVAILABLE, WRONG_USE, Buckets, S3Test,
                   bucket_table, numbers_csv, objects_path)

LOCAL_PRIMARY = ["[[storage.buckets]]", 'name = "primary"']


def signers(proxy):
    """Whose keys signed the requests that a proxy saw; "" for a request without a signature."""
    found = [re.search(r"Credential=([^/]+)/", request.headers.get("authorization", ""))
             for request in proxy.log()]
    return {match[1] if match else "" for match in found}


class SecretTest(S3Test):
    """Proxies in front of both servers are the witnesses."""

    def setUp(self):
        super().setUp()
        self.trusted = self.open_proxy(self.minio)
        self.evil = self.open_proxy(self.versitygw)

    def open_proxy(self, server):
        proxy = FaultProxy(server.endpoint)
        self.addCleanup(proxy.__exit__)
        return proxy.__enter__()  # pylint: disable=unnecessary-dunder-call

    def test_a_secret_is_not_used_for_another_server(self):
        bucket = Buckets.make(self.minio)
        self.configure(LOCAL_PRIMARY, bucket_table("s3:trusted", bucket, self.minio,
                                                   endpoint=self.trusted.endpoint))
        server = self.serve()
        self.ingest(server, "numbers", numbers_csv(0, 10), bucket="s3:trusted")
        for name, theirs in (("s3:evil", "evil"), ("s3:trusted-evil", bucket), ("s3:trust", "tru")):
            answer = self.add_bucket(server, name, theirs, self.minio, endpoint=self.evil.endpoint)
            self.expect_problem(answer, 409, "conflict", "credentials minio", "s3:trusted only")
        self.assertEqual(self.evil.log(), [])
        self.assertEqual(signers(self.trusted), {self.minio.access_key_id})
        self.assertEqual(server.stop(), 0)

        self.configure(LOCAL_PRIMARY,
                       bucket_table("s3:trusted", bucket, self.minio,
                                    endpoint=self.trusted.endpoint),
                       bucket_table("s3:evil", "evil", self.minio, endpoint=self.evil.endpoint))
        run = self.run_cli("serve", "--listen", "127.0.0.1:0")
        self.assertEqual(run.returncode, WRONG_USE, run.stderr)
        self.assertIn("s3:evil", run.stderr)
        self.assertEqual(self.evil.log(), [])

    def test_the_key_endpoint_binds_a_secret_before_any_bucket_uses_it(self):
        with open(os.path.join(self.data, "secrets.toml"), "a", encoding="utf-8") as file:
            file.write(f'endpoint = "{self.versitygw.endpoint}"\n')  # Of the last secret.
        self.configure(LOCAL_PRIMARY)
        server = self.serve()
        answer = self.add_bucket(server, "s3:evil", "evil", self.versitygw,
                                 endpoint=self.evil.endpoint)
        self.expect_problem(answer, 400, "invalid_argument", "secret versitygw")
        self.assertEqual(self.evil.log(), [])
        answer = self.add_bucket(server, "s3:right", Buckets.make(self.versitygw), self.versitygw)
        self.assertEqual(answer[0], 201, answer)

    def test_names_that_begin_alike_share_nothing(self):
        self.write_secrets({"trusted": self.minio, "trusted-evil": self.versitygw})
        bucket = Buckets.make(self.minio, "trusted")
        self.versitygw.make_bucket(f"{bucket}-evil")
        self.configure(
            LOCAL_PRIMARY,
            bucket_table("s3:trusted", bucket, self.minio, endpoint=self.trusted.endpoint,
                         credentials="trusted", prefix="p"),
            bucket_table("s3:trusted-evil", f"{bucket}-evil", self.versitygw, prefix="p-evil",
                         endpoint=self.evil.endpoint, credentials="trusted-evil"))
        server = self.serve()
        for name in ("s3:trusted", "s3:trusted-evil"):
            self.ingest(server, name[3:].replace("-", "_"), numbers_csv(0, 10), bucket=name)
            self.put(server, name, "note", name.encode())
        self.assertEqual(server.sql("select count(*) from trusted join trusted_evil using (n)"),
                         [[10]])
        answer = self.add_bucket(server, "s3:trusted-nobody", f"{bucket}-evil", self.versitygw,
                                 prefix="nobody", endpoint=self.evil.endpoint,
                                 credentials="anonymous")
        self.expect_problem(answer, 403, "permission_denied")
        self.assertEqual(signers(self.trusted), {self.minio.access_key_id})
        self.assertEqual(signers(self.evil), {self.versitygw.access_key_id, ""})

    def test_objects_of_a_sibling_prefix_are_out_of_reach(self):
        bucket = Buckets.make(self.minio)
        for key in ("p/mine", "p-evil/theirs", "outside"):
            self.assertEqual(self.minio.send("PUT", f"/{bucket}/{key}", body=b"x").status, 200)
        self.configure(LOCAL_PRIMARY, bucket_table("s3:p", bucket, self.minio, prefix="p"))
        server = self.serve()
        status, page = server.call("GET", objects_path("s3:p"))
        self.assertEqual((status, [item["key"] for item in page["items"]]), (200, ["mine"]))
        for key in ("../outside", "../p-evil/theirs", "-evil/theirs", "%2e%2e/outside",
                    "..%2foutside"):
            status, _ = server.send("GET", f"{objects_path('s3:p')}/{key}")
            self.assertIn(status, (400, 404), key)


class ProbeTest(S3Test):
    """What is wrong with a bucket has its own message and its own exit code."""

    def table(self, bucket, **settings):
        return bucket_table("s3:tried", bucket, self.minio, **settings)

    def check(self, table, step, code, status, problem, *words):
        """Configures a bucket, tries it on the command line, and provisions it over HTTP."""
        self.configure(LOCAL_PRIMARY, table)
        run = self.run_cli("--json", "storage", "test", "s3:tried")
        self.assertEqual(run.returncode, code, (run.stdout, run.stderr))
        last = json.loads(run.stdout)["steps"][-1]
        text = " ".join(str(value) for value in last.values()).lower()
        self.assertEqual((last["name"], last["ok"]), (step, step == "delete"), last)
        if status != 201:
            self.assertTrue(last["mend"], last)
        for word in words:
            self.assertIn(word.lower(), text)

        self.configure(LOCAL_PRIMARY)
        fields = dict(line.split(" = ", 1) for line in table[1:])
        body = {key: json.loads(value) for key, value in fields.items()}
        with self.serve() as server:
            answer = server.call("POST", "/storage/buckets", body)
            if status == 201:
                self.assertEqual(answer[0], 201, answer)
                self.ingest(server, "numbers", numbers_csv(0, 10), bucket="s3:tried")
                self.assertEqual(server.sql("select count(*) from numbers"), [[10]])
                for path in ("/catalog/datasets/numbers", "/storage/buckets/s3:tried"):
                    self.assertEqual(server.call("DELETE", path)[0], 200, path)
            else:
                self.expect_problem(answer, status, problem, *words)
                self.assertEqual(server.call("GET", "/storage/buckets/s3:tried")[0], 404)
            for text in (json.dumps(answer[1]), run.stdout, run.stderr):
                self.assertNotIn(self.minio.secret_access_key, text)

    def test_a_bucket_that_is_right(self):
        self.check(self.table(Buckets.make(self.minio)), "delete", DONE, 201, None)

    def test_a_wrong_secret(self):
        self.minio_with(secret_access_key="0" * 40)
        self.check(self.table(Buckets.make(self.minio)), "signature", REFUSED, 403,
                   "permission_denied", "secret_access_key")

    def test_a_wrong_key_id(self):
        self.minio_with(access_key_id="nobody")
        self.check(self.table(Buckets.make(self.minio)), "signature", REFUSED, 403,
                   "permission_denied", "access_key_id")

    def minio_with(self, **keys):
        path = os.path.join(self.data, "secrets.toml")
        fields = {"access_key_id": self.minio.access_key_id,
                  "secret_access_key": self.minio.secret_access_key, **keys}
        with open(path, "w", encoding="utf-8") as file:
            file.write("[minio]\n" + "".join(f'{key} = "{value}"\n'
                                             for key, value in fields.items()))

    def test_a_bucket_that_is_not_there(self):
        self.check(self.table("nowhere"), "bucket", NOT_FOUND, 404, "not_found",
                   "nowhere", "create the bucket")

    def test_a_wrong_region(self):
        # MinIO takes every region.
        table = bucket_table("s3:tried", Buckets.make(self.versitygw), self.versitygw,
                             region="eu-west-9")
        self.check(table, "region", WRONG_USE, 400, "invalid_argument",
                   'set region = "us-east-1"')

    def test_nobody_listens(self):
        self.check(self.table("lake", endpoint=f"http://127.0.0.1:{free_port()}"), "connect",
                   UNAVAILABLE, 503, "unavailable", "refused")

    def test_a_name_that_does_not_resolve(self):
        self.check(self.table("lake", endpoint="http://s3.invalid:9000", allow_http=True),
                   "resolve", UNAVAILABLE, 503, "unavailable", "s3.invalid")

    def test_https_where_http_is_spoken(self):
        endpoint = self.minio.endpoint.replace("http:", "https:")
        self.check(self.table("lake", endpoint=endpoint), "tls", WRONG_USE, 400,
                   "invalid_argument", "http", endpoint.replace("https:", "http:"))

    def test_virtual_hosts(self):
        for server in self.servers():
            endpoint = f"http://localhost:{server.port}"
            with self.subTest(server.kind):
                table = bucket_table("s3:tried", Buckets.make(server), server, endpoint=endpoint,
                                     path_style=False)
                self.check(table, "delete", DONE, 201, None)

    def test_virtual_hosts_where_there_are_none(self):
        bucket = Buckets.make(self.minio)
        self.configure(LOCAL_PRIMARY, self.table(bucket, path_style=False))
        run = self.run_cli("storage", "test", "s3:tried")
        self.assertEqual(run.returncode, WRONG_USE, run.stderr)
        self.assertIn("path_style", run.stderr)
        self.configure(LOCAL_PRIMARY)
        with self.serve() as server:
            answer = self.add_bucket(server, "s3:tried", bucket, self.minio, path_style=False)
            self.expect_problem(answer, 400, "invalid_argument", "path_style")


    def test_an_authority_of_its_own(self):
        for kind in ("minio", "versitygw"):
            with self.subTest(kind), S3Server(kind, tls=True) as server:
                self.write_secrets({kind: server})
                bucket = Buckets.make(server)
                table = bucket_table("s3:tried", bucket, server, ca_file=server.ca_file)
                self.check(table, "delete", DONE, 201, None)
                self.check(bucket_table("s3:tried", bucket, server), "tls", REFUSED, 403,
                           "permission_denied", "ca_file")
                plain = server.endpoint.replace("https:", "http:")
                self.check(bucket_table("s3:tried", bucket, server, endpoint=plain), "tls",
                           WRONG_USE, 400, "invalid_argument", server.endpoint)
