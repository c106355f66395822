-- Every statement of the engine, by name. `-- name:` starts one; the comment lines under it say what it promises.
-- Parameters are positional; their order is the order of the call in the module named by the heading above.

---------------------------------------------------------------------------------------------------- migrate, binding

-- name: create_migrations_table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: lock_migrations
-- One migrator at a time; the lock ends with its transaction. The number is "liq" and means nothing else.
SELECT pg_advisory_xact_lock(7104881);

-- name: migrations_table_exists
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: applied_migrations
SELECT version, name, checksum FROM schema_migrations ORDER BY version;

-- name: record_migration
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3);

-- name: bind_chain
INSERT INTO chain_binding (genesis_hash, program_id) VALUES ($1, $2) ON CONFLICT (only_row) DO NOTHING;

-- name: bound_chain
SELECT genesis_hash, program_id, bound_at FROM chain_binding;

---------------------------------------------------------------------------------------------------- timeline

-- name: look_at_timeline
WITH made AS (
    INSERT INTO database_timeline (identity) SELECT database_identity() ON CONFLICT DO NOTHING RETURNING identity, rests_above
)
SELECT identity = database_identity() AS is_ours, rests_above FROM made
UNION ALL
SELECT identity = database_identity(), rests_above FROM database_timeline WHERE NOT EXISTS (SELECT FROM made);

-- name: begin_rest
-- Instances notice the change one after the other; the highest height that one of them has seen counts.
UPDATE database_timeline SET
    identity = database_identity(), rests_above = greatest(rests_above, $1), changed_at = now()
RETURNING rests_above;

-- name: end_rest
UPDATE database_timeline SET rests_above = NULL, changed_at = now() WHERE identity = database_identity() AND rests_above < $1;

---------------------------------------------------------------------------------------------------- guards

-- name: claim_position
-- Raises the fence and returns the guard with its live intent; see migration 0002 for why it is a function.
-- Whether it rests is judged here: instances whose clocks differ must agree.
SELECT *, coalesce(backoff_until > clock_timestamp(), false) AS resting FROM claim_position($1, $2);

-- name: back_off
-- $3: for how long, from now on by this clock. The later of two ends stands, so that a slow writer cannot shorten what a faster one decided.
INSERT INTO position_guards AS g (position, failures, backoff_until, backoff_reason) VALUES ($1, $2, now() + $3::interval, $4)
ON CONFLICT (position) DO UPDATE SET
    failures = g.failures + excluded.failures,
    backoff_until = greatest(g.backoff_until, excluded.backoff_until),
    backoff_reason = excluded.backoff_reason,
    updated_at = now();

-- name: clear_back_off
UPDATE position_guards SET failures = 0, backoff_until = NULL, backoff_reason = NULL, updated_at = now() WHERE position = $1;

-- name: skipped
SELECT position, failures, coalesce(backoff_reason, '') AS reason,
       extract(epoch FROM backoff_until - clock_timestamp())::double precision AS seconds_left
FROM position_guards WHERE backoff_until > clock_timestamp() ORDER BY failures DESC, position LIMIT $1;

-- name: in_back_off_or_live
SELECT position FROM position_guards WHERE position = ANY($1::text[]) AND backoff_until > now()
UNION
SELECT position FROM intents WHERE position = ANY($1::text[]) AND state = 'live';

---------------------------------------------------------------------------------------------------- intents

-- name: attempts_for
SELECT coalesce(max(attempt) + 1, 0) FROM intents WHERE position = $1 AND state_digest = $2;

-- name: insert_intent
-- Locks the guard, checks fence and kill switch, inserts: one round trip, one transaction; see migration 0002.
SELECT * FROM insert_intent($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: lock_guard
-- Everything that changes intents of a position takes this lock first, in this order, so that nobody waits in a circle.
SELECT fence FROM position_guards WHERE position = $1 FOR UPDATE;

-- name: live_intent_of_fence
-- An intent whose commit went unanswered: it counts only if it is there, live, and this worker's.
SELECT * FROM intents WHERE signature = $1 AND position = $2 AND fence = $3 AND instance_id = $4 AND state = 'live';

-- name: mark_accepted
UPDATE intents SET accepted_at = coalesce(accepted_at, $2) WHERE id = $1;

-- name: live_intents
SELECT * FROM intents
WHERE state = 'live' AND created_at <= now() - make_interval(secs => $1) AND NOT id = ANY($3::bigint[])
ORDER BY created_at LIMIT $2;

-- name: landed_not_finalized
-- One page in the order of landing, after ($2, $3): what cannot be decided yet does not hide what comes behind it.
SELECT id, position, signature, landed_slot, expires_above FROM intents
WHERE state IN ('landed', 'landed_failed') AND finalized_at IS NULL AND (landed_slot, id) > ($2::bigint, $3::bigint)
ORDER BY landed_slot, id LIMIT $1;

-- name: unfinal_signatures
SELECT signature FROM intents WHERE position = $1 AND state IN ('landed', 'landed_failed') AND finalized_at IS NULL;

-- name: transaction_of_intent
SELECT transaction FROM intents WHERE id = $1;

-- name: mark_finalized
-- $2: the slot at finalized, another one where it was executed again on the fork that stayed.
WITH final AS (
    UPDATE intents SET finalized_at = coalesce(finalized_at, now()), landed_slot = $2
    WHERE id = $1 AND state IN ('landed', 'landed_failed')
    RETURNING signature
), ledger AS (
    UPDATE ledger_entries SET slot = $2 FROM final WHERE ledger_entries.signature = final.signature AND slot <> $2
)
UPDATE insurance_fund_transactions SET slot = $2
FROM final WHERE insurance_fund_transactions.signature = final.signature AND slot <> $2;

-- name: close_intent
-- Settling happens once: whoever finds it no longer live writes nothing else.
UPDATE intents SET state = $2, outcome = $2, closed_at = now(), landed_slot = $3
WHERE id = $1 AND state = 'live'
RETURNING accepted_at;

-- name: settle_guard
-- $2: the slot it landed in, 0 if it did not; $3: whether it landed. A landing ends a row of failures.
UPDATE position_guards SET
    last_settled_slot = greatest(last_settled_slot, $2),
    attempts = CASE WHEN $3 THEN 0 ELSE attempts + 1 END,
    failures = CASE WHEN $3 THEN 0 ELSE failures END,
    backoff_until = CASE WHEN $3 THEN NULL ELSE backoff_until END,
    backoff_reason = CASE WHEN $3 THEN NULL ELSE backoff_reason END,
    updated_at = now()
WHERE position = $1;

---------------------------------------------------------------------------------------------------- reversal

-- name: intent
SELECT * FROM intents WHERE id = $1;

-- name: move_intent
-- It was executed again on the fork that stayed, perhaps with another end.
UPDATE intents SET state = $2, outcome = $2, landed_slot = $3
WHERE id = $1 AND state IN ('landed', 'landed_failed') AND finalized_at IS NULL
RETURNING accepted_at;

-- name: forget_liquidation
-- What follows from a transaction's execution, to be written anew; the ledger forgets nothing.
DELETE FROM liquidations WHERE intent_id = $1;

-- name: forget_failure
DELETE FROM failed_liquidations WHERE intent_id = $1;

-- name: forget_bad_debts
DELETE FROM bad_debts WHERE intent_id = $1;

-- name: move_ledger
UPDATE ledger_entries SET slot = $2 WHERE signature = $1 AND slot <> $2;

-- name: correct_ledger
-- The difference between what is booked and what was moved on the fork that stayed.
INSERT INTO ledger_entries AS e (signature, intent_id, slot, account, address, mint, amount, reversal)
SELECT $1, $2::bigint, $3::bigint, coalesce(new.account, old.account), coalesce(new.address, old.address), coalesce(new.mint, old.mint),
       coalesce(new.amount, 0) - coalesce(old.amount, 0), true
FROM unnest($4::text[], $5::text[], $6::text[], $7::numeric[]) AS new (account, address, mint, amount)
FULL JOIN (SELECT * FROM ledger_entries WHERE signature = $1 AND NOT reversal) AS old USING (address, mint)
ON CONFLICT (signature, address, mint, reversal) DO UPDATE SET amount = excluded.amount, slot = excluded.slot;

-- name: unbook_fund
-- $4: what the movement had changed, signed.
WITH gone AS (
    DELETE FROM insurance_fund_transactions WHERE signature = $1 AND mint = $2 AND transaction_type = $3 AND NOT reversal
)
UPDATE insurance_funds SET balance = balance - $4, updated_at = now() WHERE mint = $2;

-- name: reverse_intent
-- It was booked as landed and has vanished with its fork: it is an expired one, and whoever finds that first reverses its books.
UPDATE intents SET state = 'expired', outcome = 'vanished', reversed_at = now()
WHERE id = $1 AND state IN ('landed', 'landed_failed') AND finalized_at IS NULL
RETURNING signature, candidate_id, landed_slot, attempt;

-- name: reverse_guard
-- The position may be taken up again at once; that bid is spent.
UPDATE position_guards SET attempts = attempts + 1, backoff_until = NULL, backoff_reason = NULL, updated_at = now()
WHERE position = $1;

-- name: reverse_liquidation
-- The row of an intent that never landed has no amounts; what had been booked stands in the ledger, twice.
UPDATE liquidations SET
    repaid = 0, seized = 0, protocol_fee = 0, reward = 0, profit = 0, repaid_micro_usd = 0, seized_micro_usd = 0, fee_lamports = 0,
    bad_debt = 0, bad_debt_covered = 0, health_factor_after = NULL, confirmed_at = NULL, error_message = $2
WHERE intent_id = $1;

-- name: reverse_bad_debts
UPDATE bad_debts SET written_off = 0, covered = 0 WHERE intent_id = $1;

-- name: reverse_ledger
INSERT INTO ledger_entries (signature, intent_id, slot, account, address, mint, amount, reversal)
SELECT signature, intent_id, slot, account, address, mint, -amount, true FROM ledger_entries
WHERE signature = $1 AND NOT reversal;

-- name: fund_moves_of
-- In the order in which everybody locks funds.
SELECT mint, transaction_type, amount FROM insurance_fund_transactions
WHERE signature = $1 AND NOT reversal ORDER BY mint, transaction_type;

-- name: reverse_fund
-- $4: what the movement had changed, signed. The balance takes it back even where the movement was inside the opening balance: that
-- was read from the same fork.
WITH fund AS (
    UPDATE insurance_funds SET balance = balance - $4, updated_at = now() WHERE mint = $2 RETURNING balance
)
INSERT INTO insurance_fund_transactions
    (signature, slot, mint, amount, transaction_type, market, position_pubkey, balance_after, reversal)
SELECT signature, slot, mint, -amount, transaction_type, market, position_pubkey, balance, true
FROM insurance_fund_transactions CROSS JOIN fund
WHERE signature = $1 AND mint = $2 AND transaction_type = $3 AND NOT reversal
RETURNING balance_after;

---------------------------------------------------------------------------------------------------- books

-- name: insert_liquidation
-- Where the worker died between sending and noting the acceptance, `timestamp` is the confirmation: no later than that.
INSERT INTO liquidations (
    intent_id, position_pubkey, owner_pubkey, protocol, market, debt_mint, collateral_mint, repaid, seized, protocol_fee,
    reward, profit, repaid_micro_usd, seized_micro_usd, fee_lamports, bad_debt, bad_debt_covered, health_factor_before,
    health_factor_after, is_full_liquidation, retry_count, tx_signature, error_message, created_at, timestamp, confirmed_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    coalesce($25::timestamptz, $26), $26
);

-- name: insert_failure
INSERT INTO failed_liquidations (position_pubkey, candidate_id, intent_id, outcome, error_message, retry_count, slot, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb);

-- name: insert_ledger
INSERT INTO ledger_entries (signature, intent_id, slot, account, address, mint, amount)
SELECT $1, $2, $3, account, address, mint, amount
FROM unnest($4::text[], $5::text[], $6::text[], $7::numeric[]) AS entry (account, address, mint, amount);

-- name: insert_bad_debts
INSERT INTO bad_debts (intent_id, mint, written_off, covered)
SELECT $1, mint, written_off, covered
FROM unnest($2::text[], $3::numeric[], $4::numeric[]) AS entry (mint, written_off, covered);

-- name: move_fund
-- Books a movement that the chain has made; $6 is the signed change. A movement up to the slot at which the chain's balance was read is
-- inside that balance already: then it is the opening that goes back before it. No row: the fund is not open, or this movement of this
-- signature was booked before.
WITH fund AS (
    SELECT mint, balance, CASE WHEN $2 > read_slot THEN $6::numeric ELSE 0 END AS change
    FROM insurance_funds WHERE mint = $3 FOR UPDATE
), written AS (
    INSERT INTO insurance_fund_transactions
        (signature, slot, mint, amount, transaction_type, market, position_pubkey, balance_after)
    SELECT $1, $2, mint, abs($6::numeric), $4, $5, $7, balance + change FROM fund
    ON CONFLICT (signature, mint, transaction_type, reversal) DO NOTHING
    RETURNING mint
)
UPDATE insurance_funds AS f SET
    balance = f.balance + CASE WHEN $2 > f.read_slot THEN $6::numeric ELSE 0 END,
    opening_balance = f.opening_balance - CASE WHEN $2 > f.read_slot THEN 0 ELSE $6::numeric END,
    opened_slot = least(f.opened_slot, $2 - 1),
    updated_at = now()
FROM written WHERE f.mint = written.mint
RETURNING f.balance;

---------------------------------------------------------------------------------------------------- funds

-- name: open_fund
INSERT INTO insurance_funds (mint, address, vault, balance, opening_balance, opened_slot, read_slot) VALUES ($1, $2, $3, $4, $4, $5, $5)
ON CONFLICT (mint) DO NOTHING;

-- name: fund_opened_slot
SELECT opened_slot FROM insurance_funds WHERE mint = $1 FOR UPDATE;

-- name: fund_balances_at
-- What the books say of slot $1: the balance without what moved later. NULL where the books begin later.
SELECT f.mint, CASE WHEN f.opened_slot <= $1 THEN f.balance - coalesce(
    sum(t.amount * CASE WHEN t.transaction_type IN ('contribution', 'fee') THEN 1 ELSE -1 END) FILTER (WHERE t.slot > $1), 0
) END AS balance
FROM insurance_funds f LEFT JOIN insurance_fund_transactions t ON t.mint = f.mint GROUP BY f.mint;

-- name: funds
-- Contributions include the opening balance: what was in the fund when the books began.
SELECT f.mint, f.address, f.vault, f.balance, f.opening_balance, f.opened_slot, f.updated_at AS last_updated,
       f.opening_balance + coalesce(sum(t.amount) FILTER (WHERE t.transaction_type = 'contribution'), 0) AS total_contributions,
       coalesce(sum(t.amount) FILTER (WHERE t.transaction_type = 'cover_bad_debt'), 0) AS total_bad_debt_covered,
       coalesce(sum(t.amount) FILTER (WHERE t.transaction_type = 'fee'), 0) AS total_fees,
       coalesce(sum(t.amount) FILTER (WHERE t.transaction_type = 'withdrawal'), 0) AS total_withdrawals
FROM insurance_funds f LEFT JOIN insurance_fund_transactions t ON t.mint = f.mint
GROUP BY f.mint ORDER BY f.mint;

-- name: insurance_history
SELECT signature, slot, mint, amount, transaction_type, market, position_pubkey, balance_after, reversal, timestamp
FROM insurance_fund_transactions ORDER BY id DESC LIMIT $1;

---------------------------------------------------------------------------------------------------- positions

-- name: upsert_positions
-- A row that was read at an older slot than the one that stands is left out.
INSERT INTO positions AS p (
    position_pubkey, owner_pubkey, protocol, market, health_factor, liquidatable, collateral_micro_usd, debt_micro_usd, legs, as_of_slot
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::double precision[], $6::boolean[], $7::numeric[], $8::numeric[], $9::jsonb[],
    $10::bigint[]
)
ON CONFLICT (position_pubkey) DO UPDATE SET
    owner_pubkey = excluded.owner_pubkey, protocol = excluded.protocol, market = excluded.market,
    health_factor = excluded.health_factor, liquidatable = excluded.liquidatable,
    collateral_micro_usd = excluded.collateral_micro_usd, debt_micro_usd = excluded.debt_micro_usd,
    legs = excluded.legs, as_of_slot = excluded.as_of_slot, updated_at = now()
WHERE p.as_of_slot <= excluded.as_of_slot;

-- name: remove_positions
-- Closed accounts, as of a slot: one that was opened again later stays.
DELETE FROM positions WHERE position_pubkey = ANY($1::text[]) AND as_of_slot <= $2;

---------------------------------------------------------------------------------------------------- history, for the API

-- name: positions
SELECT * FROM positions WHERE $3::double precision IS NULL OR health_factor < $3
ORDER BY health_factor NULLS LAST, position_pubkey LIMIT $1 OFFSET $2;

-- name: position
SELECT p.*, g.fence, g.last_settled_slot, g.attempts, g.failures, g.backoff_until, g.backoff_reason,
       i.id AS live_intent_id, i.signature AS live_signature
FROM positions p
LEFT JOIN position_guards g ON g.position = p.position_pubkey
LEFT JOIN intents i ON i.position = p.position_pubkey AND i.state = 'live'
WHERE p.position_pubkey = $1;

-- name: pending
-- At risk included: below 1.1, or being liquidated.
SELECT p.*, g.backoff_until, g.backoff_reason, i.signature AS live_signature
FROM positions p
LEFT JOIN position_guards g ON g.position = p.position_pubkey
LEFT JOIN intents i ON i.position = p.position_pubkey AND i.state = 'live'
WHERE p.health_factor < $2 OR i.id IS NOT NULL
ORDER BY p.health_factor NULLS LAST, p.position_pubkey LIMIT $1;

-- name: pending_count
SELECT count(*) FROM positions p
WHERE p.health_factor < $1 OR EXISTS (SELECT FROM intents i WHERE i.position = p.position_pubkey AND i.state = 'live');

-- name: position_count
SELECT count(*) FROM positions;

-- name: recent_liquidations
SELECT * FROM liquidations ORDER BY id DESC LIMIT $1;

-- name: liquidations_of
SELECT * FROM liquidations WHERE position_pubkey = $1 ORDER BY id DESC LIMIT $2;

-- name: failed_liquidations
SELECT * FROM failed_liquidations ORDER BY id DESC LIMIT $1;

-- name: liquidation_stats
-- The window is by first sight. A day without liquidations has no ratio, and no division by zero.
SELECT count(*) AS total_attempts,
       count(*) FILTER (WHERE error_message IS NULL) AS successful,
       count(*) FILTER (WHERE error_message IS NOT NULL) AS failed,
       (count(*) FILTER (WHERE error_message IS NULL))::double precision / nullif(count(*), 0) AS success_ratio,
       coalesce(sum(repaid_micro_usd), 0) AS repaid_micro_usd,
       coalesce(sum(seized_micro_usd), 0) AS seized_micro_usd,
       coalesce(sum(profit), 0) AS profit_micro_usd,
       coalesce(sum(fee_lamports), 0) AS fee_lamports,
       avg(extract(epoch FROM timestamp - created_at))::double precision AS average_latency_seconds
FROM liquidations WHERE created_at > now() - make_interval(secs => $1);

---------------------------------------------------------------------------------------------------- liquidations by anyone

-- name: insert_observed
INSERT INTO observed_liquidations (
    id, timestamp, user_pubkey, liquidator_pubkey, signature, slot, protocol, market, position_pubkey, debt_mint, collateral_mint,
    repaid, seized, fee, bonus_bps
)
SELECT * FROM unnest(
    $1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::numeric[], $13::numeric[], $14::numeric[], $15::integer[]
)
ON CONFLICT (id) DO NOTHING;

-- name: newest_observed
SELECT slot, signature FROM observed_liquidations WHERE market = $1 ORDER BY slot DESC LIMIT 1;

-- name: observed_count
SELECT count(*) FROM observed_liquidations;

-- name: latest_observed
SELECT * FROM observed_liquidations ORDER BY timestamp DESC, id LIMIT $1;

---------------------------------------------------------------------------------------------------- kill switch, instances

-- name: kill_switch_state
SELECT stopped, reason, changed_at FROM kill_switch;

-- name: set_kill_switch
-- Waits for inserts under way, which hold the row shared: after this has committed, no intent can.
UPDATE kill_switch SET stopped = $1, reason = $2, changed_by = $3, changed_at = now() RETURNING stopped, reason, changed_at;

-- name: heartbeat
-- $7: how long ago its last run succeeded, so that only the database's clock counts. $11 to $13: what it did since the last heartbeat.
-- A new process under an old name starts anew; returned is since when its figures count.
WITH activity AS (
    INSERT INTO instance_activity AS a (instance_id, minute, checks, candidates, processing_micros)
    SELECT $1, date_trunc('minute', now()), $11::bigint, $12::bigint, $13::bigint WHERE $11::bigint + $12::bigint > 0
    ON CONFLICT (instance_id, minute) DO UPDATE SET
        checks = a.checks + excluded.checks,
        candidates = a.candidates + excluded.candidates,
        processing_micros = a.processing_micros + excluded.processing_micros
)
INSERT INTO instances AS i
    (instance_id, roles, pid, host, version, stats, last_successful_run, consecutive_failures, region, tiers)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, now() - make_interval(secs => $7::double precision), $8, $9, $10)
ON CONFLICT (instance_id) DO UPDATE SET
    roles = excluded.roles, pid = excluded.pid, host = excluded.host, version = excluded.version, stats = excluded.stats,
    last_successful_run = coalesce(excluded.last_successful_run, i.last_successful_run),
    consecutive_failures = excluded.consecutive_failures, region = excluded.region, tiers = excluded.tiers,
    started_at = CASE WHEN (i.pid, i.host) = (excluded.pid, excluded.host) AND i.stopped_at IS NULL THEN i.started_at ELSE now() END,
    heartbeat_at = now(), stopped_at = NULL
RETURNING i.counted_from;

-- name: instance_stopped
UPDATE instances SET stopped_at = now(), heartbeat_at = now() WHERE instance_id = $1;

-- name: instances
-- Windows of 24 hours that slide by the minute; liquidations are counted in the books, so that they are nobody's claim.
SELECT i.*,
       extract(epoch FROM now() - i.heartbeat_at)::double precision AS seconds_since_heartbeat,
       extract(epoch FROM now() - i.last_successful_run)::double precision AS seconds_since_success,
       coalesce(done.checks, 0)::bigint AS checks_24h,
       coalesce(done.candidates, 0)::bigint AS candidates_24h,
       coalesce(done.micros / 1000.0 / nullif(done.candidates, 0), 0)::double precision AS average_processing_ms,
       landed.liquidations AS liquidations_24h
FROM instances i
CROSS JOIN LATERAL (
    SELECT sum(a.checks) AS checks, sum(a.candidates) AS candidates, sum(a.processing_micros) AS micros
    FROM instance_activity a WHERE a.instance_id = i.instance_id AND a.minute > now() - interval '24 hours'
) done
CROSS JOIN LATERAL (
    SELECT count(*) AS liquidations FROM intents n
    WHERE n.instance_id = i.instance_id AND n.state = 'landed'
      AND n.closed_at > greatest(now() - interval '24 hours', i.counted_from)
) landed
ORDER BY i.instance_id;

-- name: reset_instances
-- Zeroes failures and windows of all instances; each takes notice at its next heartbeat.
WITH forgotten AS (DELETE FROM instance_activity)
UPDATE instances SET counted_from = now(), consecutive_failures = 0;

-- name: forget_instances
-- $1: seconds after its last sign of life at which an instance is forgotten; what it did in the last 24 hours stays with its name.
WITH old AS (DELETE FROM instance_activity WHERE minute < now() - interval '25 hours')
DELETE FROM instances WHERE heartbeat_at < now() - make_interval(secs => $1::double precision);

-- name: progress
-- The demo's bar: one row, cheap enough for every quarter of a second.
SELECT (SELECT count(*) FROM liquidations WHERE error_message IS NULL) AS landed,
       (SELECT count(*) FROM intents WHERE state = 'live') AS live_intents,
       (SELECT count(*) FROM positions WHERE liquidatable) AS liquidatable,
       (SELECT count(DISTINCT position_pubkey) FROM failed_liquidations WHERE outcome IN ('unprofitable', 'rejected', 'gave_up')) AS refused;
