"""What an instance notes of itself between two heartbeats."""

from datetime import UTC, datetime

from liquidation_engine.model import Activity, Healthy, InstanceState
from liquidation_engine.runner.observation import Observation
from liquidation_engine.telemetry.metrics import Metrics, Registry
from liquidation_engine.telemetry.stages import StageLog, StageTimer
from liquidation_engine.testing import candidate


class Watch:
    """A stopwatch by hand."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def observation(watch: Watch | None = None, roles: frozenset[str] = frozenset({"worker"})) -> Observation:
    return Observation(Metrics(Registry()), StageTimer(StageLog(None)), roles=roles, monotonic=watch or Watch())


def test_a_candidate_is_a_check_and_its_time_is_kept_to_the_microsecond() -> None:
    seen = observation()
    seen.checked(1_000)
    seen.ended(candidate(), Healthy(5), 0.25)
    assert seen.take_activity() == Activity(checks=1_001, candidates=1, processing_micros=250_000)
    assert seen.take_activity() == Activity()
    assert seen.metrics.registry.get_sample_value("liquidation_processing_seconds_sum") == 0.25


def test_what_could_not_be_written_down_is_told_with_the_next_heartbeat() -> None:
    seen = observation()
    seen.checked(3)
    taken = seen.take_activity()
    seen.checked(4)
    seen.give_back(taken)
    assert seen.take_activity().checks == 7


def test_health_follows_successes_and_failures_by_a_clock_that_nobody_sets() -> None:
    watch = Watch()
    seen = observation(watch)
    assert seen.state is InstanceState.UNHEALTHY  # never run
    seen.ran()
    assert (seen.state, seen.seconds_since_success) == (InstanceState.HEALTHY, 0.0)
    for _ in range(3):
        seen.failed()
    assert seen.state is InstanceState.UNHEALTHY
    seen.ran()
    watch.seconds += 301
    assert (seen.state, seen.seconds_since_success) == (InstanceState.UNHEALTHY, 301.0)


def test_an_operators_reset_zeroes_the_failures_once() -> None:
    seen = observation()
    reset = datetime(2026, 1, 2, tzinfo=UTC)
    seen.counted_from(None)
    seen.failed()
    seen.counted_from(reset)
    assert seen.consecutive_failures == 0
    seen.failed()
    seen.counted_from(reset)
    assert seen.consecutive_failures == 1


def test_an_instance_is_ready_when_all_its_roles_are() -> None:
    seen = observation(roles=frozenset({"leader", "worker"}))
    seen.mark_ready("worker")
    assert (seen.waiting_for, seen.stats()["ready"]) == (("leader",), False)
    seen.mark_ready("leader")
    assert (seen.waiting_for, seen.stats()["ready"]) == ((), True)
