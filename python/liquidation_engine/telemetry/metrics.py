"""Every Prometheus metric of the engine, in one place. Labels come from closed sets, never from addresses of positions."""

import math
from collections import Counter as Counts
from collections.abc import Iterable
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from liquidation_engine.model import InstanceState
from liquidation_engine.telemetry.stages import Stage

Registry = CollectorRegistry  # the name by which others ask for one

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STAGE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PROCESSING_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# What an error message begins with, and the label it is counted under.
REASONS: Final = {
    "timeout": "timeout",
    "exceeded CUs": "exceeded_cus",
    "already liquidated": "already_liquidated",
    "insufficient funds": "insufficient_funds",
    "healthy again": "healthy_again",
    "stale oracle": "stale_oracle",
    "slippage": "slippage",
    "blockhash expired": "blockhash_expired",
    "rpc unavailable": "rpc_unavailable",
    "program error": "program_error",
    "unprofitable": "unprofitable",
}
OTHER_REASON: Final = "other"


def reason_label(error_message: str) -> str:
    """Return the closed-set label of an error message."""
    lowered = error_message.lower()
    return next((label for phrase, label in REASONS.items() if lowered.startswith(phrase.lower())), OTHER_REASON)


class Queue(Protocol):
    """How the candidates stand."""

    @property
    def lag(self) -> int: ...
    @property
    def pending(self) -> int: ...
    @property
    def oldest_pending_seconds(self) -> float: ...


class Metrics:
    """The instruments of one process. `METRICS_PREFIX` goes before every name, with an underscore between."""

    def __init__(self, registry: CollectorRegistry, *, prefix: str = "") -> None:
        """Register everything with `registry`; the same registry cannot be used twice."""
        self.registry = registry
        self._prefix = f"{prefix.rstrip('_')}_" if prefix else ""
        self.liquidations_total = Counter(self._name("liquidations"), "Liquidations that landed.", registry=registry)
        self.failed_liquidations_total = Counter(
            self._name("failed_liquidations"),
            "Candidates and transactions that ended otherwise.",
            ["reason"],
            registry=registry,
        )
        for reason in (*REASONS.values(), OTHER_REASON):
            self.failed_liquidations_total.labels(reason)  # a rate needs the zero before the first failure
        self.latency_seconds = Histogram(
            self._name("liquidation_latency_seconds"),
            "From the moment the need was first seen to the acceptance by an RPC node.",
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        self.stage_seconds = Histogram(
            self._name("liquidation_stage_seconds"),
            "Time spent in one stage of a candidate.",
            ["stage"],
            registry=registry,
            buckets=STAGE_BUCKETS,
        )
        for stage in Stage:
            self.stage_seconds.labels(stage.value)
        self.processing_seconds = Histogram(
            self._name("liquidation_processing_seconds"),
            "From a candidate's turn at a worker to its outcome.",
            registry=registry,
            buckets=PROCESSING_BUCKETS,
        )
        self.positions_monitored = self._gauge("positions_monitored", "Positions the engine knows.")
        self.stream_lag = self._gauge("liquidation_stream_lag", "Candidates given to no worker yet.")
        self.stream_pending = self._gauge("liquidation_stream_pending", "Candidates a worker has not acknowledged yet.")
        self.stream_oldest_pending_seconds = self._gauge(
            "liquidation_stream_oldest_pending_seconds", "Age of the oldest candidate that is not acknowledged."
        )
        self.instances = Gauge(
            self._name("liquidation_instances"), "Instances by how they do.", ["state"], registry=registry
        )
        for state in InstanceState:
            self.instances.labels(state.value).set(math.nan)
        self.checks_24h = self._gauge("liquidation_checks_24h", "Positions this instance evaluated in 24 hours.")
        self.liquidations_24h = self._gauge("liquidation_24h", "Liquidations of this instance that landed in 24 hours.")
        self.workers = self._gauge("liquidation_workers", "Instances with the worker role that gave a sign of life.")
        self.leader = self._gauge("liquidation_leader", "1 while this instance leads.")
        self.overdue_positions = self._gauge(
            "liquidation_overdue_positions", "Liquidatable for more than 75 slots with no intent and no stated reason."
        )
        self.wallet_lamports = self._gauge("liquidation_wallet_lamports", "Lamports of the wallet that pays the fees.")
        self.slot_lag = self._gauge("liquidation_slot_lag", "Slots that the book is behind the chain.")
        self.success_ratio = self._gauge(
            "liquidation_success_ratio", "Share of the transactions sent in 24 hours that landed and succeeded."
        )
        self.new_events_total = Counter(
            self._name("liquidation_new_events"), "Liquidations by anyone that were observed anew.", registry=registry
        )
        self.snapshot_size = self._gauge("liquidation_snapshot_size", "Events in the latest poll.")
        self.seen_total = self._gauge("liquidation_seen_total", "Different liquidations the tracker remembers.")
        self.redis_memory_bytes = self._gauge("liquidation_redis_memory_bytes", "Memory that Redis uses.")
        self.redis_evicted = self._gauge("liquidation_redis_evicted", "Keys that Redis threw away; has to stay 0.")
        self.redis_aof_ok = self._gauge("liquidation_redis_aof_ok", "1 while the append-only file is written.")
        self.insurance_fund_balance = Gauge(
            self._name("insurance_fund_balance"), "Smallest units in the fund of a mint.", ["mint"], registry=registry
        )

    def landed(self, latency_seconds: float | None) -> None:
        """Count a liquidation that landed; without an acceptance by a node there is no latency."""
        self.liquidations_total.inc()
        if latency_seconds is not None:
            self.latency_seconds.observe(latency_seconds)

    def failed(self, error_message: str) -> None:
        """Count an ending that was no success."""
        self.failed_liquidations_total.labels(reason_label(error_message)).inc()

    def observe_stage(self, stage: Stage, seconds: float) -> None:
        """Note how long a stage took."""
        self.stage_seconds.labels(stage.value).observe(seconds)

    def queue(self, status: Queue) -> None:
        """Show how the candidates stand."""
        self.stream_lag.set(status.lag)
        self.stream_pending.set(status.pending)
        self.stream_oldest_pending_seconds.set(status.oldest_pending_seconds)

    def instance_states(self, states: Iterable[InstanceState]) -> None:
        """Count instances by how they do."""
        counts = Counts(states)
        for state in InstanceState:
            self.instances.labels(state.value).set(counts[state])

    def _name(self, name: str) -> str:
        return self._prefix + name

    def _gauge(self, name: str, help_text: str) -> Gauge:
        """Return a gauge that says NaN until it is fed: 0 would be a claim."""
        gauge = Gauge(self._name(name), help_text, registry=self.registry)
        gauge.set(math.nan)
        return gauge


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the text that Prometheus scrapes."""
    return generate_latest(registry)
