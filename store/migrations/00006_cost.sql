-- What was paid, day by day, and who for.

-- +goose Up
CREATE TABLE cost_day (
    day      date NOT NULL,
    payer    text NOT NULL,
    total    bigint NOT NULL,
    guessed  boolean NOT NULL,
    bill     jsonb NOT NULL,
    missing  jsonb NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (day, payer)
);
COMMENT ON TABLE cost_day IS 'Bills as they were received; that of nobody is an estimate. Money is in millionths of a dollar.';
COMMENT ON COLUMN cost_day.guessed IS 'Who used what was not measured on the whole of the day.';

CREATE TABLE cost_month (
    payer     text NOT NULL,
    month     date NOT NULL CHECK (extract(day FROM month) = 1),
    n         integer NOT NULL CHECK (n > 0),
    total     bigint NOT NULL,
    invoice   jsonb NOT NULL,
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (payer, month, n)
);
COMMENT ON TABLE cost_month IS 'Closed months: the rows of one never change. n counts the invoices: what a later one differs by is in new rows.';

CREATE TABLE cost_row (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day         date NOT NULL,
    payer       text NOT NULL,
    account     text NOT NULL,
    cluster     text NOT NULL,
    namespace   text NOT NULL,
    team        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('workload', 'shared', 'idle', 'outside', 'unallocatable', 'adjustment')),
    what        text NOT NULL,
    micro_usd   bigint NOT NULL,
    provisional boolean NOT NULL
);
COMMENT ON TABLE cost_row IS 'Parts of bills. Those of a day come to its bill, those of a closed month to its invoice.';
CREATE INDEX cost_row_day ON cost_row (day, payer);

-- +goose Down
DROP TABLE cost_row, cost_month, cost_day;
