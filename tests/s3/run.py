#!/usr/bin/env python3
"""Uses Lakehouse with two real S3 servers as a user does, also while they fail."""

import argparse
import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
# pylint: disable=wrong-import-position
from support.s3_servers import S3Server
from world import S3Test

MODULES = ["interop", "outage", "rescue", "trust", "provisioning", "moving", "freshness"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakehouse", default=os.path.join(ROOT, "build/release/lakehouse"))
    parser.add_argument("--only", metavar="TEXT", help="only tests whose name holds this")
    arguments = parser.parse_args()
    S3Test.lakehouse = os.path.abspath(arguments.lakehouse)
    loader = unittest.TestLoader()
    if arguments.only:
        loader.testNamePatterns = [f"*{re.sub(r'[^A-Za-z0-9_.]', '', arguments.only)}*"]
    with S3Server("minio") as S3Test.minio, S3Server("versitygw") as S3Test.versitygw:
        result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromNames(MODULES))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
