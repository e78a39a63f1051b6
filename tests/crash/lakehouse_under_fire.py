"""A data directory whose server is killed, and what every crash test needs."""

import http.client
import os
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from support.lakehouse import Server  # pylint: disable=wrong-import-position

LOST_CONNECTION = (OSError, http.client.HTTPException)
WORDS = ("nurse welder driver analyst plumber teacher baker pilot night shift spanish forklift "
         "chicago boston remote senior junior licensed certified bilingual weekend").split()


class Failure(Exception):
    """A promise that was broken."""


def demand(condition, *message):
    if not condition:
        raise Failure(" ".join(str(part) for part in message))


class Lakehouse:
    """The data directory, and the server on it while one runs."""

    def __init__(self, binary, folder, config):
        self.binary = binary
        self.data = os.path.join(folder, "data")
        self.log = os.path.join(folder, "server.log")
        os.makedirs(self.data)
        with open(os.path.join(self.data, "lakehouse.toml"), "w", encoding="utf-8") as file:
            file.write(config)
        self.server = None

    def start(self):
        self.server = Server(self.binary, self.data, log_path=self.log)
        return self.server

    def kill_after(self, seconds):
        """Kills the running server that much later, from another thread; join it."""
        process = self.server.process
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        return timer

    def restart(self, rng):
        """Starts the server again; now and then kills it once more while it recovers."""
        self.server.kill()
        if rng.random() < 0.2:
            self.server = Server(self.binary, self.data, log_path=self.log, wait=False)
            time.sleep(rng.uniform(0.01, 0.3))
            self.server.kill()
        return self.start()
