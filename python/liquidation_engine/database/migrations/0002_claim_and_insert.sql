-- The two statements that decide who may sign, each one round trip.
--
-- They are functions because under READ COMMITTED one statement sees one snapshot, taken before it waited for a row lock: a plain
-- CTE that locks the guard row and then looks at intents would look at the past. In a VOLATILE function every statement takes a
-- snapshot of its own, after the lock.

-- Raises the fence of a position and returns its guard row with its live intent, if any.
CREATE FUNCTION claim_position(p_position text, p_instance_id text)
RETURNS TABLE (
    guard_fence bigint, last_settled_slot bigint, attempts integer, failures integer,
    backoff_until timestamptz, backoff_reason text,
    id bigint, "position" text, fence bigint, candidate_id text, attempt integer, plan jsonb, signature text,
    transaction bytea, blockhash text, expires_above bigint, compute_unit_limit integer,
    compute_unit_price_micro_lamports bigint, fee_lamports numeric, instance_id text,
    first_seen_at timestamptz, created_at timestamptz, accepted_at timestamptz
)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO position_guards AS g (position, fence, claimed_by, claimed_at)
    VALUES (p_position, 1, p_instance_id, now())
    ON CONFLICT (position) DO UPDATE
        SET fence = g.fence + 1, claimed_by = excluded.claimed_by, claimed_at = excluded.claimed_at, updated_at = now();

    RETURN QUERY
    SELECT g.fence, g.last_settled_slot, g.attempts, g.failures, g.backoff_until, g.backoff_reason,
           i.id, i.position, i.fence, i.candidate_id, i.attempt, i.plan, i.signature, i.transaction, i.blockhash, i.expires_above,
           i.compute_unit_limit, i.compute_unit_price_micro_lamports, i.fee_lamports, i.instance_id,
           i.first_seen_at, i.created_at, i.accepted_at
    FROM position_guards g LEFT JOIN intents i ON i.position = g.position AND i.state = 'live'
    WHERE g.position = p_position;
END $$;

-- Writes an intent down if the position is still claimed under `p_fence`, nothing is live and the kill switch is off.
-- Locks: the guard row first, as `close` does, then the kill switch shared, so that after a stop has committed no intent can.
CREATE FUNCTION insert_intent(
    p_position text, p_fence bigint, p_candidate_id text, p_kind text, p_state_digest text, p_attempt integer, p_signature text,
    p_transaction bytea, p_blockhash text, p_expires_above bigint, p_plan jsonb, p_compute_unit_limit integer,
    p_compute_unit_price_micro_lamports bigint, p_fee_lamports numeric, p_instance_id text, p_first_seen_at timestamptz
)
RETURNS TABLE (verdict text, found_fence bigint, reason text, id bigint, created_at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_fence bigint;
    v_switch kill_switch%ROWTYPE;
    v_id bigint;
    v_created_at timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);

    SELECT g.fence INTO v_fence FROM position_guards g WHERE g.position = p_position FOR UPDATE;
    IF v_fence IS DISTINCT FROM p_fence THEN
        RETURN QUERY SELECT 'fence_lost', coalesce(v_fence, 0), NULL::text, NULL::bigint, NULL::timestamptz;
        RETURN;
    END IF;

    SELECT * INTO STRICT v_switch FROM kill_switch FOR SHARE;
    IF v_switch.stopped THEN
        RETURN QUERY SELECT 'kill_switch_on', v_fence, v_switch.reason, NULL::bigint, NULL::timestamptz;
        RETURN;
    END IF;

    INSERT INTO intents AS i (
        position, fence, candidate_id, kind, state_digest, attempt, signature, transaction, blockhash, expires_above, plan,
        compute_unit_limit, compute_unit_price_micro_lamports, fee_lamports, instance_id, first_seen_at
    ) VALUES (
        p_position, p_fence, p_candidate_id, p_kind, p_state_digest, p_attempt, p_signature, p_transaction, p_blockhash,
        p_expires_above, p_plan, p_compute_unit_limit, p_compute_unit_price_micro_lamports, p_fee_lamports, p_instance_id,
        p_first_seen_at
    )
    ON CONFLICT (position) WHERE state = 'live' DO NOTHING
    RETURNING i.id, i.created_at INTO v_id, v_created_at;

    RETURN QUERY SELECT CASE WHEN v_id IS NULL THEN 'live_intent_exists' ELSE 'inserted' END, v_fence, NULL::text, v_id, v_created_at;
END $$;
