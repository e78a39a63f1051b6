#!/usr/bin/env python3
"""Runs the command line as a user does and looks at its output, its files and its exit codes."""

import argparse
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from support.lakehouse import Server  # pylint: disable=wrong-import-position

DONE, FAILED, WRONG_USE, NOT_FOUND, CONFLICT, REFUSED, UNAVAILABLE = range(7)
PEOPLE = """\
id,name,state,joined,rate,bio
1,Ana,TX,2024-05-01,31.50,Night-shift nurse who speaks Spanish and English
2,Bo,WA,2023-01-15,48.00,Java developer with ten years of banking software
3,"Cruz, Li",TX,2022-09-30,27.25,"Forklift operator, certified, ""day shift"" only"
"""
NOBODY_LISTENS = "http://127.0.0.1:1"
COMMANDS = ["serve", "ingest", "sql", "index", "search", "datasets list", "datasets show",
            "datasets delete", "indexes list", "indexes show", "indexes delete", "jobs list",
            "jobs show", "jobs cancel", "buckets list", "sample staffing", "config", "version",
            "completion"]


class CliTest(unittest.TestCase):
    """One data directory for each test; `run_cli` runs commands on it."""

    lakehouse = None  # Path of the program.

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lakehouse-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = os.path.join(self.folder, "data")
        self.people = self.write("people.csv", PEOPLE)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def run_cli(self, *arguments, stdin=b"", data=True, environment=None):
        prefix = ["--data", self.data] if data else []
        return subprocess.run([self.lakehouse, *prefix, *arguments], input=stdin, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                              env={**os.environ, **(environment or {})}, timeout=300)

    def expect(self, code, *arguments, stdin=b""):
        """Runs a command that must end with `code`; returns its standard output and error."""
        run = self.run_cli(*arguments, stdin=stdin)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout!r} {run.stderr!r}")
        return run.stdout.decode(), run.stderr.decode()

    def expect_problem(self, code, *arguments, stdin=b"", names=()):
        """Runs a command that must fail with one clear line that names what is wrong."""
        out, err = self.expect(code, *arguments, stdin=stdin)
        self.assertEqual(out, "")
        self.assertTrue(err.startswith("lakehouse: "), err)
        self.assertNotIn("terminate called", err)
        for name in names:
            self.assertIn(name, err)
        return err


class HelpTest(CliTest):
    def test_help_lists_the_commands(self):
        out, _ = self.expect(DONE, "--help")
        for command in COMMANDS:
            self.assertIn(command.split()[0], out)

    def test_every_command_has_help_in_both_spellings(self):
        for command in COMMANDS:
            out, _ = self.expect(DONE, *command.split(), "--help")
            run = self.run_cli("help", *command.split(), data=False)
            self.assertEqual((run.returncode, run.stdout.decode()), (DONE, out))
            self.assertIn(command.split()[-1], out)

    def test_help_shows_examples(self):
        for command in ("serve", "ingest", "sql", "index", "search"):
            self.assertIn(b"Examples:", self.run_cli("help", command, data=False).stdout)

    def test_version(self):
        self.assertRegex(self.expect(DONE, "version")[0], r"^lakehouse \d+\.\d+\.\d+\n$")
        self.assertIn("version", json.loads(self.expect(DONE, "--json", "version")[0]))

    def test_completion_scripts(self):
        for shell in ("bash", "zsh", "fish"):
            out, _ = self.expect(DONE, "completion", shell)
            self.assertIn("ingest", out)
            self.assertIn("--dataset", out.replace("-l ", "--"))
        bash = self.write("completion.bash", self.expect(DONE, "completion", "bash")[0])
        script = (f"source {bash}; COMP_WORDS=(lakehouse sea); COMP_CWORD=1; "
                  "$(complete -p lakehouse | sed 's/.*-F \\([^ ]*\\).*/\\1/') lakehouse sea lakehouse; "
                  'echo "${COMPREPLY[@]}"')
        run = subprocess.run(["bash", "--norc", "-c", script], stdout=subprocess.PIPE, check=True)
        self.assertEqual(run.stdout.decode().strip(), "search")

    def test_completion_of_an_unknown_shell(self):
        self.expect_problem(WRONG_USE, "completion", "csh", names=["bash", "zsh", "fish"])


class WrongUseTest(CliTest):
    def test_wrong_words(self):
        for arguments in ([], ["frobnicate"], ["sql", "--frobnicate"], ["ingest"], ["index", "x"],
                          ["search", "x"], ["datasets"], ["ingest", "a.csv", "--mode", "merge"],
                          ["sql", "select 1", "--limit", "many"], ["help", "frobnicate"]):
            out, err = self.expect(WRONG_USE, *arguments)
            self.assertEqual(out, "")
            self.assertNotEqual(err, "")
        self.assertFalse(os.path.exists(self.data), "a wrong command line made a data directory")

    def test_sql_errors_name_the_place(self):
        self.expect_problem(WRONG_USE, "sql", "select 1 +", names=["syntax"])
        self.expect_problem(WRONG_USE, "sql", "select nope", names=["nope"])
        self.expect_problem(WRONG_USE, "sql", "", names=[])

    def test_sql_changes_nothing_and_reads_no_file(self):
        secret = self.write("secret.csv", "a\n1\n")
        for text in ("create table t (a int)", "drop table people", "set threads = 1",
                     f"copy (select 1) to '{self.folder}/out.csv'", "attach 'x.db'",
                     f"select * from '{secret}'", f"select * from read_csv('{secret}')",
                     "select 1; select 2"):
            self.expect_problem(WRONG_USE, "sql", text)
        self.assertFalse(os.path.exists(f"{self.folder}/out.csv"))

    def test_bad_dataset_names(self):
        for name in ("../escape", "UPPER", "a b", "x" * 64, ".hidden"):
            self.expect_problem(WRONG_USE, "ingest", self.people, "--dataset", name)
        self.assertEqual(self.datasets(), [])

    def datasets(self):
        return json.loads(self.expect(DONE, "--json", "datasets", "list")[0])["items"]

    def test_unknown_setting_names_the_nearest(self):
        path = self.write("bad.toml", "[sql]\nthread = 2\n")
        self.expect_problem(WRONG_USE, "--config", path, "config", names=["thread", "threads", "2"])

    def test_missing_config_file(self):
        run = self.run_cli("--config", self.folder + "/none.toml", "config")
        self.assertIn(run.returncode, (WRONG_USE, NOT_FOUND))
        self.assertIn(b"none.toml", run.stderr)

    def test_bad_files(self):
        for name, content in (("garbage.bin", bytes(range(256)) * 64), ("empty.csv", b""),
                              ("broken.parquet", b"PAR1" + b"x" * 64 + b"PAR1"),
                              ("cut.json", b'[{"a": 1}, {"a"'),
                              ("twice.csv", b"a,a\n1,2\n")):
            path = self.write(name, content)
            run = self.run_cli("ingest", path, "--dataset", "bad")
            if name == "twice.csv" and run.returncode == DONE:
                continue  # Two columns of one name may be told apart instead.
            self.assertEqual(run.returncode, WRONG_USE, (name, run.stderr))
        self.assertNotIn("garbage", str(self.datasets()))


class ExitCodeTest(CliTest):
    def test_not_found(self):
        for arguments in (["ingest", "no-such-file.csv"], ["datasets", "show", "nope"],
                          ["indexes", "show", "nope"], ["jobs", "show", "0"],
                          ["search", "nope_v1", "text"],
                          ["index", "nope", "--id", "id", "--text", "bio"]):
            self.expect_problem(NOT_FOUND, *arguments)

    def test_conflict_when_the_dataset_exists(self):
        self.expect(DONE, "ingest", self.people)
        other = self.write("other.csv", "id\n9\n")
        self.expect_problem(CONFLICT, "ingest", other, "--dataset", "people", names=["people"])
        self.assertEqual(self.expect(DONE, "sql", "select count(*) from people")[0].split()[-1], "3")

    def test_refused_secrets_that_others_may_read(self):
        os.makedirs(self.data)
        path = os.path.join(self.data, "secrets.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[minio]\naccess_key_id = "not-to-be-shown"\n')
        os.chmod(path, 0o644)
        err = self.expect_problem(REFUSED, "sql", "select 1", names=["secrets.toml", "chmod 600"])
        self.assertNotIn("not-to-be-shown", err)
        os.chmod(path, 0o600)
        self.expect(DONE, "sql", "select 1")

    def test_unavailable_when_nobody_listens(self):
        self.expect_problem(UNAVAILABLE, "--server", NOBODY_LISTENS, "sql", "select 1")
        self.expect_problem(UNAVAILABLE, "--server", NOBODY_LISTENS, "ingest", self.people)

    def test_failed_when_the_time_is_over(self):
        self.expect_problem(FAILED, "sql", "--timeout-ms", "50",
                            "select count(*) from range(1000000) a, range(1000000) b")


class OutputTest(CliTest):
    def setUp(self):
        super().setUp()
        self.expect(DONE, "ingest", self.people)

    def test_formats(self):
        query = "select id, name, joined from people order by id"
        rows = list(csv.reader(io.StringIO(self.expect(DONE, "sql", query)[0])))
        self.assertEqual(rows[0], ["id", "name", "joined"])
        self.assertEqual(rows[3], ["3", "Cruz, Li", "2022-09-30"])
        objects = json.loads(self.expect(DONE, "sql", "--format", "json", query)[0])
        self.assertEqual(objects[0], {"id": 1, "name": "Ana", "joined": "2024-05-01"})
        lines = self.expect(DONE, "sql", "--format", "ndjson", query)[0].splitlines()
        self.assertEqual([json.loads(line) for line in lines], objects)
        table = self.expect(DONE, "sql", "--format", "table", query)[0]
        self.assertIn("Cruz, Li", table)
        self.expect_problem(WRONG_USE, "sql", "--format", "xml", query, names=["table"])

    def test_output_file(self):
        path = os.path.join(self.folder, "out.csv")
        out, _ = self.expect(DONE, "sql", "-o", path, "select state from people order by id")
        self.assertEqual(out, "")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["state", "TX", "WA", "TX"])

    def test_limit_is_a_remark_not_an_answer(self):
        out, err = self.expect(DONE, "sql", "--limit", "2", "select id from people order by id")
        self.assertEqual(out.split(), ["id", "1", "2"])
        self.assertIn("--limit", err)
        _, err = self.expect(DONE, "--quiet", "sql", "--limit", "2", "select id from people")
        self.assertEqual(err, "")

    def test_statement_from_standard_input(self):
        for arguments in (["sql", "-"], ["sql"]):
            out, _ = self.expect(DONE, *arguments, stdin=b"select 40 + 2 as answer")
            self.assertEqual(out.split(), ["answer", "42"])

    def test_json_is_what_the_api_answers(self):
        query = "select state, count(*) as n from people group by 1 order by 1"
        in_process = json.loads(self.expect(DONE, "--json", "sql", query)[0])
        with Server(self.lakehouse, self.data) as server:
            direct = server.call("POST", "/query/sql", {"sql": query, "limit": 10000})[1]
            remote = json.loads(self.expect(DONE, "--json", "sql", query)[0])
            listed = json.loads(self.expect(DONE, "--json", "datasets", "list")[0])
            self.assertEqual(listed, server.call("GET", "/catalog/datasets?limit=1000")[1])
        for answer in (in_process, direct, remote):
            del answer["elapsed_ms"], answer["query_id"]
        self.assertEqual(in_process, direct)
        self.assertEqual(remote, direct)

    def test_json_problem_is_what_the_api_answers(self):
        run = self.run_cli("--json", "datasets", "show", "nope")
        self.assertEqual(run.returncode, NOT_FOUND)
        problem = json.loads(run.stdout)
        self.assertEqual((problem["status"], problem["code"]), (404, "not_found"))
        self.assertIn("nope", problem["detail"])

    def test_no_progress_in_a_pipe(self):
        run = self.run_cli("ingest", self.people, "--mode", "replace", "--dataset", "again")
        self.assertNotIn(b"\r", run.stderr + run.stdout)

    def test_config_prints_every_setting_with_its_source(self):
        out, _ = self.expect(DONE, "config")
        self.assertRegex(out, r'(?m)^server\.listen = "127\.0\.0\.1:3100" +# default; ')
        path = self.write("lakehouse.toml", '[server]\nlisten = "127.0.0.1:4000"\n')
        out, _ = self.expect(DONE, "--config", path, "config")
        self.assertRegex(out, r'(?m)^server\.listen = "127\.0\.0\.1:4000" +# .*lakehouse\.toml')


class IngestTest(CliTest):
    def rows(self, query):
        return json.loads(self.expect(DONE, "--json", "sql", query)[0])["rows"]

    def test_answer_says_what_happened(self):
        out, _ = self.expect(DONE, "ingest", self.people, "--dataset", "staff")
        self.assertRegex(out, r"^staff: 3 rows \(csv, utf-8, \d+ B\) in bucket primary, ")
        self.assertRegex(out, r"(?m)^ +id +BIGINT")
        self.assertRegex(out, r"(?m)^ +joined +DATE")

    def test_same_bytes_twice_is_a_no_op_that_says_so(self):
        self.expect(DONE, "ingest", self.people)
        for mode in ("append", "replace"):
            out, _ = self.expect(DONE, "ingest", self.people, "--mode", mode)
            self.assertIn("nothing was done", out)
        self.assertEqual(self.rows("select count(*) from people"), [[3]])

    def test_append_and_replace(self):
        self.expect(DONE, "ingest", self.people)
        more = self.write("more.csv", PEOPLE.splitlines()[0] + "\n4,Di,OR,2021-02-03,30.00,Welder\n")
        self.expect(DONE, "ingest", more, "--dataset", "people", "--mode", "append")
        self.assertEqual(self.rows("select count(*) from people"), [[4]])
        self.expect(DONE, "ingest", more, "--dataset", "people", "--mode", "replace")
        self.assertEqual(self.rows("select name from people"), [["Di"]])

    def test_standard_input(self):
        out, _ = self.expect(DONE, "ingest", "-", "--dataset", "piped", stdin=PEOPLE.encode())
        self.assertIn("piped: 3 rows", out)
        self.expect(DONE, "ingest", "-", "--dataset", "events", stdin=b'{"a":1}\n{"a":2}\n')
        self.assertEqual(self.rows("select sum(a) from events"), [[3]])

    def test_directory(self):
        folder = os.path.join(self.folder, "exports")
        os.makedirs(folder)
        for name, text in (("a.csv", "x\n1\n"), ("b.ndjson", '{"y":2}\n'), (".hidden.csv", "z\n3\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.expect(DONE, "ingest", folder)
        self.assertEqual(self.rows("select x + y from a, b"), [[3]])
        listed = json.loads(self.expect(DONE, "--json", "datasets", "list")[0])["items"]
        self.assertEqual([item["name"] for item in listed], ["a", "b"])

    def test_reject_file_keeps_what_was_not_taken(self):
        ragged = self.write("ragged.csv", "id,name\n1,Ana\n2,Bo,extra\n3\n4,Di\n")
        rejects = os.path.join(self.folder, "rejects.csv")
        out, err = self.expect(DONE, "ingest", ragged, "--reject-file", rejects)
        self.assertIn("ragged: 2 rows", out)
        self.assertIn("line 3", err)
        with open(rejects, encoding="utf-8") as file:
            self.assertEqual(file.read().splitlines(), ["2,Bo,extra", "3"])

    def test_delete(self):
        self.expect(DONE, "ingest", self.people)
        self.expect(DONE, "datasets", "delete", "people")
        self.expect_problem(NOT_FOUND, "datasets", "show", "people")


class ServerTest(CliTest):
    def test_command_finds_the_server_of_its_data_directory(self):
        with Server(self.lakehouse, self.data) as server:
            self.expect(DONE, "ingest", self.people)
            self.assertEqual(server.sql("select count(*) from people"), [[3]])
            run = self.run_cli("--server", server.url, "sql", "select count(*) from people",
                               data=False)
            self.assertEqual(run.stdout.split()[-1], b"3")
        # What the server was told is there without it, too.
        self.assertEqual(self.expect(DONE, "sql", "select count(*) from people")[0].split()[-1], "3")

    def test_second_server_is_refused_by_name(self):
        with Server(self.lakehouse, self.data) as server:
            err = self.expect_problem(CONFLICT, "serve", "--listen", "127.0.0.1:0",
                                      names=[self.data, server.url, str(server.process.pid)])
            self.assertIn("served by another process", err)

    def test_taken_port_is_named(self):
        with Server(self.lakehouse, self.data) as server:
            address = server.url.removeprefix("http://")
            run = self.run_cli("--data", self.data + "2", "serve", "--listen", address, data=False)
            self.assertEqual(run.returncode, UNAVAILABLE)
            self.assertIn(address.encode(), run.stderr)

    def test_only_loopback_without_keys(self):
        self.expect_problem(WRONG_USE, "serve", "--listen", "0.0.0.0:0", names=["loopback"])
        self.expect_problem(WRONG_USE, "serve", "--listen", "nonsense", names=["HOST:PORT"])

    def test_terminate_drains_and_exits_with_zero(self):
        with Server(self.lakehouse, self.data) as server:
            self.assertEqual(server.call("GET", "/readyz")[0], 200)
            self.assertEqual(server.stop(), DONE)
        # The lock is free again.
        self.expect(DONE, "sql", "select 1")


class DataDirectoryTest(CliTest):
    def test_relative_path(self):
        run = self.run_cli("--data", "here", "ingest", "people.csv", data=False)
        self.assertEqual(run.returncode, DONE, run.stderr)
        run = self.run_cli("--data", "./here/", "sql", "select count(*) from people", data=False)
        self.assertEqual(run.stdout.split()[-1:], [b"3"], run.stderr)

    def test_environment_variable(self):
        run = self.run_cli("ingest", self.people, data=False,
                           environment={"LAKEHOUSE_DATA": self.data})
        self.assertEqual(run.returncode, DONE, run.stderr)
        self.assertIn("people", self.expect(DONE, "datasets", "list")[0])

    def test_a_file_is_no_data_directory(self):
        run = self.run_cli("--data", self.people, "sql", "select 1", data=False)
        self.assertEqual(run.returncode, WRONG_USE)
        self.assertIn(b"people.csv", run.stderr)

    def test_nobody_else_may_look_inside(self):
        self.expect(DONE, "ingest", self.people)
        self.assertEqual(os.stat(self.data).st_mode & 0o077, 0)


class SearchTest(CliTest):
    def test_index_and_search_in_process(self):
        self.expect(DONE, "ingest", self.people)
        out, _ = self.expect(DONE, "index", "people", "--id", "id", "--text", "bio")
        self.assertIn("index people_v1: 3 rows", out)
        out, _ = self.expect(DONE, "search", "people_v1", "nurse for the night", "-k", "2")
        lines = out.splitlines()
        self.assertEqual(len(lines), 2)
        score, doc_id, text = lines[0].split(None, 2)
        self.assertEqual((doc_id, text), ("1", "Night-shift nurse who speaks Spanish and English"))
        self.assertGreater(float(score), float(lines[1].split()[0]))
        answer = json.loads(self.expect(DONE, "--json", "search", "people_v1", "Java")[0])
        self.assertEqual(answer["results"][0]["doc_id"], "2")
        self.assertEqual(answer["coverage"]["rows_embedded"], 3)

    def test_wrong_requests(self):
        self.expect(DONE, "ingest", self.people)
        self.expect_problem(WRONG_USE, "index", "people", "--id", "id", "--text", "nope",
                            names=["nope"])
        self.expect_problem(WRONG_USE, "index", "people", "--id", "state", "--text", "bio",
                            names=["state"])
        self.expect(DONE, "index", "people", "--id", "id", "--text", "bio")
        self.expect_problem(CONFLICT, "index", "people", "--id", "id", "--text", "bio", "--name",
                            "people_v1", names=["people_v1"])
        self.expect_problem(WRONG_USE, "search", "people_v1", "x", "-k", "0", names=["top_k"])
        self.expect_problem(WRONG_USE, "search", "people_v1", "", names=["query"])
        out, _ = self.expect(DONE, "search", "people_v1", "x", "-k", "1000")
        self.assertEqual(len(out.splitlines()), 3)

    def test_detached_job(self):
        with Server(self.lakehouse, self.data):
            self.expect(DONE, "ingest", self.people)
            job, _ = self.expect(DONE, "index", "people", "--id", "id", "--text", "bio", "--detach")
            shown = json.loads(self.expect(DONE, "jobs", "show", job.strip())[0])
            self.assertEqual(shown["subject"], "people_v1")
            self.assertIn(shown["state"], ("queued", "running", "done"))
            self.assertIn("people_v1", self.expect(DONE, "jobs", "list")[0])
            self.assertIn("people_v1", self.expect(DONE, "indexes", "list")[0])


class SampleTest(CliTest):
    def write_sample(self, name, *options):
        folder = os.path.join(self.folder, name)
        self.expect(DONE, "sample", "staffing", *options, "-o", folder)
        digests = {}
        for file_name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, file_name), "rb") as file:
                digests[file_name] = hashlib.sha256(file.read()).hexdigest()
        return digests

    def test_same_seed_same_bytes(self):
        first = self.write_sample("a", "--candidates", "100")
        self.assertEqual(sorted(first), [f"{name}.csv" for name in (
            "calls", "candidates", "clients", "emails", "jobs", "placements", "timesheets")])
        self.assertEqual(first, self.write_sample("b", "--candidates", "100", "--seed", "42"))
        self.assertNotEqual(first, self.write_sample("c", "--candidates", "100", "--seed", "7"))

    def test_sample_ingests_with_the_types_it_means(self):
        self.write_sample("sample", "--candidates", "200")
        self.expect(DONE, "ingest", os.path.join(self.folder, "sample"))
        columns = json.loads(self.expect(DONE, "datasets", "show", "candidates")[0])["columns"]
        types = {column["name"]: column["type"] for column in columns}
        self.assertEqual((types["id"], types["zip"], types["phone"], types["available_from"],
                          types["created_at"]),
                         ("BIGINT", "VARCHAR", "VARCHAR", "DATE", "TIMESTAMP"))
        pii = {column["name"]: column["pii"] for column in columns}
        self.assertIn("email", pii["email"])
        self.assertTrue(pii["phone"])

    def test_wrong_count(self):
        self.expect_problem(WRONG_USE, "sample", "staffing", "--candidates", "0", "-o", self.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lakehouse", default=os.path.join(ROOT, "build/release/lakehouse"))
    parser.add_argument("--only", metavar="TEXT", help="only tests whose name holds this")
    arguments = parser.parse_args()
    CliTest.lakehouse = os.path.abspath(arguments.lakehouse)
    loader = unittest.TestLoader()
    if arguments.only:
        loader.testNamePatterns = [f"*{re.sub(r'[^A-Za-z0-9_.]', '', arguments.only)}*"]
    result = unittest.TextTestRunner(verbosity=1).run(
        loader.loadTestsFromModule(sys.modules[__name__]))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
