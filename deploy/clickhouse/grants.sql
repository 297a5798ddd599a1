-- Users of Lapwing in ClickHouse and what they need, for a database named
-- lapwing. Run as an administrator:
--
--   clickhouse-client --queries-file deploy/clickhouse/grants.sql
--
-- Set the passwords afterwards: ALTER USER … IDENTIFIED WITH sha256_password BY '…'.
-- Until then nobody can log in: no host is allowed.
CREATE DATABASE IF NOT EXISTS lapwing;
CREATE USER IF NOT EXISTS `lapwing-archiver` IDENTIFIED WITH no_password HOST NONE;
CREATE USER IF NOT EXISTS `lapwing-alerter` IDENTIFIED WITH no_password HOST NONE;
CREATE USER IF NOT EXISTS `lapwing-reader` IDENTIFIED WITH no_password HOST NONE;

-- Archiver and alerter bring the tables up to date at their start, so both may
-- make and change them, in this database alone. ALTER DELETE is for retention
-- and for erasing a person; neither may drop a table or see another database.
GRANT SELECT, INSERT, CREATE TABLE, CREATE VIEW,
    ALTER ADD COLUMN, ALTER ADD INDEX, ALTER MATERIALIZE INDEX, ALTER ADD PROJECTION, ALTER MATERIALIZE PROJECTION,
    ALTER TTL, ALTER MATERIALIZE TTL, ALTER SETTINGS, ALTER UPDATE, ALTER DELETE
    ON lapwing.* TO `lapwing-archiver`, `lapwing-alerter`;
GRANT TABLE ENGINE ON MergeTree TO `lapwing-archiver`, `lapwing-alerter`;
GRANT TABLE ENGINE ON ReplacingMergeTree TO `lapwing-archiver`, `lapwing-alerter`;
GRANT TABLE ENGINE ON AggregatingMergeTree TO `lapwing-archiver`, `lapwing-alerter`;
-- Retention asks how large the parts are; a start after a crash, whether an insert still runs.
GRANT SELECT ON system.parts TO `lapwing-archiver`, `lapwing-alerter`;
GRANT SELECT ON system.processes TO `lapwing-archiver`, `lapwing-alerter`;

-- For `lapwing calls`, `lapwing alerts` and Grafana: to look, not to touch.
GRANT SELECT ON lapwing.* TO `lapwing-reader`;
