# Settings, the environment, the session and the machine.
SELECT getenv('HOME')
SELECT main.getenv('HOME')
SELECT 'HOME'.getenv()
SELECT current_setting('temp_directory')
SELECT system.main.current_setting('temp_directory')
SELECT current_database()
SELECT current_query()
SELECT current_schemas(true)
SELECT getvariable('x')
SELECT nextval('s')
SELECT txid_current()
SELECT pg_sleep(0)
SELECT sleep_ms(1)
SELECT write_log('x')
SELECT stats(id) FROM people
SELECT list_transform(['temp_directory'], x -> current_setting(x))
SELECT * FROM range(current_setting('threads')::BIGINT)
SELECT * FROM unnest([current_setting('temp_directory')])
SELECT 1 LIMIT current_setting('threads')::BIGINT
SELECT max(current_setting('threads')) OVER () FROM people
SELECT CAST(1 AS DECIMAL(current_setting('threads')))
