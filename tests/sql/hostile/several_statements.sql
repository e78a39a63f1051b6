# Several statements.
SELECT 1; SELECT 2
SELECT 1; COPY people TO 'DIR/stolen.csv'
SELECT 1;;DROP TABLE people
/* SELECT 1 */ SET threads = 1
-- SELECT 1\nSET threads = 1
SELECT 1 /* ; */ ; /* */ INSTALL httpfs
