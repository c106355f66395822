-- Liquidations by anyone, each stored once: who was faster than we were, and what there is to win.

CREATE TABLE observed_liquidations (
    id                text PRIMARY KEY,             -- signature:place in its transaction
    timestamp         timestamptz NOT NULL,         -- of the block
    user_pubkey       text NOT NULL,                -- who owns the position
    liquidator_pubkey text NOT NULL,
    signature         text NOT NULL,
    slot              bigint NOT NULL,
    protocol          text NOT NULL,
    market            text NOT NULL,
    position_pubkey   text NOT NULL,
    debt_mint         text,
    collateral_mint   text,
    repaid            numeric(20,0) NOT NULL,       -- debt mint
    seized            numeric(20,0) NOT NULL,       -- collateral mint, received by the liquidator
    fee               numeric(20,0) NOT NULL,       -- collateral mint, into the insurance fund
    bonus_bps         integer NOT NULL,
    observed_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_observed_liquidations_timestamp ON observed_liquidations (timestamp);
CREATE INDEX idx_observed_liquidations_slot ON observed_liquidations (market, slot);
