-- Chains are read whole, and proposals with all that the ledger has of them.

-- +goose Up
CREATE INDEX ledger_of_chain ON ledger (chain, id);
CREATE INDEX ledger_of_proposal ON ledger (proposal);
CREATE INDEX proposal_of_what_it_reverts ON proposal (reverts) WHERE reverts IS NOT NULL;

-- +goose Down
DROP INDEX ledger_of_chain, ledger_of_proposal, proposal_of_what_it_reverts;
