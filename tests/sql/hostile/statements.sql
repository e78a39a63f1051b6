# Statements that write, load or change.
COPY people TO 'DIR/stolen.csv'
COPY (SELECT 1) TO 'DIR/stolen.parquet' (FORMAT parquet)
COPY (SELECT 1) TO 'STAGE'
COPY (SELECT 1) TO 'lake://primary/data/x.parquet' (FORMAT parquet)
COPY people FROM 'CANARY'
COPY (SELECT 1) TO '/dev/stdout'
EXPORT DATABASE 'DIR/export'
IMPORT DATABASE 'DIR'
ATTACH 'DIR/x.db'
ATTACH ':memory:' AS y
ATTACH 'CANARY' AS y (READ_ONLY)
DETACH system
USE system
INSTALL httpfs
FORCE INSTALL httpfs FROM 'DIR'
LOAD httpfs
LOAD 'DIR/x.duckdb_extension'
UPDATE EXTENSIONS
SET threads = 1
SET GLOBAL memory_limit = '1TB'
SET enable_external_access = true
SET lock_configuration = false
SET allowed_directories = ['/']
SET VARIABLE x = 1
SET VARIABLE x = (SELECT content FROM read_text('CANARY'))
RESET threads
RESET lock_configuration
PRAGMA database_list
PRAGMA enable_profiling
PRAGMA show_tables
PRAGMA table_info('people')
PRAGMA version
CALL pragma_version()
CALL read_text('CANARY')
CALL enable_logging()
CREATE TABLE x (i INTEGER)
CREATE TABLE x AS FROM people
CREATE TEMP TABLE x AS FROM people
CREATE VIEW x AS FROM people
CREATE OR REPLACE VIEW people AS SELECT 1
CREATE MACRO m() AS TABLE FROM read_text('CANARY')
CREATE TEMP MACRO m(x) AS x + 1
CREATE FUNCTION f() AS 1
CREATE SCHEMA s
CREATE SEQUENCE s
CREATE TYPE t AS ENUM ('a')
CREATE INDEX i ON people (id)
CREATE SECRET s (TYPE s3)
CREATE PERSISTENT SECRET s (TYPE s3)
DROP TABLE people
DROP VIEW IF EXISTS people
DROP SECRET s
ALTER TABLE people ADD COLUMN x INTEGER
INSERT INTO people VALUES (9)
INSERT INTO people FROM people
UPDATE people SET id = 9
DELETE FROM people
TRUNCATE people
MERGE INTO people USING people p ON true WHEN MATCHED THEN DELETE
WITH x AS (INSERT INTO people VALUES (9) RETURNING *) FROM x
WITH x AS (DELETE FROM people RETURNING *) FROM x
BEGIN
COMMIT
ROLLBACK
CHECKPOINT
FORCE CHECKPOINT
VACUUM
ANALYZE
COMMENT ON TABLE people IS 'x'
PREPARE p AS SELECT * FROM read_text('CANARY')
PREPARE p AS SELECT 1
EXECUTE p
EXECUTE p('CANARY')
DEALLOCATE p
EXPLAIN COPY people TO 'DIR/stolen.csv'
EXPLAIN CREATE TABLE x AS FROM people
EXPLAIN EXPLAIN SELECT 1
