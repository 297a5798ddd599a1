-- Calls, alerts and inventory of one Lapwing. Times are Unix nanoseconds, UTC.
CREATE TABLE IF NOT EXISTS calls (
    id             UUID     NOT NULL,
    time_ns        BIGINT   NOT NULL,
    end_ns         BIGINT   NOT NULL,
    sensor         VARCHAR  NOT NULL,
    source         VARCHAR  NOT NULL,
    client         VARCHAR  NOT NULL,
    client_port    USMALLINT NOT NULL,
    peer           VARCHAR  NOT NULL,
    server         VARCHAR  NOT NULL,
    server_port    USMALLINT NOT NULL,
    scheme         VARCHAR  NOT NULL,
    protocol       VARCHAR  NOT NULL,
    method         VARCHAR  NOT NULL,
    host           VARCHAR  NOT NULL,
    path           VARCHAR  NOT NULL,
    query          VARCHAR  NOT NULL,
    path_shape     VARCHAR  NOT NULL,
    operation      VARCHAR  NOT NULL,
    status         SMALLINT NOT NULL,
    request_bytes  BIGINT   NOT NULL,
    response_bytes BIGINT   NOT NULL,
    user_agent     VARCHAR  NOT NULL,
    referer        VARCHAR  NOT NULL,
    actor_kind     VARCHAR  NOT NULL,
    actor          VARCHAR  NOT NULL,
    user_name      VARCHAR  NOT NULL,
    tenant         VARCHAR  NOT NULL,
    token          VARCHAR  NOT NULL,
    account        VARCHAR  NOT NULL,
    auth           VARCHAR  NOT NULL,
    fingerprint    VARCHAR  NOT NULL,
    detail         VARCHAR  NOT NULL -- ids, shape, sensitive, gap, flags as JSON
);

CREATE TABLE IF NOT EXISTS progress (
    source VARCHAR PRIMARY KEY,
    offset_done BIGINT NOT NULL
);

-- How far each partition of a log has been kept, in the same transaction as its
-- calls.
CREATE TABLE IF NOT EXISTS log_positions (
    topic     VARCHAR NOT NULL,
    partition INTEGER NOT NULL,
    last      BIGINT  NOT NULL,
    marks     VARCHAR NOT NULL, -- as JSON
    PRIMARY KEY (topic, partition)
);

CREATE TABLE IF NOT EXISTS alerts (
    id          VARCHAR PRIMARY KEY,
    revision    INTEGER NOT NULL,
    detector    VARCHAR NOT NULL,
    severity    UTINYINT NOT NULL,
    status      VARCHAR NOT NULL,
    detected_ns BIGINT NOT NULL,
    seen_ns     BIGINT NOT NULL,
    alert       VARCHAR NOT NULL -- the whole alert as JSON
);

CREATE TABLE IF NOT EXISTS endpoints (
    host   VARCHAR NOT NULL,
    route  VARCHAR NOT NULL,
    method VARCHAR NOT NULL,
    endpoint VARCHAR NOT NULL, -- the whole row as JSON
    PRIMARY KEY (host, route, method)
);

CREATE OR REPLACE VIEW calls_readable AS
    SELECT make_timestamp_ns(time_ns) AS time, (end_ns - time_ns) / 1e6 AS duration_ms, * EXCLUDE (time_ns, end_ns, detail)
    FROM calls;
