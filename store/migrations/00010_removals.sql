-- Volumes that the bot itself removes, and how far each is.

-- +goose Up
CREATE TABLE volume_removal (
    proposal_id bigint PRIMARY KEY REFERENCES proposal (id),
    step        text NOT NULL CHECK (step IN ('snapshot', 'wait', 'delete', 'done')),
    snapshot    text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL,
    CHECK ((step = 'snapshot') = (snapshot = ''))
);
COMMENT ON TABLE volume_removal IS 'What is being done about the volume of a proposal. A step is written before the act that it names.';

-- +goose Down
DROP TABLE volume_removal;
