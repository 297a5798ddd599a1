-- What has been kept of which log. One row for each batch, written after its
-- calls and before its offset is committed. The greatest `last` of a partition
-- says where to read on; that row is never deleted.
CREATE TABLE IF NOT EXISTS {{.Table "ledger"}}{{.OnCluster}} (
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
ENGINE = {{.Everywhere "ReplacingMergeTree" "ledger" ""}}
ORDER BY (topic, partition, last){{.Durable}};

-- Batches of a daemon that reads no log: written before the calls (open) and
-- after their progress (done), or when they were taken back (void).
CREATE TABLE IF NOT EXISTS {{.Table "intents"}}{{.OnCluster}} (
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
ENGINE = {{.Everywhere "ReplacingMergeTree" "intents" "state"}}
ORDER BY (writer, token)
TTL written + INTERVAL 7 DAY DELETE WHERE state != 0{{.Durable}};

CREATE TABLE IF NOT EXISTS {{.Table "progress"}}{{.OnCluster}} (
    source String,
    done   Int64 COMMENT 'everything below is kept'
)
ENGINE = {{.Everywhere "ReplacingMergeTree" "progress" "done"}}
ORDER BY source{{.Durable}};
