-- Calls per minute for charts. A repeated batch is recognised here by itself,
-- under the token it had when it came first, so that a crash between the two
-- tables is mended by the repetition.
CREATE TABLE IF NOT EXISTS {{.Local "calls_per_minute"}}{{.OnCluster}} (
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
ENGINE = {{.Sharded "AggregatingMergeTree" "calls_per_minute"}}
PARTITION BY toYYYYMM(minute)
ORDER BY (host, path_shape, method, status_class, minute)
SETTINGS {{.Dedup 100000}};

{{.Distributed "calls_per_minute" "rand()"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS {{.Table "calls_to_minutes"}}{{.OnCluster}} TO {{.Local "calls_per_minute"}} AS
SELECT toStartOfMinute(toDateTime(ended, 'UTC')) AS minute, host, path_shape, method,
    toUInt8(if(status BETWEEN 100 AND 999, intDiv(status, 100), 0)) AS status_class,
    count() AS calls,
    countIf(status >= 500 OR status = 0) AS errors,
    sum(c.request_bytes) AS request_bytes,
    sum(c.response_bytes) AS response_bytes,
    quantilesTDigestStateIf(0.5, 0.9, 0.99)(toFloat32(c.duration / 1e6), c.duration > 0) AS duration,
    uniqCombined64State(12)(c.actor) AS actors
FROM {{.Local "calls"}} AS c
GROUP BY minute, host, path_shape, method, status_class;
