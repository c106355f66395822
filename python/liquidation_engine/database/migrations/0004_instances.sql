-- What each instance did in the last 24 hours, minute by minute, so that its windows slide and outlive a restart.

ALTER TABLE instances
    ADD COLUMN region text,
    ADD COLUMN tiers text[] NOT NULL DEFAULT '{}',
    ADD COLUMN stopped_at timestamptz,      -- ended on request; NULL while it should be alive
    ADD COLUMN counted_from timestamptz;    -- an operator's reset: nothing before it counts

CREATE TABLE instance_activity (
    instance_id           text NOT NULL,
    minute                timestamptz NOT NULL,
    checks                bigint NOT NULL,       -- positions evaluated
    candidates            bigint NOT NULL,       -- candidates brought to an end
    processing_micros     bigint NOT NULL,       -- time spent on those
    PRIMARY KEY (instance_id, minute)
);
CREATE INDEX idx_instance_activity_minute ON instance_activity (minute);
CREATE INDEX idx_intents_landed_by_instance ON intents (instance_id, closed_at) WHERE state = 'landed';
