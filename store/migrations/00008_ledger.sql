-- What became of waste: the append-only ledger, and what each day used, from which its baselines are frozen.

-- +goose Up
CREATE TABLE ledger (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain      text NOT NULL CHECK (chain <> ''),
    kind       text NOT NULL CHECK (kind IN ('detected', 'approved', 'implemented', 'verified', 'reversed', 'corrected')),
    at         timestamptz NOT NULL,
    day        date,
    proposal   bigint NOT NULL DEFAULT 0,
    finding_id bigint REFERENCES finding (id),
    type       text NOT NULL,
    cluster    text NOT NULL,
    namespace  text NOT NULL,
    target     jsonb NOT NULL,
    team       text NOT NULL,
    amount     bigint NOT NULL,
    cash       bigint NOT NULL,
    low        bigint NOT NULL,
    high       bigint NOT NULL,
    baseline   jsonb,
    work       double precision NOT NULL,
    by_id      text NOT NULL DEFAULT '',
    by_name    text NOT NULL DEFAULT '',
    ref        text NOT NULL DEFAULT '',
    corrects   bigint REFERENCES ledger (id),
    CHECK (kind <> 'verified' OR day IS NOT NULL),
    CHECK (kind IN ('verified', 'corrected') OR day IS NULL),
    CHECK ((kind = 'corrected') = (corrects IS NOT NULL))
);
COMMENT ON TABLE ledger IS 'Money is in millionths of a dollar. Rows are never changed: what was wrong is corrected by another row.';
CREATE UNIQUE INDEX ledger_step ON ledger (chain, kind) WHERE kind NOT IN ('verified', 'corrected');
CREATE UNIQUE INDEX ledger_verified ON ledger (chain, day) WHERE kind = 'verified';
CREATE UNIQUE INDEX ledger_corrected ON ledger (corrects, ref) WHERE kind = 'corrected';
CREATE INDEX ledger_day ON ledger (day) WHERE day IS NOT NULL;
CREATE INDEX ledger_of_finding ON ledger (finding_id);

-- +goose StatementBegin
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: a correction is a new row' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER ledger_rows_stay BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_stays BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- What is wasted now was found before there was a ledger.
INSERT INTO ledger (chain, kind, at, finding_id, type, cluster, namespace, target, team, amount, cash, low, high, work)
SELECT 'finding/' || f.id || '/' || f.reopened, 'detected',
    coalesce((SELECT max(e.at) FROM finding_event e WHERE e.finding_id = f.id AND e.kind IN ('opened', 'reopened')), f.first_seen),
    f.id, f.kind, f.cluster, f.namespace, f.body -> 'Target', f.team, f.monthly, CASE WHEN f.cash THEN f.monthly ELSE 0 END, f.monthly, f.monthly, 0
FROM finding f WHERE f.status <> 'closed' ORDER BY f.id;

CREATE TABLE ledger_use (
    finding_id bigint NOT NULL REFERENCES finding (id),
    day        date NOT NULL,
    use        jsonb NOT NULL,
    PRIMARY KEY (finding_id, day)
);
COMMENT ON TABLE ledger_use IS 'What the target of a finding used on a day: baselines are made of it at approval.';
CREATE INDEX ledger_use_age ON ledger_use (day);

-- +goose Down
DROP TABLE ledger_use, ledger;
DROP FUNCTION ledger_is_append_only();
