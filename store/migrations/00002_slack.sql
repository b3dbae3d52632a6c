-- What came from Slack, and what Slack should show.

-- +goose Up
CREATE TABLE inbox (
    id            text PRIMARY KEY,
    kind          text NOT NULL,
    body          bytea NOT NULL,
    at            timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL,
    claims        integer NOT NULL DEFAULT 1,
    finished_at   timestamptz,
    problem       text NOT NULL DEFAULT ''
);
CREATE INDEX inbox_unfinished ON inbox (received_at) WHERE finished_at IS NULL;
CREATE INDEX inbox_age ON inbox (received_at);

CREATE SEQUENCE message_places;
CREATE SEQUENCE lane_leases;

-- A lane is what is delivered in order: a channel as the configuration routes it, or one person's Home tab.
-- The row with the empty name is the whole workspace: only its pause counts.
CREATE TABLE lanes (
    lane         text PRIMARY KEY,
    lease        bigint NOT NULL DEFAULT 0,
    holder       text NOT NULL DEFAULT '',
    leased_until timestamptz,
    paused_until timestamptz,
    next_at      timestamptz
);
INSERT INTO lanes (lane) VALUES ('');

CREATE TABLE messages (
    key         text PRIMARY KEY,
    lane        text NOT NULL REFERENCES lanes (lane),
    place       bigint NOT NULL DEFAULT nextval('message_places'),
    kind        text NOT NULL,
    subject     bigint NOT NULL,
    detail      bigint NOT NULL,
    person      text NOT NULL,
    channel     text NOT NULL,
    thread_key  text NOT NULL,
    broadcast   boolean NOT NULL,
    wanted      bigint NOT NULL CHECK (wanted > 0),
    shown       bigint NOT NULL DEFAULT 0,
    channel_id  text NOT NULL DEFAULT '',
    ts          text NOT NULL DEFAULT '',
    posting     boolean NOT NULL DEFAULT false,
    attempts    integer NOT NULL DEFAULT 0,
    retry_at    timestamptz,
    problem     text NOT NULL DEFAULT '',
    dropped     boolean NOT NULL DEFAULT false,
    declared_at timestamptz NOT NULL
);
CREATE INDEX messages_due ON messages (lane, place) WHERE shown < wanted AND NOT dropped;
CREATE INDEX messages_of_thread ON messages (thread_key) WHERE thread_key <> '';
CREATE INDEX messages_in_channel ON messages (channel_id) WHERE channel_id <> '';

CREATE TABLE home_viewers (
    person  text PRIMARY KEY,
    name    text NOT NULL DEFAULT '',
    seen_at timestamptz NOT NULL
);

-- One row for each change that Home tabs should show. Bumping the tabs at once would make every writer wait for every
-- other at those rows; the deliverer takes these rows and bumps each tab once for all of them.
CREATE TABLE home_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);

-- +goose Down
DROP TABLE home_changes, home_viewers, messages, lanes, inbox;
DROP SEQUENCE message_places, lane_leases;
