#!/usr/bin/env python3
"""Uses Lakehouse with a real Ollama, with a server of faults, and as OpenAI's client does."""

import argparse
import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
# pylint: disable=wrong-import-position
from world import AiTest

MODULES = ["real_ollama", "openai_client", "server_faults", "server_jobs", "bad_input"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakehouse", default=os.path.join(ROOT, "build/release/lakehouse"))
    parser.add_argument("--only", metavar="TEXT", help="only tests whose name holds this")
    arguments = parser.parse_args()
    AiTest.lakehouse = os.path.abspath(arguments.lakehouse)
    loader = unittest.TestLoader()
    if arguments.only:
        loader.testNamePatterns = [f"*{re.sub(r'[^A-Za-z0-9_.]', '', arguments.only)}*"]
    result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromNames(MODULES))
    failed = len({str(case) for case, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
