"""Tests of tools/test: whatever goes wrong in a suite is counted as a failure."""

import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
import unittest

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test")


def load_script():
    loader = importlib.machinery.SourceFileLoader("run_suites", PATH)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_suites", loader))
    sys.modules["run_suites"] = module
    loader.exec_module(module)
    return module


class SuiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.dont_write_bytecode = True
        cls.script = load_script()

    def run_python(self, code, is_gtest=False):
        """Runs a suite that is this Python code; returns (passed, failed, skipped)."""
        suite = self.script.Suite("suite", "kind", [sys.executable, "-c", code], is_gtest)
        with tempfile.TemporaryDirectory() as scratch:
            outcome = self.script.run_suite(suite, scratch)
        return outcome.passed, outcome.failed, outcome.skipped

    def gtest(self, tests, failures, code=0, result="COMPLETED"):
        report = {"tests": tests, "failures": failures, "errors": 0, "testsuites": [
            {"testsuite": [{"result": result, "status": "RUN"}]}]}
        return self.run_python(
            "import sys\npath = sys.argv[1].split(':', 1)[1]\n"
            f"open(path, 'w').write({json.dumps(report)!r})\nsys.exit({code})", True)

    def test_closing_line_counts(self):
        self.assertEqual(self.run_python("print('3 passed, 0 failed')"), (3, 0, 0))
        self.assertEqual(self.run_python("print('3 passed, 2 failed, 1 skipped'); exit(1)"),
                         (3, 2, 1))

    def test_exit_code_counts_beside_the_closing_line(self):
        self.assertEqual(self.run_python("print('3 passed, 0 failed'); exit(1)"), (3, 1, 0))

    def test_silence_is_a_failure(self):
        self.assertEqual(self.run_python("pass"), (0, 1, 0))
        self.assertEqual(self.run_python("print('0 passed, 0 failed')"), (0, 1, 0))

    def test_death_is_a_failure(self):
        self.assertEqual(self.run_python("import os; os.abort()"), (0, 1, 0))
        self.assertEqual(self.run_python("import os; os.abort()", is_gtest=True), (0, 1, 0))

    def test_unittest_summary_counts(self):
        self.assertEqual(self.run_python("print('Ran 7 tests in 1s\\n\\nOK')"), (7, 0, 0))
        self.assertEqual(
            self.run_python("print('Ran 7 tests in 1s\\n\\nFAILED (failures=1, errors=2)'); exit(1)"),
            (4, 3, 0))

    def test_gtest_report_counts(self):
        self.assertEqual(self.gtest(5, 0), (5, 0, 0))
        self.assertEqual(self.gtest(5, 2, code=1), (3, 2, 0))
        self.assertEqual(self.gtest(5, 0, result="SKIPPED"), (4, 0, 1))

    def test_gtest_that_dies_after_its_report_is_a_failure(self):
        self.assertEqual(self.gtest(5, 0, code=134), (5, 1, 0))


if __name__ == "__main__":
    unittest.main()
