CREATE TABLE IF NOT EXISTS `lapwing`.`calls` (
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
    auth             Enum8('' = 0, 'none' = 1, 'basic' = 2, 'bearer' = 3, 'jwt' = 4, 'api_key' = 5, 'cookie' = 6, 'mtls' = 7, 'signature' = 8)    CODEC(ZSTD(1)),
    fingerprint      LowCardinality(String)  CODEC(ZSTD(1)),
    `ids.place`      Array(Enum8('request.path' = 0, 'request.query' = 1, 'request.body' = 2, 'request.header' = 3, 'request.cookie' = 4, 'response.path' = 16, 'response.query' = 17, 'response.body' = 18, 'response.header' = 19, 'response.cookie' = 20)) CODEC(ZSTD(1)),
    `ids.name`       Array(String)           CODEC(ZSTD(1)),
    `ids.class`      Array(Enum8('' = 0, 'int' = 1, 'uuid' = 2, 'ulid' = 3, 'objectid' = 4, 'hex' = 5, 'prefixed' = 6, 'opaque' = 7, 'mixed' = 8, 'slug' = 9, 'name' = 10, 'secret' = 11)) CODEC(ZSTD(1)),
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
ENGINE = MergeTree
PARTITION BY toDate(ended)
ORDER BY (host, path_shape, ended)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1, lightweight_mutation_projection_mode = 'rebuild', ttl_only_drop_parts = 1;

CREATE VIEW IF NOT EXISTS `lapwing`.`calls_readable` AS
SELECT hex(id) AS call, time, ended, duration / 1e6 AS duration_ms, sensor, source, client, client_port, peer, peer_port,
    server, server_port, scheme, protocol, method, host, path, query, path_shape, route, operation, status,
    request_bytes, response_bytes, user_agent, referer, actor_kind, actor, user_name, tenant, token, account, auth, fingerprint,
    request_type, JSONExtract(request_keys, 'Array(String)') AS request_key_list,
    response_type, JSONExtract(response_keys, 'Array(String)') AS response_key_list, response_items, response_outcome,
    JSONExtract(request_sensitive, 'Array(String)') AS request_classes, JSONExtract(response_sensitive, 'Array(String)') AS response_classes,
    gap_request, gap_response, gaps,
    arrayMap(i -> ['midstream', 'overlap_differs', 'obs_fold', 'bare_lf', 'space_before_colon', 'bad_header', 'content_length_and_te', 'duplicate_length', 'bad_length', 'duplicate_host', 'missing_host', 'unknown_te', 'bad_chunk', 'chunk_extension', 'trailers', 'absolute_form', 'bad_version', 'bad_target', 'pipelined', 'upgrade', 'informational', 'close_delimited', 'body_truncated', 'decode_error', 'decode_limit', 'unknown_coding', 'reset', 'early_response', 'double_encoded', 'duplicate_keys', 'credential_in_query', 'minted', 'secret_presented', 'untrusted_forwarded', 'ambiguous', 'jwt_unsigned', 'basic_in_clear', 'head_truncated', 'bit 38', 'bit 39', 'bit 40', 'bit 41', 'bit 42', 'bit 43', 'bit 44', 'bit 45', 'bit 46', 'bit 47', 'bit 48', 'bit 49', 'bit 50', 'bit 51', 'bit 52', 'bit 53', 'bit 54', 'bit 55', 'bit 56', 'bit 57', 'bit 58', 'bit 59', 'bit 60', 'bit 61', 'bit 62', 'bit 63'][i + 1], bitPositionsToArray(flags)) AS flag_names
FROM `lapwing`.`calls`;

CREATE TABLE IF NOT EXISTS `lapwing`.`calls_per_minute` (
    minute         DateTime('UTC')        CODEC(DoubleDelta, ZSTD(1)),
    host           LowCardinality(String) CODEC(ZSTD(1)),
    path_shape     LowCardinality(String) CODEC(ZSTD(1)),
    method         LowCardinality(String) CODEC(ZSTD(1)),
    status_class   UInt8                  COMMENT 'hundreds of the status; 0: the response was not seen' CODEC(ZSTD(1)),
    calls          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    errors         SimpleAggregateFunction(sum, UInt64) COMMENT 'status 500 and above, or no response' CODEC(T64, ZSTD(1)),
    request_bytes  SimpleAggregateFunction(sum, Int64)  CODEC(T64, ZSTD(1)),
    response_bytes SimpleAggregateFunction(sum, Int64)  CODEC(T64, ZSTD(1)),
    duration       AggregateFunction(quantilesTDigest(0.5, 0.9, 0.99), Float32) COMMENT 'milliseconds, of calls whose end was seen' CODEC(ZSTD(1)),
    actors         AggregateFunction(uniqCombined64(12), String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (host, path_shape, method, status_class, minute)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS `lapwing`.`calls_to_minutes` TO `lapwing`.`calls_per_minute` AS
SELECT toStartOfMinute(toDateTime(ended, 'UTC')) AS minute, host, path_shape, method,
    toUInt8(if(status BETWEEN 100 AND 999, intDiv(status, 100), 0)) AS status_class,
    count() AS calls,
    countIf(status >= 500 OR status = 0) AS errors,
    sum(c.request_bytes) AS request_bytes,
    sum(c.response_bytes) AS response_bytes,
    quantilesTDigestStateIf(0.5, 0.9, 0.99)(toFloat32(c.duration / 1e6), c.duration > 0) AS duration,
    uniqCombined64State(12)(c.actor) AS actors
FROM `lapwing`.`calls` AS c
GROUP BY minute, host, path_shape, method, status_class;

CREATE TABLE IF NOT EXISTS `lapwing`.`alerts` (
    id       String,
    revision UInt64,
    detector LowCardinality(String),
    severity UInt8,
    status   LowCardinality(String),
    detected DateTime64(9, 'UTC'),
    seen     DateTime64(9, 'UTC'),
    alert    String COMMENT 'the whole alert as JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`endpoints` (
    host     String,
    route    String,
    method   String,
    version  UInt64 COMMENT 'grows with every replacement of the inventory',
    gone     UInt8,
    endpoint String COMMENT 'the whole row as JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (host, route, method)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`silences` (
    id      String,
    version UInt64,
    gone    UInt8,
    starts  DateTime64(9, 'UTC'),
    ends    DateTime64(9, 'UTC'),
    author  String,
    silence String COMMENT 'the whole silence as JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`notes` (
    subject String COMMENT 'what the note is about, such as alert/<id>',
    id      String,
    version UInt64,
    gone    UInt8,
    written DateTime64(9, 'UTC'),
    author  String,
    note    String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (subject, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`audit` (
    at      DateTime64(9, 'UTC'),
    id      String COMMENT 'of the act; a repetition replaces itself',
    who     String,
    act     LowCardinality(String),
    subject String,
    detail  String COMMENT 'JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`ledger` (
    topic        LowCardinality(String),
    partition    UInt32,
    first        Int64,
    last         Int64 COMMENT 'offsets, both included',
    kept         UInt64 COMMENT 'rows of the batch; seen = kept + repeated',
    records      UInt64,
    quarantined  UInt64,
    seen         UInt64,
    repeated     UInt64,
    lost         UInt64,
    explained    UInt64,
    late_boots   UInt64,
    `marks.sensor`    Array(String),
    `marks.boot`      Array(UInt64),
    `marks.next`      Array(UInt64),
    `marks.lost`      Array(UInt64),
    `marks.explained` Array(UInt64),
    written      DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, last)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`intents` (
    writer     String,
    token      String,
    state      UInt8 COMMENT '0 open, 1 done, 2 void',
    kept       UInt64 COMMENT 'rows of the batch',
    since      Date COMMENT 'earliest day of its calls',
    until      Date COMMENT 'latest day of its calls',
    `progress.source` Array(String),
    `progress.done`   Array(Int64),
    written    DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree(state)
ORDER BY (writer, token)
TTL written + INTERVAL 7 DAY DELETE WHERE state != 0
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS `lapwing`.`progress` (
    source String,
    done   Int64 COMMENT 'everything below is kept'
)
ENGINE = ReplacingMergeTree(done)
ORDER BY source
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

