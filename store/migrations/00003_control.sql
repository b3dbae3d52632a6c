-- Who stopped what, who watches what, and who did what.

-- +goose Up
CREATE TABLE pause (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    is_on   boolean NOT NULL DEFAULT false,
    by_id   text NOT NULL DEFAULT '',
    by_name text NOT NULL DEFAULT '',
    at      timestamptz,
    reason  text NOT NULL DEFAULT ''
);
INSERT INTO pause DEFAULT VALUES;

CREATE TABLE cluster_lease (
    cluster   text PRIMARY KEY,
    holder    text NOT NULL DEFAULT '',
    until     timestamptz,
    synced_at timestamptz,
    problem   text NOT NULL DEFAULT ''
);

CREATE TABLE watchdog (
    cluster text PRIMARY KEY,
    at      timestamptz NOT NULL
);

CREATE TABLE audit_log (
    seq       bigint PRIMARY KEY CHECK (seq > 0),
    at        timestamptz NOT NULL,
    by_id     text NOT NULL,
    by_name   text NOT NULL,
    action    text NOT NULL,
    subject   text NOT NULL,
    allowed   boolean NOT NULL,
    reason    text NOT NULL,
    prev_hash text NOT NULL,
    hash      text NOT NULL UNIQUE
);

-- +goose StatementBegin
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();

-- +goose Down
DROP TABLE audit_log, watchdog, cluster_lease, pause;
DROP FUNCTION audit_log_is_append_only;
