# Files in other positions.
SELECT (SELECT content FROM read_text('CANARY'))
SELECT 1 WHERE EXISTS (SELECT * FROM read_text('CANARY'))
SELECT 1 IN (SELECT 1 FROM read_text('CANARY'))
SELECT * FROM people, read_text('CANARY')
SELECT * FROM people JOIN read_text('CANARY') ON true
SELECT * FROM people, LATERAL (SELECT * FROM read_text('CANARY'))
SELECT * FROM people, LATERAL read_text('CANARY')
WITH x AS (SELECT * FROM read_text('CANARY')) SELECT * FROM x
WITH x AS MATERIALIZED (SELECT * FROM read_text('CANARY')) SELECT 1
WITH RECURSIVE x(a) AS (SELECT content FROM read_text('CANARY') UNION ALL SELECT a FROM x) SELECT * FROM x
WITH RECURSIVE x(a) AS (SELECT '' UNION ALL SELECT content FROM read_text('CANARY')) SELECT * FROM x
SELECT * FROM people UNION ALL SELECT content FROM read_text('CANARY')
SELECT 1 EXCEPT SELECT size FROM read_text('CANARY')
SELECT 1 ORDER BY (SELECT size FROM read_text('CANARY'))
SELECT 1 LIMIT (SELECT size FROM read_text('CANARY'))
SELECT 1 LIMIT 1 OFFSET (SELECT size FROM read_text('CANARY'))
SELECT id FROM people GROUP BY id HAVING (SELECT true FROM read_text('CANARY'))
SELECT id FROM people QUALIFY (SELECT true FROM read_text('CANARY'))
SELECT count(*) FILTER (WHERE EXISTS (FROM read_text('CANARY'))) FROM people
SELECT DISTINCT ON ((SELECT size FROM read_text('CANARY'))) id FROM people
SELECT sum(id) OVER (ORDER BY (SELECT size FROM read_text('CANARY'))) FROM people
SELECT list_transform([1], x -> (SELECT size FROM read_text('CANARY')))
SELECT CASE WHEN true THEN (SELECT size FROM read_text('CANARY')) END
SELECT * REPLACE ((SELECT size FROM read_text('CANARY')) AS id) FROM people
SELECT [x FOR x IN (SELECT list(size) FROM read_text('CANARY'))]
VALUES ((SELECT content FROM read_text('CANARY')))
FROM (VALUES ((SELECT content FROM read_text('CANARY'))))
FROM read_text('CANARY')
FROM (FROM read_text('CANARY'))
PIVOT read_text('CANARY') ON size IN (1) USING count(*)
PIVOT people ON id IN (SELECT size FROM read_text('CANARY')) USING count(*)
PIVOT people ON id USING count(*)
UNPIVOT (FROM read_text('CANARY')) ON size
DESCRIBE SELECT * FROM read_text('CANARY')
SUMMARIZE SELECT * FROM read_text('CANARY')
DESCRIBE 'CANARY'
SUMMARIZE 'CANARY'
EXPLAIN SELECT * FROM read_text('CANARY')
EXPLAIN ANALYZE SELECT * FROM people
