"""Tests of the servers that other tests stand on."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest
from unittest import mock

import s3_request
import s3_servers
from s3_servers import KINDS, S3Server

PROGRAM = os.path.abspath(s3_servers.__file__)


class S3ServerTest(unittest.TestCase):
    def test_data_and_address_survive_a_stop(self):
        for kind in KINDS:
            with self.subTest(kind), S3Server(kind) as server:
                server.make_bucket("lake")
                endpoint = server.endpoint
                self.assertEqual(server.send("PUT", "/lake/key", body=b"bytes").status, 200)
                server.stop()
                with self.assertRaises(ConnectionRefusedError):
                    server.send("GET", "/lake/key")
                server.start()
                self.assertEqual(server.endpoint, endpoint)
                self.assertEqual(server.send("GET", "/lake/key").body, b"bytes")

    def test_https_is_trusted_through_its_own_authority_only(self):
        for kind in KINDS:
            with self.subTest(kind), S3Server(kind, tls=True) as server:
                self.assertTrue(server.endpoint.startswith("https://"))
                self.assertEqual(server.send("GET").status, 200)
                stranger = dataclasses.replace(server.account, ca_file=None)
                with self.assertRaises(ssl.SSLCertVerificationError):
                    s3_request.send(stranger, "GET")

    def test_each_server_has_keys_and_data_of_its_own(self):
        with S3Server("versitygw") as one, S3Server("versitygw") as other:
            one.make_bucket("lake")
            self.assertEqual(other.send("GET", "/lake").status, 404)
            mixed = dataclasses.replace(one.account, endpoint=other.endpoint)
            self.assertIn(s3_request.send(mixed, "GET").status, (403, 404))

    def test_nothing_is_left_behind(self):
        with S3Server("versitygw") as server:
            folder, pid = server.folder, server.pid
        self.assertFalse(os.path.exists(folder))
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_a_bucket_that_cannot_be_made_is_an_error(self):
        with S3Server("versitygw") as server:
            server.make_bucket("lake")
            with self.assertRaisesRegex(RuntimeError, "made no bucket lake.*BucketAlreadyOwnedByYou"):
                server.make_bucket("lake")

    def test_a_missing_program_names_what_installs_it(self):
        with mock.patch.dict(os.environ, LAKEHOUSE_CACHE="/nonexistent"):
            with self.assertRaisesRegex(RuntimeError, "run tools/bootstrap test"):
                S3Server("minio")


class ProgramTest(unittest.TestCase):
    def launch(self):
        process = subprocess.Popen([sys.executable, PROGRAM, "versitygw"], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        ready = json.loads(process.stdout.readline())
        self.addCleanup(shutil.rmtree, os.path.dirname(ready["data"]), ignore_errors=True)
        return process, ready

    def assert_gone(self, ready):
        """Waits until nobody listens at the endpoint."""
        host, port = ready["endpoint"].removeprefix("http://").split(":")
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) != 0:
                    return
            time.sleep(0.02)
        self.fail(f"{ready['endpoint']} still answers")

    def test_it_obeys_lines_and_ends_with_its_input(self):
        process, ready = self.launch()
        answers = []
        for line in ("make_bucket lake", "make_bucket lake", "stop", "start", "jump"):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answers.append(json.loads(process.stdout.readline()).get("ok", False))
        self.assertEqual(answers, [True, False, True, True, False])
        process.stdin.close()
        self.assertEqual(process.wait(20), 0)
        self.assert_gone(ready)
        self.assertFalse(os.path.exists(ready["data"]))

    def test_the_server_dies_with_a_killed_program(self):
        process, ready = self.launch()
        process.kill()
        self.assert_gone(ready)

    def test_the_server_ends_with_a_terminated_program(self):
        process, ready = self.launch()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        self.assert_gone(ready)
        self.assertFalse(os.path.exists(ready["data"]))


if __name__ == "__main__":
    unittest.main()
