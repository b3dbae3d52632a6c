-- What is paid for and not used, the scans that found it, and what they remember from one to the next.

-- +goose Up
CREATE TABLE finding_group (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key       text NOT NULL UNIQUE,
    cluster   text NOT NULL,
    title     text NOT NULL,
    team      text NOT NULL DEFAULT '',
    team_by   text NOT NULL DEFAULT '',
    channel   text NOT NULL DEFAULT '',
    carded_at timestamptz,
    version   bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN finding_group.carded_at IS 'When its card was declared; null while it is listed only.';
CREATE INDEX finding_group_carded ON finding_group (carded_at) WHERE carded_at IS NOT NULL;

CREATE TABLE finding (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL UNIQUE,
    group_id      bigint NOT NULL REFERENCES finding_group (id),
    kind          text NOT NULL CHECK (kind IN ('over_requested_cpu', 'over_requested_memory', 'idle_node', 'orphan_volume')),
    cluster       text NOT NULL,
    namespace     text NOT NULL,
    workload_kind text NOT NULL,
    workload      text NOT NULL,
    team          text NOT NULL,
    monthly       bigint NOT NULL,
    cash          boolean NOT NULL,
    body          jsonb NOT NULL,
    status        text NOT NULL CHECK (status IN ('open', 'snoozed', 'not_waste', 'closed')),
    reason        text NOT NULL DEFAULT '',
    by_id         text NOT NULL DEFAULT '',
    by_name       text NOT NULL DEFAULT '',
    until         timestamptz,
    first_seen    timestamptz NOT NULL,
    last_seen     timestamptz NOT NULL,
    closed_at     timestamptz,
    reopened      integer NOT NULL DEFAULT 0,
    predicted     bigint NOT NULL,
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((status = 'snoozed') = (until IS NOT NULL))
);
COMMENT ON TABLE finding IS 'One row for each identity, whatever becomes of it. body is what the last scan that saw it said; money is in millionths of a dollar a month.';
CREATE INDEX finding_of_group ON finding (group_id);
CREATE INDEX finding_unclosed ON finding (status, monthly DESC) WHERE status <> 'closed';
CREATE INDEX finding_closed ON finding (closed_at) WHERE status = 'closed';

CREATE TABLE scan (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trigger       text NOT NULL,
    by_id         text NOT NULL DEFAULT '',
    by_name       text NOT NULL DEFAULT '',
    cluster       text NOT NULL DEFAULT '',
    namespace     text NOT NULL DEFAULT '',
    decision      text UNIQUE,
    period        timestamptz UNIQUE,
    requested_at  timestamptz NOT NULL,
    started_at    timestamptz,
    running_until timestamptz,
    finished_at   timestamptz,
    problem       text NOT NULL DEFAULT '',
    report        jsonb
);
COMMENT ON COLUMN scan.period IS 'The time of the schedule that it stands for: one scan a period, however many ask.';
CREATE INDEX scan_unfinished ON scan (id) WHERE finished_at IS NULL;
CREATE INDEX scan_finished ON scan (finished_at);

CREATE TABLE finding_event (
    finding_id bigint NOT NULL REFERENCES finding (id),
    n          bigint NOT NULL CHECK (n > 0),
    at         timestamptz NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('opened', 'updated', 'closed', 'reopened', 'awoke', 'snoozed', 'not_waste', 'undone')),
    by_id      text NOT NULL DEFAULT '',
    by_name    text NOT NULL DEFAULT '',
    reason     text NOT NULL DEFAULT '',
    monthly    bigint NOT NULL,
    scan_id    bigint REFERENCES scan (id),
    PRIMARY KEY (finding_id, n)
);

CREATE TABLE clock (
    key   text PRIMARY KEY,
    since timestamptz NOT NULL,
    seen  timestamptz NOT NULL
);
COMMENT ON TABLE clock IS 'Since when a condition has held, by what the scans saw.';

CREATE TABLE usage_peak (
    cluster   text NOT NULL,
    namespace text NOT NULL,
    kind      text NOT NULL,
    name      text NOT NULL,
    container text NOT NULL,
    day       date NOT NULL,
    cpu       real,
    memory    real,
    PRIMARY KEY (cluster, namespace, kind, name, container, day)
);
COMMENT ON TABLE usage_peak IS 'The highest use by one pod in a day, in cores and bytes: it outlives the retention of Prometheus.';
CREATE INDEX usage_peak_age ON usage_peak (day);

CREATE TABLE price_cache (
    key  text PRIMARY KEY,
    body bytea NOT NULL,
    at   timestamptz NOT NULL
);

CREATE TABLE cost_call (
    day       date PRIMARY KEY,
    calls     integer NOT NULL DEFAULT 0,
    micro_usd bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE cost_call IS 'What asking for costs has cost itself: Cost Explorer bills each request.';

ALTER TABLE decisions
    ADD COLUMN group_id bigint REFERENCES finding_group (id),
    ADD COLUMN finding_id bigint REFERENCES finding (id),
    ADD COLUMN until timestamptz,
    ADD COLUMN undo boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE decisions DROP COLUMN group_id, DROP COLUMN finding_id, DROP COLUMN until, DROP COLUMN undo;
DROP TABLE cost_call, price_cache, usage_peak, clock, finding_event, scan, finding, finding_group;
