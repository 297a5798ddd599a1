-- Calls: what sensors saw. `ended` is when the last byte of the response was
-- seen, the time that all questions about calls are asked by.
-- Sorted for "everything on this route"; the projection by_actor finds where
-- "everything this actor did" stands. `batch` is the token of the insert that
-- brought a row.
CREATE TABLE IF NOT EXISTS {{.Local "calls"}}{{.OnCluster}} (
    ended            DateTime64(9, 'UTC')    CODEC(Delta, ZSTD(1)),
    duration         Int64                   COMMENT 'nanoseconds' CODEC(T64, ZSTD(1)),
    id               FixedString(16)         CODEC(NONE),
    sensor           LowCardinality(String)  CODEC(ZSTD(1)),
    source           Enum8('packet' = 0, 'log' = 1) CODEC(ZSTD(1)),
    client           String                  CODEC(ZSTD(1)),
    client_port      UInt16                  CODEC(ZSTD(1)),
    peer             String                  CODEC(ZSTD(1)),
    peer_port        UInt16                  CODEC(ZSTD(1)),
    server           LowCardinality(String)  CODEC(ZSTD(1)),
    server_port      UInt16                  CODEC(ZSTD(1)),
    scheme           LowCardinality(String)  CODEC(ZSTD(1)),
    protocol         LowCardinality(String)  CODEC(ZSTD(1)),
    method           LowCardinality(String)  CODEC(ZSTD(1)),
    host             LowCardinality(String)  CODEC(ZSTD(1)),
    path             String                  CODEC(ZSTD(1)),
    query            String                  CODEC(ZSTD(1)),
    path_shape       LowCardinality(String)  CODEC(ZSTD(1)),
    route            LowCardinality(String)  CODEC(ZSTD(1)),
    operation        LowCardinality(String)  CODEC(ZSTD(1)),
    status           Int32                   CODEC(T64, ZSTD(1)),
    request_bytes    Int64                   CODEC(T64, ZSTD(1)),
    response_bytes   Int64                   CODEC(T64, ZSTD(1)),
    user_agent       LowCardinality(String)  CODEC(ZSTD(1)),
    referer          String                  CODEC(ZSTD(1)),
    actor_kind       LowCardinality(String)  CODEC(ZSTD(1)),
    actor            String                  CODEC(ZSTD(1)),
    user_name        String                  CODEC(ZSTD(1)),
    tenant           LowCardinality(String)  CODEC(ZSTD(1)),
    token            String                  CODEC(ZSTD(1)),
    account          String                  CODEC(ZSTD(1)),
    auth             Enum8({{.AuthEnum}})    CODEC(ZSTD(1)),
    fingerprint      LowCardinality(String)  CODEC(ZSTD(1)),
    `ids.place`      Array(Enum8({{.PlaceEnum}})) CODEC(ZSTD(1)),
    `ids.name`       Array(String)           CODEC(ZSTD(1)),
    `ids.class`      Array(Enum8({{.ClassEnum}})) CODEC(ZSTD(1)),
    `ids.hash`       Array(UInt64)           CODEC(ZSTD(1)),
    `ids.value`      Array(Int64)            COMMENT 'of integers' CODEC(T64, ZSTD(1)),
    `ids.order_ms`   Array(UInt64)           COMMENT 'Unix milliseconds, of identifiers that hold a time' CODEC(T64, ZSTD(1)),
    request_type     LowCardinality(String)  CODEC(ZSTD(1)),
    request_keys     LowCardinality(String)  COMMENT 'JSON list of key:type' CODEC(ZSTD(1)),
    request_hash     UInt64                  CODEC(ZSTD(1)),
    request_items    Int64                   CODEC(T64, ZSTD(1)),
    request_outcome  LowCardinality(String)  CODEC(ZSTD(1)),
    request_location LowCardinality(String)  CODEC(ZSTD(1)),
    response_type    LowCardinality(String)  CODEC(ZSTD(1)),
    response_keys    LowCardinality(String)  COMMENT 'JSON list of key:type' CODEC(ZSTD(1)),
    response_hash    UInt64                  CODEC(ZSTD(1)),
    response_items   Int64                   CODEC(T64, ZSTD(1)),
    response_outcome LowCardinality(String)  CODEC(ZSTD(1)),
    response_location LowCardinality(String) CODEC(ZSTD(1)),
    request_sensitive  LowCardinality(String) COMMENT 'JSON list of classes' CODEC(ZSTD(1)),
    response_sensitive LowCardinality(String) COMMENT 'JSON list of classes' CODEC(ZSTD(1)),
    gap_request      Int64                   COMMENT 'bytes missing on the wire' CODEC(T64, ZSTD(1)),
    gap_response     Int64                   COMMENT 'bytes missing on the wire' CODEC(T64, ZSTD(1)),
    gaps             UInt8                   COMMENT '1 no request, 2 no response, 4 body unread, 8 ids incomplete' CODEC(ZSTD(1)),
    flags            UInt64                  COMMENT 'bits, see calls_readable' CODEC(T64, ZSTD(1)),
    batch            LowCardinality(String)  CODEC(ZSTD(1)),
    time             DateTime64(9, 'UTC')    ALIAS ended - toIntervalNanosecond(duration),
    INDEX ended_range ended TYPE minmax GRANULARITY 1,
    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_client client TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_user user_name TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_token token TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_account account TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_object `ids.hash` TYPE bloom_filter(0.01) GRANULARITY 1,
    PROJECTION by_actor (SELECT actor, ended, host, path_shape ORDER BY actor, ended)
)
ENGINE = {{.Sharded "MergeTree" "calls"}}
PARTITION BY toDate(ended)
ORDER BY (host, path_shape, ended)
SETTINGS {{.Dedup 100000}}, lightweight_mutation_projection_mode = 'rebuild', ttl_only_drop_parts = 1;

{{.Distributed "calls" "sipHash64(actor_kind, actor)"}}

-- What people read: times and names instead of numbers.
CREATE VIEW IF NOT EXISTS {{.Table "calls_readable"}}{{.OnCluster}} AS
SELECT hex(id) AS call, time, ended, duration / 1e6 AS duration_ms, sensor, source, client, client_port, peer, peer_port,
    server, server_port, scheme, protocol, method, host, path, query, path_shape, route, operation, status,
    request_bytes, response_bytes, user_agent, referer, actor_kind, actor, user_name, tenant, token, account, auth, fingerprint,
    request_type, JSONExtract(request_keys, 'Array(String)') AS request_key_list,
    response_type, JSONExtract(response_keys, 'Array(String)') AS response_key_list, response_items, response_outcome,
    JSONExtract(request_sensitive, 'Array(String)') AS request_classes, JSONExtract(response_sensitive, 'Array(String)') AS response_classes,
    gap_request, gap_response, gaps,
    arrayMap(i -> [{{.FlagNames}}][i + 1], bitPositionsToArray(flags)) AS flag_names
FROM {{.Table "calls"}};
