-- Changes that people approve, and what became of them.

-- +goose Up
CREATE TABLE proposal (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL,
    cluster       text NOT NULL,
    team          text NOT NULL,
    title         text NOT NULL,
    repo          text NOT NULL,
    base          text NOT NULL,
    hash          text NOT NULL,
    monthly       bigint NOT NULL,
    status        text NOT NULL CHECK (status IN ('pending', 'approved', 'opened', 'merged', 'deployed', 'verified',
                                                  'denied', 'expired', 'stale', 'closed', 'reversed')),
    reason        text NOT NULL DEFAULT '',
    need          jsonb NOT NULL,
    proposer_id   text NOT NULL DEFAULT '',
    proposer_name text NOT NULL DEFAULT '',
    pull_number   integer NOT NULL DEFAULT 0,
    pull          jsonb NOT NULL DEFAULT '{}',
    reverts       bigint REFERENCES proposal (id),
    incident_id   bigint REFERENCES incidents (id),
    thread_key    text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    approved_at   timestamptz,
    merged_at     timestamptz,
    deployed_at   timestamptz,
    verified_at   timestamptz,
    over_at       timestamptz,
    version       bigint NOT NULL DEFAULT 0,
    CHECK ((status IN ('denied', 'expired', 'stale', 'closed', 'reversed')) = (over_at IS NOT NULL)),
    CHECK (status NOT IN ('approved', 'opened', 'merged', 'deployed', 'verified') OR approved_at IS NOT NULL)
);
COMMENT ON TABLE proposal IS 'What is changed, in whose name and how it came out. Money is in millionths of a dollar a month.';
CREATE UNIQUE INDEX proposal_one_of_a_key ON proposal (key) WHERE over_at IS NULL;
CREATE INDEX proposal_unfinished ON proposal (status) WHERE over_at IS NULL;
CREATE INDEX proposal_of_pull ON proposal (repo, pull_number) WHERE pull_number > 0;
CREATE INDEX proposal_of_incident ON proposal (incident_id) WHERE incident_id IS NOT NULL;

CREATE TABLE proposal_item (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    proposal_id bigint REFERENCES proposal (id),
    finding_id  bigint REFERENCES finding (id),
    group_id    bigint REFERENCES finding_group (id),
    what        text NOT NULL,
    repo        text NOT NULL,
    base        text NOT NULL,
    team        text NOT NULL,
    monthly     bigint NOT NULL,
    hash        text NOT NULL,
    body        jsonb NOT NULL,
    made_at     timestamptz NOT NULL,
    live        boolean NOT NULL DEFAULT false,
    CHECK (proposal_id IS NOT NULL OR finding_id IS NOT NULL AND NOT live)
);
COMMENT ON TABLE proposal_item IS 'Lines of proposals, which never change, and drafts, which are of no proposal yet.';
COMMENT ON COLUMN proposal_item.what IS 'The value that it changes. It is live while its proposal is on its way: of a value, one line is.';
CREATE UNIQUE INDEX proposal_item_one_draft ON proposal_item (finding_id) WHERE proposal_id IS NULL;
CREATE UNIQUE INDEX proposal_item_one_live ON proposal_item (what) WHERE live;
CREATE INDEX proposal_item_of_proposal ON proposal_item (proposal_id);
CREATE INDEX proposal_item_of_group ON proposal_item (group_id);
CREATE INDEX proposal_item_of_finding ON proposal_item (finding_id);

CREATE TABLE proposal_approval (
    proposal_id bigint NOT NULL REFERENCES proposal (id),
    by_id       text NOT NULL CHECK (by_id <> ''),
    by_name     text NOT NULL,
    at          timestamptz NOT NULL,
    hash        text NOT NULL,
    role        text NOT NULL,
    decision    text NOT NULL REFERENCES decisions (id),
    PRIMARY KEY (proposal_id, by_id)
);

CREATE TABLE proposal_event (
    proposal_id bigint NOT NULL REFERENCES proposal (id),
    n           bigint NOT NULL CHECK (n > 0),
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    by_id       text NOT NULL DEFAULT '',
    by_name     text NOT NULL DEFAULT '',
    text        text NOT NULL,
    PRIMARY KEY (proposal_id, n)
);

ALTER TABLE decisions
    ADD COLUMN proposal_id bigint REFERENCES proposal (id),
    ADD COLUMN items bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN hash text NOT NULL DEFAULT '',
    ADD COLUMN role text NOT NULL DEFAULT '';

ALTER TABLE audit_log ADD COLUMN plan text NOT NULL DEFAULT '';
COMMENT ON COLUMN audit_log.plan IS 'Hash of the plan that the decision was about; it is part of the row''s own hash where there is one.';
CREATE INDEX audit_log_subject ON audit_log (subject, seq);

-- +goose Down
DROP INDEX audit_log_subject;
ALTER TABLE audit_log DROP COLUMN plan;
ALTER TABLE decisions DROP COLUMN proposal_id, DROP COLUMN items, DROP COLUMN hash, DROP COLUMN role;
DROP TABLE proposal_event, proposal_approval, proposal_item, proposal;
