"""Tests of the fault proxy against a real S3 server, through real sockets."""

import base64
import dataclasses
import datetime
import email.utils
import http.client
import json
import os
import subprocess
import sys
import unittest
import zlib

import fault_proxy
import s3_request
from fault_proxy import FaultProxy
from s3_servers import KINDS, S3Server

BUCKET = "lake"
IMPATIENT_SECONDS = 0.5  # Half of what the proxy waits between two slow bytes.


class FaultProxyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server("versitygw"))
        cls.server.make_bucket(BUCKET)

    def setUp(self):
        self.proxy = self.enterContext(FaultProxy(self.server.endpoint))
        self.account = dataclasses.replace(self.server.account, endpoint=self.proxy.endpoint)
        self.key = self.id().rsplit(".", 1)[1]

    def send(self, method, key=None, **options):
        """Sends through the proxy."""
        return s3_request.send(self.account, method, f"/{BUCKET}/{key or self.key}", **options)

    def stored(self, key=None):
        """What the server itself has under a key, or None."""
        answer = self.server.send("GET", f"/{BUCKET}/{key or self.key}")
        return answer.body if answer.status == 200 else None

    def list_keys(self):
        answer = s3_request.send(self.account, "GET", f"/{BUCKET}",
                                 query={"list-type": "2", "prefix": self.key})
        return answer.body.count(b"<Key>")

    def test_unfaulted_requests_pass_with_their_signature(self):
        key = "a b/c+d%2F&é=?#"
        for kind in KINDS:
            with self.subTest(kind), S3Server(kind) as server, \
                    FaultProxy(server.endpoint) as proxy:
                server.make_bucket(BUCKET)
                account = dataclasses.replace(server.account, endpoint=proxy.endpoint)
                path = f"/{BUCKET}/{key}"
                self.assertEqual(s3_request.send(account, "PUT", path, body=b"bytes").status, 200)
                self.assertEqual(s3_request.send(account, "GET", path).body, b"bytes")
                head = s3_request.send(account, "HEAD", path)
                self.assertEqual((head.status, head.headers["content-length"]), (200, "5"))
                self.assertEqual(s3_request.send(account, "DELETE", path).status, 204)
                self.assertEqual(s3_request.send(account, "GET", path).status, 404)
                wrong = dataclasses.replace(account, secret_access_key="wrong")
                self.assertEqual(s3_request.send(wrong, "GET", path).status, 403)
                self.assertEqual(
                    [(line.number, line.operation, line.bucket, line.key, line.status)
                     for line in proxy.log()],
                    [(1, "PutObject", BUCKET, key, 200), (2, "GetObject", BUCKET, key, 200),
                     (3, "HeadObject", BUCKET, key, 200), (4, "DeleteObject", BUCKET, key, 204),
                     (5, "GetObject", BUCKET, key, 404), (6, "GetObject", BUCKET, key, 403)])

    def test_a_connection_serves_several_requests(self):
        connection = http.client.HTTPConnection(self.proxy.endpoint[len("http://"):], timeout=10)
        self.addCleanup(connection.close)
        sockets = set()
        for number in range(3):
            body = b"x" * number
            path = f"/{BUCKET}/{self.key}"
            connection.request("PUT", path, body,
                               s3_request.sign(self.account, "PUT", path, "", {}, body))
            sockets.add(connection.sock.getsockname())
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        self.assertEqual(len(sockets), 1)

    def test_chunked_bodies_reach_the_server(self):
        connection = http.client.HTTPConnection(self.proxy.endpoint[len("http://"):], timeout=10)
        self.addCleanup(connection.close)
        path = f"/{BUCKET}/{self.key}"
        headers = s3_request.sign(self.account, "PUT", path, "", {}, b"one two")
        connection.request("PUT", path, iter([b"one ", b"two"]), headers, encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(self.stored(), b"one two")

    def test_errors_are_answered_and_nothing_is_applied(self):
        for fault, (status, code, _) in fault_proxy.ERRORS.items():
            with self.subTest(fault):
                self.proxy.clear()
                self.proxy.add(fault, operation="PutObject")
                answer = self.send("PUT", body=b"bytes")
                self.assertEqual(answer.status, status)
                self.assertIn(f"<Code>{code}</Code>".encode(), answer.body)
                self.assertIsNone(self.stored())
                [line] = self.proxy.log()
                self.assertEqual((line.fault, line.server_status, line.status),
                                 (fault, None, status))

    def test_an_error_to_head_has_no_body(self):
        self.proxy.add("slow_down")
        answer = self.send("HEAD")
        self.assertEqual((answer.status, answer.body), (503, b""))

    def test_a_skewed_clock_tells_its_time(self):
        self.proxy.add("clock_skew")
        told = email.utils.parsedate_to_datetime(self.send("GET").headers["date"])
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertGreater(told - now, datetime.timedelta(minutes=15))

    def test_an_error_after_the_request_was_applied(self):
        self.proxy.add("internal_error_after")
        self.assertEqual(self.send("PUT", body=b"bytes").status, 500)
        self.assertEqual(self.stored(), b"bytes")

    def test_reset_before_applies_nothing(self):
        self.proxy.add("reset_before")
        with self.assertRaises(ConnectionResetError):
            self.send("PUT", body=b"bytes")
        self.assertIsNone(self.stored())
        self.assertEqual(self.send("PUT", body=b"bytes").status, 200)

    def test_reset_after_applies_and_drops_the_answer(self):
        self.proxy.add("reset_after")
        with self.assertRaises(ConnectionResetError):
            self.send("PUT", body=b"bytes")
        self.assertEqual(self.stored(), b"bytes")
        [line] = self.proxy.log()
        self.assertEqual((line.server_status, line.status), (200, None))

    def test_hanging_requests_get_no_answer(self):
        for fault, applied in (("hang", None), ("hang_after", b"bytes")):
            with self.subTest(fault):
                self.proxy.add(fault, operation="PutObject")
                with self.assertRaises(TimeoutError):
                    self.send("PUT", key=fault, body=b"bytes", timeout=IMPATIENT_SECONDS)
                self.assertEqual(self.stored(fault), applied)

    def test_a_truncated_answer_ends_in_its_body(self):
        self.send("PUT", body=b"0123456789")
        self.proxy.add("truncated")
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.send("GET")
        self.assertEqual(caught.exception.partial, b"01234")

    def test_a_truncated_answer_without_a_body_ends_in_its_header(self):
        whole = self.send("PUT", body=b"bytes")
        self.proxy.add("truncated")
        try:
            cut = len(self.send("PUT", body=b"other").headers)
        except (OSError, http.client.HTTPException):
            cut = 0
        self.assertLess(cut, len(whole.headers))
        self.assertEqual(self.stored(), b"other")

    def test_wrong_lengths(self):
        self.send("PUT", body=b"0123456789")
        self.proxy.add("length_short")
        self.assertEqual(self.send("GET").body, b"01234")
        self.proxy.add("length_long")
        with self.assertRaises(TimeoutError):
            self.send("GET", timeout=IMPATIENT_SECONDS)

    def test_a_slow_body_comes_byte_by_byte(self):
        self.send("PUT", body=b"0123456789")
        self.proxy.add("slow")
        with self.assertRaises(TimeoutError):
            self.send("GET", timeout=IMPATIENT_SECONDS)

    def test_a_stale_listing_is_the_first_one(self):
        self.proxy.add("stale_list", times=0)
        self.assertEqual(self.list_keys(), 0)
        self.send("PUT", body=b"bytes")
        self.assertEqual(self.list_keys(), 0)
        self.proxy.clear()
        self.assertEqual(self.list_keys(), 1)

    def test_flipped_bits(self):
        self.proxy.add("flipped_upload", operation="PutObject")
        self.assertEqual(self.send("PUT", body=b"AAAA").status, 400)
        self.assertIsNone(self.stored())
        checksum = base64.b64encode(zlib.crc32(b"AAAA").to_bytes(4, "big")).decode()
        headers = {"x-amz-checksum-crc32": checksum}
        sent = self.send("PUT", body=b"AAAA", headers=headers)
        self.assertEqual(sent.headers["x-amz-checksum-crc32"], checksum)
        self.proxy.add("flipped_body")
        self.assertEqual(self.send("GET").body, b"AA@A")
        self.proxy.add("flipped_checksum")
        changed = self.send("PUT", body=b"AAAA", headers=headers)
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.headers["x-amz-checksum-crc32"], checksum)
        self.assertEqual(self.stored(), b"AAAA")

    def test_a_fault_that_finds_nothing_to_change_is_not_logged(self):
        self.proxy.add("flipped_body", times=0)
        self.assertEqual(self.send("PUT", body=b"bytes").status, 200)
        self.send("GET")
        self.assertEqual([line.fault for line in self.proxy.log()], [None, "flipped_body"])

    def statuses(self, method, *keys):
        return [self.send(method, key=key).status for key in keys]

    def test_a_schedule_chooses_requests(self):
        self.proxy.add("slow_down", method="GET", skip=1, every=2, times=2)
        self.assertEqual(self.statuses("GET", *"abcdefg"), [404, 503, 404, 503, 404, 404, 404])
        self.proxy.clear()
        self.proxy.add("internal_error", number=2)
        self.proxy.add("slow_down", key="^x/", times=0)
        self.assertEqual(self.statuses("GET", "x/a", "x/b", "ax/c", "x/d"), [503, 500, 404, 503])

    def test_conditions_on_query_and_header(self):
        self.proxy.add("slow_down", query="uploads")
        self.proxy.add("precondition_failed", header="if-none-match")
        self.assertEqual(self.send("PUT").status, 200)
        self.assertEqual(self.send("POST", query={"uploads": ""}).status, 503)
        self.assertEqual(self.send("PUT", key="new", headers={"If-None-Match": "*"}).status, 412)
        self.assertIsNone(self.stored("new"))

    def test_operations_have_the_names_of_s3(self):
        names = [("GET", "", "", {}, "ListBuckets"), ("PUT", "b", "", {}, "CreateBucket"),
                 ("HEAD", "b", "", {}, "HeadBucket"), ("DELETE", "b", "", {}, "DeleteBucket"),
                 ("GET", "b", "", {"list-type": "2"}, "ListObjectsV2"),
                 ("GET", "b", "", {}, "ListObjects"),
                 ("GET", "b", "", {"uploads": ""}, "ListMultipartUploads"),
                 ("POST", "b", "", {"delete": ""}, "DeleteObjects"),
                 ("POST", "b", "k", {"uploads": ""}, "CreateMultipartUpload"),
                 ("PUT", "b", "k", {"uploadId": "u", "partNumber": "1"}, "UploadPart"),
                 ("POST", "b", "k", {"uploadId": "u"}, "CompleteMultipartUpload"),
                 ("DELETE", "b", "k", {"uploadId": "u"}, "AbortMultipartUpload"),
                 ("DELETE", "b", "k", {}, "DeleteObject")]
        for method, bucket, key, query, name in names:
            self.assertEqual(fault_proxy.operation_of(method, bucket, key, query, {}), name)

    def test_virtual_hosts_name_the_bucket(self):
        port = self.proxy.endpoint.rsplit(":", 1)[1]
        host = f"{BUCKET}.localhost:{port}"
        account = dataclasses.replace(self.account, endpoint=f"http://{host}")
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
        self.addCleanup(connection.close)
        headers = s3_request.sign(account, "PUT", "/" + self.key, "", {}, b"bytes")
        connection.request("PUT", "/" + self.key, b"bytes", headers)
        self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(self.stored(), b"bytes")
        self.assertEqual([(line.bucket, line.key) for line in self.proxy.log()],
                         [(BUCKET, self.key)])

    def test_an_unknown_fault_is_refused(self):
        with self.assertRaisesRegex(ValueError, "no fault 'slow_dwon', expected one of .*slow_down"):
            self.proxy.add("slow_dwon")

    def test_a_server_that_is_gone_resets(self):
        with S3Server("versitygw") as server, FaultProxy(server.endpoint) as proxy:
            server.stop()
            account = dataclasses.replace(server.account, endpoint=proxy.endpoint)
            with self.assertRaises(ConnectionResetError):
                s3_request.send(account, "GET")
            server.start()
            self.assertEqual(s3_request.send(account, "GET").status, 200)

    def test_the_program_obeys_lines(self):
        program = os.path.join(os.path.dirname(__file__), "fault_proxy.py")
        with subprocess.Popen([sys.executable, program, self.server.endpoint], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            def ask(line):
                process.stdin.write(line + "\n")
                process.stdin.flush()
                return json.loads(process.stdout.readline())

            endpoint = json.loads(process.stdout.readline())["endpoint"]
            account = dataclasses.replace(self.server.account, endpoint=endpoint)
            self.assertEqual(ask('add {"fault": "slow_down", "operation": "ListBuckets"}'),
                             {"ok": True})
            self.assertEqual(s3_request.send(account, "GET").status, 503)
            [line] = ask("log")["log"]
            self.assertEqual((line["operation"], line["fault"]), ("ListBuckets", "slow_down"))
            self.assertEqual(ask("clear"), {"ok": True})
            self.assertEqual(ask("log"), {"log": []})
            self.assertIn("error", ask('add {"fault": "none"}'))
            self.assertIn("error", ask('add {"fault": "hang", "unknown": 1}'))
            self.assertIn("error", ask("jump"))
            process.stdin.close()
            self.assertEqual(process.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
