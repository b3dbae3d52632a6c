-- What is broken on purpose, from the wish to the grade.

-- +goose Up
CREATE TABLE experiments (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster      text NOT NULL,
    status       text NOT NULL CHECK (status IN ('asked', 'planned', 'refused', 'confirmed', 'running', 'over')),
    namespaces   text[] NOT NULL,
    by_id        text NOT NULL,
    asked_at     timestamptz NOT NULL,
    expires      timestamptz,
    started_at   timestamptz,
    stop_at      timestamptz,
    over_at      timestamptz,
    graded       boolean NOT NULL DEFAULT false,
    holder       text NOT NULL DEFAULT '',
    leased_until timestamptz,
    next_at      timestamptz,
    version      bigint NOT NULL DEFAULT 1,
    body         jsonb NOT NULL,
    CHECK ((status IN ('running', 'over')) = (started_at IS NOT NULL)),
    CHECK ((status = 'over') = (over_at IS NOT NULL)),
    CHECK (NOT graded OR status = 'over')
);
COMMENT ON TABLE experiments IS 'The queue of the process that does experiments, and what came of them. All is in body; the columns repeat what is searched for.';
CREATE INDEX experiments_waiting ON experiments (cluster, id) WHERE status IN ('asked', 'planned', 'confirmed', 'running') OR status = 'over' AND NOT graded;
CREATE INDEX experiments_of_time ON experiments (started_at) WHERE started_at IS NOT NULL;

CREATE TABLE chaos_worker (
    cluster text PRIMARY KEY,
    holder  text NOT NULL,
    seen_at timestamptz NOT NULL
);
COMMENT ON TABLE chaos_worker IS 'When a process that does experiments was last seen, by cluster, by the clock of the database.';

ALTER TABLE decisions ADD COLUMN experiment_id bigint REFERENCES experiments (id);

-- +goose Down
ALTER TABLE decisions DROP COLUMN experiment_id;
DROP TABLE chaos_worker, experiments;
