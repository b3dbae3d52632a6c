-- What a model wrote of a diagnosis.

-- +goose Up
ALTER TABLE diagnoses ADD COLUMN narrative jsonb;
COMMENT ON COLUMN diagnoses.narrative IS 'A model''s paragraph of it; it decides nothing.';

-- +goose Down
ALTER TABLE diagnoses DROP COLUMN narrative;
