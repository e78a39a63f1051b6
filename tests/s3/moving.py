"""Data sets and indexes move between kinds of storage while they are asked."""

import os
import threading

from support.fault_proxy import FaultProxy
from world import PEOPLE, Buckets, S3Test, all_keys, bucket_table, numbers_csv

LOCAL_PRIMARY = ["[[storage.buckets]]", 'name = "primary"']
QUESTION = "hospital worker at night"
ROWS = "select n, square from numbers order by n"


class Loop:
    """Asks a question on a thread of its own, over and over, and keeps the answers that differ."""

    def __init__(self, question, expected):
        self.question = question
        self.expected = expected
        self.asked = 0
        self.wrong = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _run(self):
        while not self.ended.is_set():
            try:
                answer = self.question()
            except Exception as error:  # pylint: disable=broad-exception-caught
                answer = error
            self.asked += 1
            if answer != self.expected:
                self.wrong.append(answer)


class MoveTest(S3Test):
    def serve_three_places(self):
        """A local primary bucket and one on each S3 server."""
        self.places = {server.kind: Buckets.make(server) for server in self.servers()}
        self.configure(LOCAL_PRIMARY, *[bucket_table(f"s3:{server.kind}",
                                                     self.places[server.kind], server)
                                        for server in self.servers()])
        server = self.serve()
        self.ingest(server, "people", PEOPLE)
        self.build_index(server, "people", "people_v1")
        for part in range(3):
            self.ingest(server, "numbers", numbers_csv(part * 500, 500),
                        mode="append" if part else "create")
        return server

    def test_nobody_notices_a_move(self):
        server = self.serve_three_places()
        rows = self.ask_sql(server, ROWS + " limit 1500")[1]["rows"]
        self.assertEqual(len(rows), 1500)
        found = self.find(server, "people_v1", QUESTION)
        self.assertEqual(found[0], "1")
        with Loop(lambda: server.sql(ROWS), rows) as queries, \
                Loop(lambda: self.find(server, "people_v1", QUESTION), found) as searches:
            for bucket in ("s3:minio", "s3:versitygw", "primary", "s3:versitygw", "s3:minio",
                           "primary"):
                for kind, name in (("catalog/datasets", "numbers"),
                                   ("vectors/indexes", "people_v1")):
                    before = (queries.asked, searches.asked)
                    self.await_job(server, self.start_move(server, kind, name, bucket))
                    answer = server.call("GET", f"/{kind}/{name}")[1]
                    self.assertEqual(answer["bucket"], bucket)
                    self.eventually(lambda: queries.asked > before[0] + 1 and
                                    searches.asked > before[1] + 1, "it is asked on")
        self.assertEqual((queries.wrong[:3], searches.wrong[:3]), ([], []))
        server = self.restart(server)
        self.assertEqual(server.sql(ROWS), rows)
        self.assertEqual(self.find(server, "people_v1", QUESTION), found)

    def test_what_is_appended_meanwhile_moves_too(self):
        server = self.serve_three_places()
        moves = [self.start_move(server, "catalog/datasets", "numbers", "s3:minio")]
        for part in range(3, 6):
            self.ingest(server, "numbers", numbers_csv(part * 500, 500), mode="append")
        self.await_job(server, moves[0])
        self.assertEqual(self.bucket_of(server, "numbers"), "s3:minio")
        self.assertEqual(server.sql("select count(*), count(distinct n) from numbers"),
                         [[3000, 3000]])

    def test_the_command_line_moves(self):
        server = self.serve_three_places()
        run = self.run_cli("datasets", "move", "numbers", "--to", "s3:minio")
        self.assertEqual(run.returncode, 0, run.stderr)
        run = self.run_cli("indexes", "move", "people_v1", "--to", "s3:versitygw")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.bucket_of(server, "numbers"), "s3:minio")
        self.assertEqual(server.stop(), 0)
        run = self.run_cli("datasets", "move", "numbers", "--to", "primary")
        self.assertEqual(run.returncode, 0, run.stderr)
        run = self.run_cli("sql", "select count(*) from numbers")
        self.assertEqual((run.returncode, run.stdout.split()[-1]), (0, "1500"), run.stderr)


class KilledMoveTest(S3Test):
    """The server is killed while a dataset moves from versitygw to MinIO."""

    def setUp(self):
        super().setUp()
        self.source, self.target = Buckets.make(self.versitygw), Buckets.make(self.minio)
        proxy = FaultProxy(self.minio.endpoint)
        self.proxy = proxy.__enter__()  # pylint: disable=unnecessary-dunder-call
        self.addCleanup(proxy.__exit__)
        self.source_table = bucket_table("s3:source", self.source, self.versitygw)
        self.target_table = bucket_table("s3:target", self.target, self.minio,
                                         endpoint=proxy.endpoint)
        # A hanging request must outlast the kill.
        self.configure(LOCAL_PRIMARY, self.source_table, self.target_table, settings=[])

    def sees(self, *tables):
        """What another Lakehouse that knows only these buckets says about the dataset."""
        data = os.path.join(self.folder, f"other-{len(os.listdir(self.folder))}")
        os.mkdir(data)
        self.write_secrets({server.kind: server for server in self.servers()}, data)
        self.configure(LOCAL_PRIMARY, *tables, data=data)
        with self.serve(data) as other:
            status, answer = self.ask_sql(other, "select count(*), sum(n) from numbers")
            return answer["rows"] if status == 200 else answer["code"]

    def check_kill(self, **rule):
        server = self.serve()
        for part in range(4):
            status, answer = server.ingest("part.csv", numbers_csv(part * 100, 100),
                                           bucket="s3:source", dataset="numbers", mode="append")
            self.assertEqual(status, 200, answer)
        rows = server.sql(ROWS)
        self.assertEqual(len(rows), 400)
        self.proxy.clear()
        self.proxy.add(**rule, times=0)
        job_id = self.start_move(server, "catalog/datasets", "numbers", "s3:target")
        self.eventually(lambda: any(request.fault for request in self.proxy.log()),
                        "the move hangs")
        self.assertEqual(server.sql(ROWS), rows)
        server.kill()
        self.proxy.clear()

        server = self.serve()
        with Loop(lambda: server.sql(ROWS), rows) as queries:
            self.await_job(server, job_id)
            self.eventually(lambda: queries.asked > 1, "it is asked")
        self.assertEqual(queries.wrong[:3], [])
        self.assertEqual(self.bucket_of(server, "numbers"), "s3:target")
        server = self.restart(server)
        self.assertEqual(server.sql(ROWS), rows)
        self.ingest(server, "numbers", numbers_csv(400, 100), mode="append")
        self.assertEqual(server.stop(), 0)

        expected = [[500, sum(range(500))]]
        self.assertEqual(self.sees(self.source_table, self.target_table), expected)
        self.assertEqual(self.sees(self.target_table), expected)
        self.assertEqual(self.sees(self.source_table), "invalid_argument",
                         "the bucket that it left still shows the dataset: " +
                         " ".join(all_keys(self.versitygw, self.source)))

    def test_while_files_are_copied(self):
        self.check_kill(fault="hang", method="PUT", key="data/numbers/data/", skip=1)

    def test_after_a_file_was_copied_without_an_answer(self):
        self.check_kill(fault="hang_after", method="PUT", key="data/numbers/data/", skip=2)

    def test_before_the_document_is_written(self):
        self.check_kill(fault="hang", method="PUT", key="_catalog/")

    def test_after_the_document_was_written_without_an_answer(self):
        self.check_kill(fault="hang_after", method="PUT", key="_catalog/")
