-- What the chain has done is booked whatever the books held before, every mint of bad debt, and what a fork took back.

-- Settlements commit in another order than the chain executed them, and others move the funds too: a running balance may be below zero
-- until the rest is booked. A refusal here would keep a landed intent live for ever. Sums of u64 amounts fit numeric(39,0).
ALTER TABLE insurance_funds
    DROP CONSTRAINT insurance_funds_balance_check,
    ALTER COLUMN balance TYPE numeric(39,0),
    ALTER COLUMN opening_balance TYPE numeric(39,0),
    ADD COLUMN read_slot bigint; -- slot of the chain balance that the books began with: what moved up to it is inside that balance
UPDATE insurance_funds SET read_slot = opened_slot;
ALTER TABLE insurance_funds ALTER COLUMN read_slot SET NOT NULL;

-- A transaction that was booked and then vanished with its fork keeps its entries, and gets the same ones again with the opposite sign.
ALTER TABLE insurance_fund_transactions
    DROP CONSTRAINT insurance_fund_transactions_balance_after_check,
    DROP CONSTRAINT insurance_fund_transactions_amount_check,
    DROP CONSTRAINT insurance_fund_transactions_signature_mint_transaction_type_key,
    ALTER COLUMN balance_after TYPE numeric(39,0),
    ADD COLUMN reversal boolean NOT NULL DEFAULT false,
    ADD CHECK (CASE WHEN reversal THEN amount < 0 ELSE amount > 0 END),
    ADD UNIQUE (signature, mint, transaction_type, reversal);

ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_signature_address_mint_key,
    ADD COLUMN reversal boolean NOT NULL DEFAULT false,
    ADD UNIQUE (signature, address, mint, reversal);

ALTER TABLE intents ADD COLUMN reversed_at timestamptz; -- booked as landed, then found to have vanished; its state is 'expired'

CREATE TABLE bad_debts (
    -- Every mint that an intent's transaction wrote off; `liquidations` names only the one of the plan's debt.
    intent_id   bigint NOT NULL REFERENCES intents (id),
    mint        text NOT NULL,
    written_off numeric(20,0) NOT NULL CHECK (written_off >= 0), -- total, smallest units
    covered     numeric(20,0) NOT NULL CHECK (covered >= 0),     -- paid by the insurance fund in the same transaction
    PRIMARY KEY (intent_id, mint)
);
