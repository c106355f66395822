-- The engine's first schema. u64 amounts are numeric(20,0), addresses and signatures base58 text, values micro-USD.
-- numeric(39,0) holds signed sums of u64 amounts.

CREATE TABLE chain_binding (
    -- One row: the chain this database keeps the books of. The engine refuses to start against another chain.
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    genesis_hash text NOT NULL,
    program_id   text NOT NULL,
    bound_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE positions (
    position_pubkey     text PRIMARY KEY,
    owner_pubkey        text NOT NULL,
    protocol            text NOT NULL,
    market              text NOT NULL,
    health_factor       double precision,           -- for display; NULL without debt
    liquidatable        boolean NOT NULL,           -- the exact verdict
    collateral_micro_usd numeric(39,0) NOT NULL,    -- unweighted
    debt_micro_usd      numeric(39,0) NOT NULL,
    legs                jsonb NOT NULL,
    as_of_slot          bigint NOT NULL,
    updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_positions_health ON positions (health_factor);

CREATE TABLE position_guards (
    position          text PRIMARY KEY,
    fence             bigint NOT NULL DEFAULT 0,    -- raised by every worker that takes the position up
    last_settled_slot bigint NOT NULL DEFAULT 0,
    attempts          integer NOT NULL DEFAULT 0,   -- intents since the last one that landed
    failures          integer NOT NULL DEFAULT 0,   -- endings in a row that call for back-off
    backoff_until     timestamptz,
    backoff_reason    text,
    claimed_by        text,                         -- the instance that raised the fence last
    claimed_at        timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE intents (
    id               bigserial PRIMARY KEY,
    position         text NOT NULL REFERENCES position_guards (position),
    fence            bigint NOT NULL,
    candidate_id     text NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('liquidate', 'write_off')),
    state            text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'landed', 'landed_failed', 'expired')),
    state_digest     text NOT NULL,
    attempt          integer NOT NULL,
    signature        text NOT NULL UNIQUE,
    transaction      bytea NOT NULL,                -- the exact signed bytes
    blockhash        text NOT NULL,
    expires_above    bigint NOT NULL,               -- finalized block height above which it cannot land
    plan             jsonb NOT NULL,
    compute_unit_limit integer NOT NULL,
    compute_unit_price_micro_lamports bigint NOT NULL,
    fee_lamports     numeric(20,0) NOT NULL,
    instance_id      text NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    accepted_at      timestamptz,                   -- first acceptance by an RPC node
    closed_at        timestamptz,
    landed_slot      bigint,
    finalized_at     timestamptz,                   -- seen again at finalized
    outcome          text
);
CREATE UNIQUE INDEX one_live_intent_per_position ON intents (position) WHERE state = 'live';
CREATE UNIQUE INDEX one_intent_per_need_and_attempt ON intents (position, state_digest, attempt);
CREATE INDEX idx_intents_live ON intents (created_at) WHERE state = 'live';
CREATE INDEX idx_intents_not_finalized ON intents (landed_slot) WHERE state IN ('landed', 'landed_failed') AND finalized_at IS NULL;

CREATE TABLE liquidations (
    -- One row per intent that was sent.
    id                  bigserial PRIMARY KEY,
    intent_id           bigint NOT NULL UNIQUE REFERENCES intents (id),
    position_pubkey     text NOT NULL,
    owner_pubkey        text NOT NULL,
    protocol            text NOT NULL,
    market              text NOT NULL,
    debt_mint           text NOT NULL,
    collateral_mint     text,                       -- NULL for a write-off
    repaid              numeric(20,0) NOT NULL DEFAULT 0, -- debt mint, from the landed balances
    seized              numeric(20,0) NOT NULL DEFAULT 0, -- collateral mint, received by the liquidator
    protocol_fee        numeric(20,0) NOT NULL DEFAULT 0, -- collateral mint, into the insurance fund
    reward              numeric(39,0) NOT NULL DEFAULT 0, -- micro-USD: seized - repaid
    profit              numeric(39,0) NOT NULL DEFAULT 0, -- micro-USD: reward - network fee
    repaid_micro_usd    numeric(39,0) NOT NULL DEFAULT 0,
    seized_micro_usd    numeric(39,0) NOT NULL DEFAULT 0,
    fee_lamports        numeric(20,0) NOT NULL DEFAULT 0,
    bad_debt            numeric(20,0) NOT NULL DEFAULT 0, -- debt mint, total written off
    bad_debt_covered    numeric(20,0) NOT NULL DEFAULT 0, -- debt mint, of it paid by the fund
    health_factor_before double precision,
    health_factor_after double precision,
    is_full_liquidation boolean NOT NULL DEFAULT false,
    retry_count         integer NOT NULL DEFAULT 0,
    tx_signature        text NOT NULL UNIQUE,
    error_message       text,                       -- NULL exactly when it landed
    created_at          timestamptz NOT NULL,       -- first seen
    timestamp           timestamptz,                -- accepted by RPC
    confirmed_at        timestamptz
);
CREATE INDEX idx_liquidations_timestamp ON liquidations (timestamp);
CREATE INDEX idx_liquidations_position ON liquidations (position_pubkey);

CREATE TABLE failed_liquidations (
    -- Every other ending, those that were never sent too.
    id              bigserial PRIMARY KEY,
    position_pubkey text NOT NULL,
    candidate_id    text,
    intent_id       bigint REFERENCES intents (id),
    outcome         text NOT NULL,                  -- healthy, already_liquidated, rejected, expired, unprofitable, gave_up, landed_failed
    error_message   text NOT NULL,
    retry_count     integer NOT NULL DEFAULT 0,
    slot            bigint,                         -- of the state that was judged
    details         jsonb NOT NULL DEFAULT '{}',
    timestamp       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_failed_liquidations_timestamp ON failed_liquidations (timestamp);

CREATE TABLE ledger_entries (
    -- Double entry: the entries of one signature sum to zero per mint. Accounts: wallet, network_fees, reserve_vault,
    -- insurance_fund, external (accounts of third parties); `native` is SOL outside of token accounts.
    id        bigserial PRIMARY KEY,
    signature text NOT NULL,
    intent_id bigint REFERENCES intents (id),
    slot      bigint NOT NULL,
    account   text NOT NULL CHECK (account IN ('wallet', 'network_fees', 'reserve_vault', 'insurance_fund', 'external')),
    address   text NOT NULL,                        -- the chain account whose balance changed; 'network' for fees
    mint      text NOT NULL,                        -- 'native' for lamports
    amount    numeric(39,0) NOT NULL,               -- signed change of that account, smallest units
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (signature, address, mint)
);
CREATE INDEX idx_ledger_entries_account ON ledger_entries (account, mint);

CREATE TABLE insurance_fund_transactions (
    id               bigserial PRIMARY KEY,
    signature        text NOT NULL,
    slot             bigint NOT NULL,
    mint             text NOT NULL,
    amount           numeric(20,0) NOT NULL CHECK (amount > 0),
    transaction_type text NOT NULL CHECK (transaction_type IN ('contribution', 'cover_bad_debt', 'fee', 'withdrawal')),
    market           text,
    position_pubkey  text,
    balance_after    numeric(20,0) NOT NULL CHECK (balance_after >= 0),
    timestamp        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (signature, mint, transaction_type)
);
CREATE INDEX idx_insurance_fund_transactions_timestamp ON insurance_fund_transactions (timestamp);

CREATE TABLE insurance_funds (
    -- The running balance, moved only in the transaction that writes insurance_fund_transactions.
    mint       text PRIMARY KEY,
    address    text NOT NULL,                       -- the fund PDA
    vault      text NOT NULL,
    balance    numeric(20,0) NOT NULL CHECK (balance >= 0),
    opened_slot bigint NOT NULL,                    -- chain slot at which the opening balance was read
    opening_balance numeric(20,0) NOT NULL DEFAULT 0, -- what was there then; balance = this + all transactions since
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE kill_switch (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stopped    boolean NOT NULL DEFAULT false,
    reason     text,
    changed_by text,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO kill_switch DEFAULT VALUES;

CREATE TABLE instances (
    instance_id     text PRIMARY KEY,
    roles           text[] NOT NULL,
    pid             integer NOT NULL,
    host            text NOT NULL,
    version         text NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    heartbeat_at    timestamptz NOT NULL DEFAULT now(),
    last_successful_run timestamptz,
    consecutive_failures integer NOT NULL DEFAULT 0,
    stats           jsonb NOT NULL DEFAULT '{}'
);
