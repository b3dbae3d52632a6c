-- What cost more on a day than it ever did.

-- +goose Up
CREATE TABLE spend_alarm (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day     date NOT NULL,
    rises   jsonb NOT NULL,
    told_at timestamptz NOT NULL
);
CREATE INDEX spend_alarm_day ON spend_alarm (day);
COMMENT ON TABLE spend_alarm IS 'Each rise is told once: of those that go on, a later alarm has nothing.';

-- +goose Down
DROP TABLE spend_alarm;
