-- What the bot does to a cluster when a person says so.

-- +goose Up
ALTER TABLE diagnoses ADD COLUMN remedies jsonb NOT NULL DEFAULT '[]', ADD COLUMN no_remedy text NOT NULL DEFAULT '';
COMMENT ON COLUMN diagnoses.remedies IS 'What is offered.';

CREATE TABLE remedies (
    id          text PRIMARY KEY REFERENCES decisions (id),
    incident_id bigint NOT NULL REFERENCES incidents (id),
    kind        text NOT NULL CHECK (kind IN ('undo', 'restart', 'scale', 'cordon')),
    status      text NOT NULL CHECK (status IN ('asked', 'done', 'refused')),
    asked_at    timestamptz NOT NULL,
    over_at     timestamptz,
    body        jsonb NOT NULL,
    CHECK ((status = 'asked') = (over_at IS NULL))
);
COMMENT ON TABLE remedies IS 'What was asked for: the plan as the person saw it, and what came of it.';
CREATE UNIQUE INDEX remedies_on_their_way ON remedies (incident_id) WHERE status = 'asked';

-- +goose Down
DROP TABLE remedies;
ALTER TABLE diagnoses DROP COLUMN remedies, DROP COLUMN no_remedy;
