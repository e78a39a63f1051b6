#!/usr/bin/env python3
"""Asks the real programs SQL over the staffing sample and checks the answers.

Each *.test file beside this one holds cases (README.md has the format). `equals duckdb` cases are
run by `lakehouse-bench sql`, which compares the server's rows with those of plain DuckDB on the same
files; every case is also run by `lakehouse sql`, whose rows or error must be the expected ones.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support.lakehouse import Server  # pylint: disable=wrong-import-position
from support.primary import add_option, open_primary  # pylint: disable=wrong-import-position

CANDIDATES = 1200
DATASETS = ["candidates", "clients", "jobs", "placements", "timesheets", "calls", "emails"]
TIMEOUT_SECONDS = 300
EXIT_BAD_INPUT = 2


class Case:
    """One query with what is expected of it: rows, an error, or DuckDB's answer."""

    def __init__(self, file, name, sql, expectation):
        self.name = f"{file}: {name}"
        self.sql = sql
        self.equals_duckdb = expectation[0] in ("equals duckdb", "equals duckdb or nothing")
        self.may_be_empty = expectation[0] == "equals duckdb or nothing"
        self.error = expectation[0][len("error "):] if expectation[0].startswith("error ") else None
        self.rows = None
        if not self.equals_duckdb and self.error is None:
            self.rows = [json.loads(line) for line in expectation]


def read_cases(path):
    """Returns the cases of one file."""
    file = os.path.basename(path)
    cases = []
    with open(path, encoding="utf-8") as lines:
        blocks = lines.read().split("\nquery ")[1:]
    for block in blocks:
        head, separator, tail = block.partition("\n----\n")
        name, _, sql = head.partition("\n")
        expectation = [line for line in tail.split("\n") if line.strip()]
        if not separator or not sql.strip() or not expectation:
            raise ValueError(f"{path}: query {name} lacks its statement or its expectation")
        cases.append(Case(file, name, sql.strip(), expectation))
    return cases


def run(command, **options):
    """Runs a program and returns its completed process with text output."""
    return subprocess.run(command, text=True, capture_output=True, timeout=TIMEOUT_SECONDS,
                          check=False, **options)


def must(command):
    """Runs a program that has to succeed; returns its standard output."""
    result = run(command)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}: {result.stderr}")
    return result.stdout


def compare_with_duckdb(bench, data, cases, work):
    """Returns for each case what the bench program found: rows and whether they are equal."""
    sql_file = os.path.join(work, "statements.sql")
    with open(sql_file, "w", encoding="utf-8") as out:
        out.write(";\n\n".join(case.sql for case in cases))
    answer = json.loads(must([bench, "sql", "--file", sql_file, "--data", data, "--runs", "1",
                              "--json"]))
    statements = answer["statements"]
    if len(statements) != len(cases):
        raise RuntimeError(f"the bench ran {len(statements)} of {len(cases)} statements")
    return {case.name: found for case, found in zip(cases, statements)}


def check(case, lakehouse, data, found):
    """Returns what is wrong with a case, or None."""
    result = run([lakehouse, "--data", data, "sql", "--format", "json", "-"], input=case.sql)
    if case.error is not None:
        if result.returncode != EXIT_BAD_INPUT:
            return f"expected exit code {EXIT_BAD_INPUT}, got {result.returncode}: {result.stdout}"
        return None if case.error in result.stderr else f"expected {case.error!r} in {result.stderr!r}"
    if result.returncode != 0:
        return f"exit code {result.returncode}: {result.stderr.strip()}"
    rows = [list(row.values()) for row in json.loads(result.stdout)]
    if case.rows is not None:
        return None if rows == case.rows else f"expected {case.rows}, got {rows}"
    if not found["equal"]:
        return "the rows differ from DuckDB's"
    if found["rows"] != len(rows):
        return f"DuckDB has {found['rows']} rows, the command line {len(rows)}"
    return None if rows or case.may_be_empty else "no rows: the case shows nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--lakehouse", required=True, help="the program; lakehouse-bench lies beside")
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    add_option(parser)
    options = parser.parse_args()
    cases = [case for path in sorted(glob.glob(os.path.join(HERE, "*.test")))
             for case in read_cases(path)]
    failed = 0
    with (open_primary(options.primary) as primary,
          tempfile.TemporaryDirectory(prefix="lakehouse_sql_") as work):
        sample, data = os.path.join(work, "sample"), os.path.join(work, "data")
        os.mkdir(data)
        primary.configure(data)
        must([options.lakehouse, "sample", "staffing", "--candidates", str(options.candidates),
              "-o", sample])
        for dataset in DATASETS:
            must([options.lakehouse, "--data", data, "ingest",
                  os.path.join(sample, f"{dataset}.csv"), "--dataset", dataset])
        compared = [case for case in cases if case.equals_duckdb]
        found = compare_with_duckdb(f"{options.lakehouse}-bench", data, compared, work)
        with Server(options.lakehouse, data):
            for case in cases:
                problem = check(case, options.lakehouse, data, found.get(case.name))
                failed += problem is not None
                print(f"FAIL {case.name}: {problem}" if problem else f"ok   {case.name}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
