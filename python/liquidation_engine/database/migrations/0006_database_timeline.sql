-- A database that was restored, or failed over to a replica that lagged, has forgotten intents whose transactions may still land. Which
-- database this is, is therefore written down, and after a change no intent is written until nothing forgotten can land any more.

-- Names the server's cluster, the database in it, and the timeline it writes, which every promotion and every point-in-time recovery
-- raises. A copy, a restored dump and a new server all have another name. A clean restart and a crash do not change it.
CREATE FUNCTION database_identity() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s/%s/%s', (pg_control_system()).system_identifier, d.oid, left(pg_walfile_name(pg_current_wal_lsn()), 8))
    FROM pg_database d WHERE d.datname = current_database()
$$;
SELECT database_identity(); -- a role that may not ask is told at once

CREATE TABLE database_timeline (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    identity    text NOT NULL,          -- of the database that the books were last written in
    rests_above bigint,                 -- no intent until the finalized block height is above it; NULL when there is no rest
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- As in 0002, and besides: refused while the identity is another one, or the rest that follows a change is not over.
CREATE OR REPLACE FUNCTION insert_intent(
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
    v_timeline database_timeline%ROWTYPE;
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

    SELECT * INTO v_timeline FROM database_timeline FOR SHARE;
    IF NOT FOUND THEN
        INSERT INTO database_timeline (identity) VALUES (database_identity()) ON CONFLICT DO NOTHING;
    ELSIF v_timeline.identity <> database_identity() OR v_timeline.rests_above IS NOT NULL THEN
        RETURN QUERY SELECT 'kill_switch_on', v_fence, coalesce(
            'the database was restored or failed over, no intent until finalized block ' || v_timeline.rests_above,
            'the database was restored or failed over'
        ), NULL::bigint, NULL::timestamptz;
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
