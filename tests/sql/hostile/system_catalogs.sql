# Catalogs of the system.
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_tables
SELECT * FROM duckdb_views
SELECT * FROM duckdb_logs
SELECT * FROM duckdb_external_file_cache()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_prepared_statements()
SELECT * FROM sqlite_master
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM pg_catalog.pg_settings
SELECT * FROM system.information_schema.schemata
SELECT * FROM pragma_database_list
SELECT * FROM pragma_table_info('people')
SELECT * FROM pragma_storage_info('people')
SELECT * FROM pragma_user_agent()
SELECT * FROM which_secret('s3://x', 's3')
SHOW DATABASES
SHOW SCHEMAS
SHOW VARIABLES
SHOW TABLES FROM system
SHOW threads
SELECT * FROM (SHOW DATABASES)
