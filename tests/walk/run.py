#!/usr/bin/env python3
"""Types the commands of README.md, as they stand there, and looks at what they answer."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from support.lakehouse import Server  # pylint: disable=wrong-import-position

# What README.md says is the server's address.
WRITTEN_ADDRESS = "localhost:3100"
# What the answer of each command must hold, by how the command begins.
EXPECTED = {
    "cat ": r"\A\Z",
    "lakehouse ingest": r"people: 4 rows[\s\S]*state +VARCHAR",
    "lakehouse sql": r"state,.*\nTX,2\n",
    "lakehouse index": r"people_v1: 4 rows",
    "lakehouse search": r"\A[\d.]+ +1 +Registered nurse",
    "curl": r'"rows": ?\[\[1\]\]',
}


def commands_of(readme):
    """Returns the commands of the first sh block; a here-document belongs to its command."""
    block = re.search(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1]
    commands, here_end = [], None
    for line in block.splitlines():
        if here_end:
            commands[-1] += "\n" + line
            here_end = None if line == here_end else here_end
        elif line:
            commands.append(line)
            here = re.search(r"<<'(\w+)'", line)
            here_end = here and here[1]
    return [command for command in commands if not command.startswith("export PATH=")]


def walk(lakehouse, folder):
    """Runs the commands against a server; returns the complaints and how many ran."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        commands = commands_of(file.read())
    data = os.path.join(folder, "data")
    environment = {**os.environ, "LAKEHOUSE_DATA": data,
                   "PATH": os.path.dirname(lakehouse) + ":" + os.environ["PATH"]}
    complaints, met = [], set()
    with Server(lakehouse, data) as server:
        for command in commands:
            typed = command.replace(WRITTEN_ADDRESS, server.url.removeprefix("http://"))
            run = subprocess.run(["bash", "-c", typed], cwd=folder, env=environment, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, check=False)
            begin = next((begin for begin in EXPECTED if command.startswith(begin)), None)
            met.add(begin)
            if run.returncode != 0 or begin is None or not re.search(EXPECTED[begin], run.stdout):
                complaints.append(f"$ {command}\nexit code {run.returncode}\n{run.stdout}{run.stderr}"
                                  f"expected: {json.dumps(EXPECTED.get(begin))}")
    complaints += [f"README.md has no command that begins with {begin!r}"
                   for begin in EXPECTED if begin not in met]
    return complaints, len(commands)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakehouse", default=os.path.join(ROOT, "build/release/lakehouse"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakehouse-walk-") as folder:
        complaints, commands = walk(os.path.abspath(arguments.lakehouse), folder)
    for complaint in complaints:
        print(complaint)
    print(f"{max(commands - len(complaints), 0)} passed, {len(complaints)} failed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
