-- What happens over and over is counted in one line of the timeline.

-- +goose Up
ALTER TABLE events ADD COLUMN times integer NOT NULL DEFAULT 0 CHECK (times >= 0);
COMMENT ON COLUMN events.times IS 'How often it happened; 0 means once.';

-- +goose Down
ALTER TABLE events DROP COLUMN times;
