-- What a week or a month came to, as it was told, and where it went.

-- +goose Up
CREATE TABLE digest (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('weekly', 'monthly')),
    period_from date NOT NULL,
    team        text NOT NULL,
    cluster     text NOT NULL,
    body        jsonb NOT NULL,
    version     bigint NOT NULL DEFAULT 1,
    closed      boolean NOT NULL,
    made_at     timestamptz NOT NULL,
    UNIQUE (kind, period_from, team, cluster)
);
COMMENT ON TABLE digest IS 'What was told of a period. A week stays as it was told; a month is made once more when its invoices are final, and is closed then.';

-- +goose StatementBegin
CREATE FUNCTION digest_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a week that was told and a month that is closed never change: a correction is a line of a later digest'
        USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER digest_rows_stay BEFORE UPDATE OR DELETE ON digest
    FOR EACH ROW WHEN (OLD.closed OR OLD.kind = 'weekly') EXECUTE FUNCTION digest_is_kept();
CREATE TRIGGER digest_stays BEFORE TRUNCATE ON digest FOR EACH STATEMENT EXECUTE FUNCTION digest_is_kept();

CREATE TABLE digest_delivery (
    name  text NOT NULL,
    kind  text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (name, kind)
);
COMMENT ON TABLE digest_delivery IS 'Since when the configuration has a delivery: what was due before is not told.';

CREATE TABLE digest_sending (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest_id bigint NOT NULL REFERENCES digest (id),
    delivery  text NOT NULL,
    via       text NOT NULL CHECK (via IN ('slack', 'email', 's3')),
    state     text NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempts  integer NOT NULL DEFAULT 0,
    problem   text NOT NULL DEFAULT '',
    over_at   timestamptz,
    UNIQUE (digest_id, delivery, via),
    CHECK ((state = 'waiting') = (over_at IS NULL))
);
COMMENT ON TABLE digest_sending IS 'Where a digest goes. One for Slack is over at once: its message is declared, and delivered as all are.';

CREATE TABLE unit_count (
    name  text NOT NULL,
    day   date NOT NULL,
    count double precision NOT NULL CHECK (count >= 0 AND count < 'Infinity'),
    at    timestamptz NOT NULL,
    PRIMARY KEY (name, day)
);
COMMENT ON TABLE unit_count IS 'Units of work that were done on a day: costs are divided by them.';

CREATE INDEX ledger_at ON ledger (at);
CREATE INDEX incidents_of_time ON incidents (detected_at, resolved_at) WHERE parent_id IS NULL;

-- +goose Down
DROP INDEX incidents_of_time, ledger_at;
DROP TABLE unit_count, digest_sending, digest_delivery, digest;
DROP FUNCTION digest_is_kept;
