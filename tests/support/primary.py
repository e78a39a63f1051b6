"""Where `primary` lies while a suite runs: on the local disk, or on a real S3 server."""

import contextlib
import itertools
import os

from support.s3_servers import KINDS, S3Server

CHOICES = ("local", *KINDS)


def write_secret(data, name, server):
    """Writes secrets.toml with one secret: the keys of `server`."""
    path = os.path.join(data, "secrets.toml")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as file:
        file.write(f'[{name}]\naccess_key_id = "{server.access_key_id}"\n'
                   f'secret_access_key = "{server.secret_access_key}"\n')


def bucket_table(name, bucket, server, endpoint=None):
    """The lines of lakehouse.toml for one bucket of `server`, by way of `endpoint` if given."""
    lines = ["[[storage.buckets]]", f'name = "{name}"', 'backend = "s3"', f'bucket = "{bucket}"',
             f'endpoint = "{endpoint or server.endpoint}"', 'credentials = "test"']
    if server.ca_file:
        lines.append(f'ca_file = "{server.ca_file}"')
    return lines


class Primary:
    """Gives every data directory a primary bucket of its own."""

    def __init__(self, server):
        self.server = server
        self.numbers = itertools.count(1)

    def configure(self, data, config=()):
        """Writes the configuration of a data directory: the lines of `config`, then the bucket."""
        lines = list(config)
        if self.server is not None:
            bucket = f"lake-{next(self.numbers)}"
            self.server.make_bucket(bucket)
            lines += bucket_table("primary", bucket, self.server)
            write_secret(data, "test", self.server)
        with open(os.path.join(data, "lakehouse.toml"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def add_option(parser):
    parser.add_argument("--primary", choices=CHOICES, default="local",
                        help="where the primary bucket lies (default: on the local disk)")


@contextlib.contextmanager
def open_primary(kind):
    """Starts the server that `kind` names, if any, for as long as the suite runs."""
    if kind == "local":
        yield Primary(None)
        return
    with S3Server(kind) as server:
        yield Primary(server)
