-- What is known of the series that are watched, and what was strange of them.

-- +goose Up
CREATE TABLE anomaly_series (
    cluster   text NOT NULL,
    namespace text NOT NULL,
    kind      text NOT NULL,
    name      text NOT NULL,
    measure   text NOT NULL,
    at        timestamptz NOT NULL,
    state     bytea NOT NULL,
    PRIMARY KEY (cluster, namespace, kind, name, measure)
) WITH (fillfactor = 70);
COMMENT ON TABLE anomaly_series IS 'The past of each series, in less than 2 KiB. A page has room for the next version of one of its rows.';
ALTER TABLE anomaly_series ALTER COLUMN state SET STORAGE PLAIN;

CREATE TABLE anomaly (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster   text NOT NULL,
    namespace text NOT NULL,
    kind      text NOT NULL,
    name      text NOT NULL,
    since     timestamptz NOT NULL,
    until     timestamptz,
    severity  text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    told      boolean NOT NULL,
    tracks    jsonb NOT NULL
);
COMMENT ON TABLE anomaly IS 'Workloads of which something was strange. What was not told is evidence of the incidents that there are.';
CREATE UNIQUE INDEX anomaly_one_open ON anomaly (cluster, namespace, kind, name) WHERE until IS NULL;
CREATE INDEX anomaly_over ON anomaly (until) WHERE until IS NOT NULL;
CREATE INDEX anomaly_of_workload ON anomaly (cluster, namespace, kind, name, since);

-- +goose Down
DROP TABLE anomaly, anomaly_series;
