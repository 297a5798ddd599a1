-- What is kept by key: a row with a greater version replaces the earlier one.

CREATE TABLE IF NOT EXISTS {{.Table "alerts"}}{{.OnCluster}} (
    id       String,
    revision UInt64,
    detector LowCardinality(String),
    severity UInt8,
    status   LowCardinality(String),
    detected DateTime64(9, 'UTC'),
    seen     DateTime64(9, 'UTC'),
    alert    String COMMENT 'the whole alert as JSON' CODEC(ZSTD(3))
)
ENGINE = {{.Everywhere "ReplacingMergeTree" "alerts" "revision"}}
ORDER BY id{{.Durable}};

CREATE TABLE IF NOT EXISTS {{.Table "endpoints"}}{{.OnCluster}} (
    host     String,
    route    String,
    method   String,
    version  UInt64 COMMENT 'grows with every replacement of the inventory',
    gone     UInt8,
    endpoint String COMMENT 'the whole row as JSON' CODEC(ZSTD(3))
)
ENGINE = {{.Everywhere "ReplacingMergeTree" "endpoints" "version"}}
ORDER BY (host, route, method){{.Durable}};

CREATE TABLE IF NOT EXISTS {{.Table "silences"}}{{.OnCluster}} (
    id      String,
    version UInt64,
    gone    UInt8,
    starts  DateTime64(9, 'UTC'),
    ends    DateTime64(9, 'UTC'),
    author  String,
    silence String COMMENT 'the whole silence as JSON' CODEC(ZSTD(3))
)
ENGINE = {{.Everywhere "ReplacingMergeTree" "silences" "version"}}
ORDER BY id{{.Durable}};

CREATE TABLE IF NOT EXISTS {{.Table "notes"}}{{.OnCluster}} (
    subject String COMMENT 'what the note is about, such as alert/<id>',
    id      String,
    version UInt64,
    gone    UInt8,
    written DateTime64(9, 'UTC'),
    author  String,
    note    String CODEC(ZSTD(3))
)
ENGINE = {{.Everywhere "ReplacingMergeTree" "notes" "version"}}
ORDER BY (subject, id){{.Durable}};

CREATE TABLE IF NOT EXISTS {{.Table "audit"}}{{.OnCluster}} (
    at      DateTime64(9, 'UTC'),
    id      String COMMENT 'of the act; a repetition replaces itself',
    who     String,
    act     LowCardinality(String),
    subject String,
    detail  String COMMENT 'JSON' CODEC(ZSTD(3))
)
ENGINE = {{.Everywhere "ReplacingMergeTree" "audit" ""}}
PARTITION BY toYYYYMM(at)
ORDER BY (at, id){{.Durable}};
