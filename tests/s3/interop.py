"""What Lakehouse wrote, others read; what others wrote, Lakehouse reads."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys

from support.s3_servers import cached_path
from world import PEOPLE, Buckets, S3Test, bucket_table, objects_path

ODD_KEYS = ["odd/with space", "odd/plus+and+plus", "odd/percent%41%2f%", "odd/ünï/鳥.bin",
            "odd/amp&lt<gt>quote\"apostrophe'", "odd/what?hash#semi;equals=",
            "odd/at@colon:$,!*()~",
            "odd/" + "/".join(["long" * 40] * 5)]
MULTIPART_BYTES = 20 << 20


def sums(contents):
    return {key: hashlib.sha256(content).hexdigest() for key, content in contents}


def files_below(folder):
    """The files below a folder, by the keys that they were fetched from."""
    for path, _, names in os.walk(folder):
        for name in names:
            file_path = os.path.join(path, name)
            with open(file_path, "rb") as file:
                yield os.path.relpath(file_path, folder), file.read()


def boto3_client(server):
    folder = cached_path("boto3")
    if folder not in sys.path:
        sys.path.append(folder)
    import boto3  # pylint: disable=import-outside-toplevel,import-error
    return boto3.client("s3", endpoint_url=server.endpoint, region_name=server.region,
                        aws_access_key_id=server.access_key_id,
                        aws_secret_access_key=server.secret_access_key)


class InteropTest(S3Test):
    def lakehouse_objects(self, server, bucket):
        """Lists and reads every object through Lakehouse."""
        cursor = ""
        while cursor is not None:
            status, page = server.call("GET", f"{objects_path(bucket)}?limit=7{cursor}")
            self.assertEqual(status, 200, page)
            for item in page["items"]:
                status, content = server.send("GET", objects_path(bucket, item["key"]))
                self.assertEqual((status, len(content)), (200, item["bytes"]), item)
                yield item["key"], content
            following = page["next_cursor"]
            cursor = None if following is None else f"&cursor={following}"

    def boto3_objects(self, s3_server, bucket):
        client = boto3_client(s3_server)
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                content = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                self.assertEqual(len(content), item["Size"])
                yield item["Key"], content

    def run_client(self, command, environment):
        run = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, timeout=300,
                             env={"PATH": os.environ["PATH"], "HOME": self.folder, **environment})
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def aws(self, s3_server, *arguments):
        command = [sys.executable, "-m", "awscli", "--endpoint-url", s3_server.endpoint, *arguments]
        return self.run_client(command, {
            "PYTHONPATH": cached_path("boto3"), "AWS_ACCESS_KEY_ID": s3_server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_access_key, "LC_ALL": "C.UTF-8",
            "AWS_DEFAULT_REGION": s3_server.region})

    def aws_objects(self, s3_server, bucket):
        folder = os.path.join(self.folder, "aws")
        self.aws(s3_server, "s3", "sync", f"s3://{bucket}", folder, "--only-show-errors")
        return files_below(folder)

    def mc(self, s3_server, *arguments):
        address = s3_server.endpoint.removeprefix("http://")
        keys = f"{s3_server.access_key_id}:{s3_server.secret_access_key}"
        return self.run_client([cached_path("mc"), "--quiet", "--json", *arguments],
                               {"MC_HOST_there": f"http://{keys}@{address}"})

    def mc_objects(self, s3_server, bucket):
        folder = os.path.join(self.folder, "mc")
        self.mc(s3_server, "mirror", f"there/{bucket}", folder)
        return files_below(folder)

    def listed_by_others(self, s3_server, bucket):
        """The keys that the two command lines list."""
        page = json.loads(self.aws(s3_server, "s3api", "list-objects-v2", "--bucket", bucket))
        lines = self.mc(s3_server, "ls", "--recursive", f"there/{bucket}").splitlines()
        return ([item["Key"] for item in page["Contents"]],
                [json.loads(line)["key"] for line in lines])

    def check_others_read(self, s3_server):
        bucket = Buckets.make(s3_server)
        self.configure(bucket_table("primary", bucket, s3_server))
        server = self.serve()
        self.ingest(server, "people", PEOPLE)
        self.build_index(server, "people", "people_v1")
        self.assertEqual(self.find(server, "people_v1", "hospital worker at night")[0], "1")
        generator = random.Random(4)
        written = {key: generator.randbytes(size) for size, key in enumerate(ODD_KEYS)}
        written["big/multipart"] = generator.randbytes(MULTIPART_BYTES)
        for key, content in written.items():
            self.put(server, "primary", key, content)
        expected = sums(self.lakehouse_objects(server, "primary"))
        self.assertEqual(server.stop(), 0)

        for key, digest in sums(written.items()).items():
            self.assertEqual(expected[key], digest, key)
        self.assertTrue(any(key.endswith(".parquet") for key in expected), list(expected))
        head = boto3_client(s3_server).head_object(Bucket=bucket, Key="big/multipart")
        self.assertIn("-", head["ETag"], "it was not written in parts")
        # What the server writes while it drains is not in its own listing.
        late = dict(self.boto3_objects(s3_server, bucket))
        self.assertEqual({key: hashlib.sha256(late[key]).hexdigest() for key in expected}, expected)
        self.assertEqual(sums(self.aws_objects(s3_server, bucket)), sums(late.items()))
        self.assertEqual(sums(self.mc_objects(s3_server, bucket)), sums(late.items()))
        for keys in self.listed_by_others(s3_server, bucket):
            self.assertEqual(sorted(keys), sorted(late))

    def test_others_read_what_we_wrote_to_minio(self):
        self.check_others_read(self.minio)

    def test_others_read_what_we_wrote_to_versitygw(self):
        self.check_others_read(self.versitygw)

    def test_we_read_what_boto3_wrote(self):
        for s3_server in self.servers():
            with self.subTest(s3_server.kind):
                bucket = Buckets.make(s3_server)
                generator = random.Random(5)
                written = {key: generator.randbytes(100) for key in ODD_KEYS}
                written["big/multipart"] = generator.randbytes(MULTIPART_BYTES)
                client = boto3_client(s3_server)
                for key, content in written.items():
                    client.upload_fileobj(io.BytesIO(content), bucket, key)
                head = client.head_object(Bucket=bucket, Key="big/multipart")
                self.assertIn("-", head["ETag"])
                self.configure(bucket_table("s3:theirs", bucket, s3_server),
                               ["[[storage.buckets]]", 'name = "primary"'])
                with self.serve() as server:
                    self.assertEqual(sums(self.lakehouse_objects(server, "s3:theirs")),
                                     sums(written.items()))
                    status, content = server.send(
                        "GET", objects_path("s3:theirs", "big/multipart"),
                        headers={"Range": "bytes=8388000-16777300"})
                    self.assertEqual(status, 206)
                    self.assertEqual(content, written["big/multipart"][8388000:16777301])
