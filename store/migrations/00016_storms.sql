-- Many incidents in one message.

-- +goose Up
CREATE TABLE storms (
    id         bigint PRIMARY KEY,
    cluster    text NOT NULL,
    channel    text NOT NULL,
    started_at timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    ended_at   timestamptz,
    version    bigint NOT NULL
);
COMMENT ON TABLE storms IS 'The id is that of the incident that made it a storm.';
CREATE UNIQUE INDEX storms_one_of_a_channel ON storms (cluster, channel) WHERE ended_at IS NULL;

ALTER TABLE incidents ADD COLUMN storm_id bigint REFERENCES storms (id), ADD COLUMN held boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN incidents.held IS 'Its card is held back while the storm lasts.';
CREATE INDEX incidents_of_storm ON incidents (storm_id) WHERE storm_id IS NOT NULL;

-- +goose Down
ALTER TABLE incidents DROP COLUMN storm_id, DROP COLUMN held;
DROP TABLE storms;
