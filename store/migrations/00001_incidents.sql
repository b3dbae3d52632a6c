-- Incidents and what is known of them.

-- +goose Up
CREATE TABLE incident_number (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    next bigint NOT NULL
);
COMMENT ON TABLE incident_number IS 'The next incident''s id. A sequence would leave gaps for every signal that is ignored.';
INSERT INTO incident_number (next) VALUES (1);

CREATE TABLE incidents (
    id                     bigint PRIMARY KEY CHECK (id > 0),
    cluster                text NOT NULL,
    namespace              text NOT NULL,
    workload_kind          text NOT NULL,
    workload               text NOT NULL,
    fingerprint            text NOT NULL,
    severity               text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    status                 text NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
    confidence             double precision NOT NULL DEFAULT 0 CHECK (confidence BETWEEN 0 AND 1),
    title                  text NOT NULL,
    classes                text[] NOT NULL DEFAULT '{}',
    health_desired         integer,
    health_ready           integer,
    parent_id              bigint REFERENCES incidents (id),
    started_at             timestamptz NOT NULL,
    detected_at            timestamptz NOT NULL,
    cleared_at             timestamptz,
    acknowledged_at        timestamptz,
    acknowledged_by        text NOT NULL DEFAULT '',
    acknowledged_by_name   text NOT NULL DEFAULT '',
    assignee               text NOT NULL DEFAULT '',
    assignee_name          text NOT NULL DEFAULT '',
    resolved_at            timestamptz,
    resolved_by            text NOT NULL DEFAULT '',
    resolved_by_name       text NOT NULL DEFAULT '',
    reopened               integer NOT NULL DEFAULT 0,
    silence_until          timestamptz,
    silence_by             text NOT NULL DEFAULT '',
    silence_by_name        text NOT NULL DEFAULT '',
    silence_id             text NOT NULL DEFAULT '',
    escalations            integer NOT NULL DEFAULT 0,
    version                bigint NOT NULL,
    CHECK (parent_id <> id),
    CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
    CHECK ((health_desired IS NULL) = (health_ready IS NULL))
);
CREATE UNIQUE INDEX incidents_one_unresolved ON incidents (fingerprint) WHERE status <> 'resolved';
CREATE INDEX incidents_newest ON incidents (detected_at DESC, id DESC);
CREATE INDEX incidents_last_resolved ON incidents (fingerprint, resolved_at DESC) WHERE status = 'resolved';
CREATE INDEX incidents_resolved ON incidents (resolved_at DESC) WHERE status = 'resolved';
CREATE INDEX incidents_children ON incidents (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE signals (
    incident_id bigint NOT NULL REFERENCES incidents (id),
    source      text NOT NULL,
    id          text NOT NULL,
    cluster     text NOT NULL,
    node        text NOT NULL DEFAULT '',
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    body        jsonb NOT NULL,
    PRIMARY KEY (incident_id, source, id)
);
CREATE INDEX signals_firing ON signals (cluster, source) WHERE ends_at IS NULL;
CREATE INDEX signals_firing_on_node ON signals (cluster, node) WHERE ends_at IS NULL AND node <> '';

CREATE TABLE considerations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES incidents (id),
    at          timestamptz NOT NULL,
    signal      text NOT NULL,
    class       text NOT NULL,
    source      text NOT NULL,
    verdict     text NOT NULL,
    reason      text NOT NULL
);
CREATE INDEX considerations_of_incident ON considerations (incident_id, id);

CREATE TABLE events (
    incident_id bigint NOT NULL REFERENCES incidents (id),
    n           bigint NOT NULL CHECK (n > 0),
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    by_id       text NOT NULL DEFAULT '',
    by_name     text NOT NULL DEFAULT '',
    text        text NOT NULL,
    PRIMARY KEY (incident_id, n)
);

CREATE TABLE diagnoses (
    incident_id bigint NOT NULL REFERENCES incidents (id),
    at          timestamptz NOT NULL,
    causes      jsonb NOT NULL,
    evidence    jsonb NOT NULL,
    gaps        jsonb NOT NULL,
    last_change jsonb,
    PRIMARY KEY (incident_id, at)
);

-- A diagnosis that was asked for while another ran is done once more, however often it was asked for.
CREATE TABLE diagnosis_requests (
    incident_id   bigint PRIMARY KEY REFERENCES incidents (id),
    wanted        bigint NOT NULL,
    done          bigint NOT NULL DEFAULT 0,
    running_job   bigint NOT NULL DEFAULT 0,
    running_until timestamptz
);

CREATE TABLE decisions (
    id              text PRIMARY KEY,
    action          text NOT NULL,
    incident_id     bigint REFERENCES incidents (id),
    by_id           text NOT NULL,
    by_name         text NOT NULL,
    at              timestamptz NOT NULL,
    allowed         boolean NOT NULL,
    reason          text NOT NULL,
    for_ns          bigint NOT NULL DEFAULT 0,
    is_right        boolean NOT NULL DEFAULT false,
    comment         text NOT NULL DEFAULT '',
    outcome_code    text NOT NULL DEFAULT '',
    outcome_message text NOT NULL DEFAULT ''
);
CREATE INDEX decisions_of_incident ON decisions (incident_id, at);

CREATE TABLE verdicts (
    incident_id bigint NOT NULL REFERENCES incidents (id),
    at          timestamptz NOT NULL,
    by_id       text NOT NULL,
    by_name     text NOT NULL,
    rule        text NOT NULL,
    is_right    boolean NOT NULL,
    correction  text NOT NULL DEFAULT '',
    PRIMARY KEY (incident_id, by_id, rule)
);
CREATE INDEX verdicts_of_rule ON verdicts (rule);

-- +goose Down
DROP TABLE verdicts, decisions, diagnosis_requests, diagnoses, events, considerations, signals, incidents, incident_number;
