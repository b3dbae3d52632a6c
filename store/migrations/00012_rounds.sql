-- What came back gets a card of its own.

-- +goose Up
ALTER TABLE finding_group ADD COLUMN round integer NOT NULL DEFAULT 0;
ALTER TABLE finding_group ADD COLUMN card text NOT NULL
    GENERATED ALWAYS AS ('savings/' || id::text || '/card' || CASE WHEN round > 0 THEN '/' || round::text ELSE '' END) STORED;
COMMENT ON COLUMN finding_group.round IS 'How often it came back after all of it was closed.';
COMMENT ON COLUMN finding_group.card IS 'Key of the message that is its card in this round; there is one once carded_at is set.';

-- +goose Down
ALTER TABLE finding_group DROP COLUMN card, DROP COLUMN round;
