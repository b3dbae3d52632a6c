-- Incidents of before with the same cause are found by it.

-- +goose Up
CREATE INDEX diagnoses_first_cause ON diagnoses ((causes -> 0 ->> 'rule'), (causes -> 0 ->> 'title'), at DESC);
CREATE INDEX incidents_of_workload ON incidents (fingerprint, detected_at DESC);

-- +goose Down
DROP INDEX diagnoses_first_cause, incidents_of_workload;
