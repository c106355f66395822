"""Stage times, fault points, metrics and logs."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from liquidation_engine.errors import ConfigError
from liquidation_engine.telemetry.logs import configure_logs, get_logger
from liquidation_engine.telemetry.metrics import Metrics, exposition, reason_label
from liquidation_engine.telemetry.stages import (
    SEEN_TO_SENT,
    FaultPoints,
    Stage,
    StageLog,
    StageTimer,
    percentile,
    summarise,
)

# ── stages ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_stages_are_those_of_the_architecture_in_order() -> None:
    expected = "detect queue lease read plan simulate sign intent send confirm settle ack"
    assert " ".join(Stage) == expected


def test_percentiles_are_taken_over_the_logs_of_all_processes(tmp_path: Path) -> None:
    paths = [tmp_path / "a.stages", tmp_path / "b.stages"]
    for number, path in enumerate(paths):
        log = StageLog(path)
        for value in range(1 + 50 * number, 51 + 50 * number):
            log.write("send", float(value), "Position1")
        log.close()
    assert summarise(paths) == {"send": {"p50": 50.0, "p99": 99.0, "n": 100}}


def test_a_line_that_a_killed_process_left_unfinished_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.stages"
    path.write_text('{"stage":"send","ms":2.0,"position":"p"}\n{"stage":"se')
    assert summarise([path]) == {"send": {"p50": 2.0, "p99": 2.0, "n": 1}}


def test_lines_reach_the_file_without_closing_it(tmp_path: Path) -> None:
    log = StageLog(tmp_path / "a.stages")
    for _ in range(100):
        log.write("ack", 1.0, "p")
    assert summarise([tmp_path / "a.stages"])["ack"]["n"] >= 64
    log.close()
    assert summarise([tmp_path / "a.stages"])["ack"]["n"] == 100


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300), st.sampled_from([50, 99]))
def test_a_percentile_is_a_measured_value_that_enough_values_do_not_exceed(values: list[float], rank: int) -> None:
    found = percentile(values, rank)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= rank * len(values)
    assert sum(value < found for value in values) * 100 < rank * len(values)


def test_a_stage_is_timed_into_histogram_and_log_even_when_it_raises(tmp_path: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    timer = StageTimer(StageLog(tmp_path / "a.stages"), histogram=metrics.observe_stage)
    with timer.stage("plan", "p"):
        pass
    with pytest.raises(ValueError), timer.stage("plan", "p"):
        raise ValueError
    timer.observe(SEEN_TO_SENT, "p", 12.0)
    timer.close()
    assert value(metrics, "liquidation_stage_seconds_count", stage="plan") == 2
    assert {name: row["n"] for name, row in summarise([tmp_path / "a.stages"]).items()} == {"plan": 2, SEEN_TO_SENT: 1}


def test_an_unknown_stage_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="'shipping' is not a valid Stage"),
        StageTimer(StageLog(None)).stage("shipping", "p"),
    ):
        pass


# ── fault points ────────────────────────────────────────────────────────────────────────────────────────────────────

KILLED_AT_SEND = """
import os
from liquidation_engine.telemetry.stages import *
timer = StageTimer(StageLog(None), faults=FaultPoints.from_environment(os.environ, enabled={enabled}))
for stage in ("intent", "send", "confirm"):
    with timer.stage(stage, "p"):
        print("in", stage, flush=True)
print("end", flush=True)
"""


@pytest.mark.parametrize(
    ("spec", "printed"),
    [("send:before", "in intent"), ("send:after", "in intent\nin send")],
)
def test_the_process_kills_itself_at_the_named_point(spec: str, printed: str) -> None:
    ended = run_stages(spec, enabled=True)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.strip() == printed


def test_a_fault_point_is_ignored_unless_it_was_enabled_on_purpose() -> None:
    ended = run_stages("send:before", enabled=False)
    assert ended.returncode == 0
    assert ended.stdout.strip().endswith("end")


def test_the_nth_passing_can_be_chosen() -> None:
    killed: list[bool] = []
    points = FaultPoints(enabled=True, spec="send:after:3", kill=lambda: killed.append(True))
    for passing in range(1, 6):
        points.reach(Stage.SEND, "before")
        points.reach(Stage.SEND, "after")
        assert len(killed) == (1 if passing >= 3 else 0)


def test_a_callback_sees_every_boundary() -> None:
    seen: list[tuple[str, str]] = []
    timer = StageTimer(
        StageLog(None), faults=FaultPoints(enabled=True, on_point=lambda stage, when: seen.append((stage, when)))
    )
    with timer.stage("sign", "p"), timer.stage("intent", "p"):
        pass
    assert seen == [("sign", "before"), ("intent", "before"), ("intent", "after"), ("sign", "after")]


@pytest.mark.parametrize(
    "spec", ["send", "send:during", "shipping:before", "send:before:0", "send:after:x", "send:stop", ":"]
)
def test_a_malformed_fault_point_is_named(spec: str) -> None:
    with pytest.raises(ConfigError, match="LIQUIDATION_FAULT_AT is"):
        FaultPoints(enabled=True, spec=spec)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = [
    "liquidations_total",
    "failed_liquidations_total",
    "liquidation_latency_seconds_bucket",
    "liquidation_stage_seconds_bucket",
    "positions_monitored",
    "liquidation_stream_lag",
    "liquidation_stream_pending",
    "liquidation_stream_oldest_pending_seconds",
    "liquidation_workers",
    "liquidation_leader",
    "liquidation_overdue_positions",
    "liquidation_wallet_lamports",
    "liquidation_slot_lag",
    "insurance_fund_balance",
]


@pytest.mark.parametrize(("prefix", "before"), [("", ""), ("liquidbot_", "liquidbot_"), ("liquidbot", "liquidbot_")])
def test_every_name_is_exposed_with_the_prefix(prefix: str, before: str) -> None:
    metrics = Metrics(CollectorRegistry(), prefix=prefix)
    metrics.insurance_fund_balance.labels("So11111111111111111111111111111111111111112").set(5)
    exposed = {line.split("{")[0].split(" ")[0] for line in text(metrics).splitlines() if not line.startswith("#")}
    assert {before + name for name in NAMES} <= exposed


@pytest.mark.parametrize(
    ("message", "label"),
    [
        ("timeout: no answer from the node", "timeout"),
        ("exceeded CUs", "exceeded_cus"),
        ("program error 6004", "program_error"),
        ("Blockhash expired above 150", "blockhash_expired"),
        ("7abcPosition is odd", "other"),
        ("", "other"),
    ],
)
def test_failures_are_counted_under_a_closed_set_of_reasons(message: str, label: str) -> None:
    metrics = Metrics(CollectorRegistry())
    assert reason_label(message) == label
    metrics.failed(message)
    assert value(metrics, "failed_liquidations_total", reason=label) == 1
    assert "7abcPosition" not in text(metrics)


def test_a_landed_liquidation_counts_once_and_its_latency_lands_in_its_bucket() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.landed(0.06)
    metrics.landed(None)
    assert value(metrics, "liquidations_total") == 2
    assert value(metrics, "liquidation_latency_seconds_count") == 1
    assert value(metrics, "liquidation_latency_seconds_bucket", le="0.05") == 0
    assert value(metrics, "liquidation_latency_seconds_bucket", le="0.075") == 1


# ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def restored_logs() -> object:
    yield
    configure_logs()


@pytest.mark.usefixtures("restored_logs")
def test_a_log_line_is_one_json_object_with_its_message_and_fields() -> None:
    out = io.StringIO()
    configure_logs("info", stream=out)
    get_logger("liquidation_engine.execute.worker").error("Liquidation failed", position="p", reason="timeout")
    get_logger("x").debug("not heard")
    (line,) = out.getvalue().splitlines()
    row = json.loads(line)
    assert row.pop("timestamp").endswith("Z")
    assert row == {
        "component": "execute.worker",
        "position": "p",
        "reason": "timeout",
        "level": "ERROR",
        "message": "Liquidation failed",
    }


@pytest.mark.usefixtures("restored_logs")
@pytest.mark.parametrize(
    "field", ["private_key", "LIQUIDATOR_PRIVATE_KEY", "admin_token", "database_password", "keypair"]
)
def test_the_value_of_a_secret_field_is_never_written(field: str) -> None:
    for pretty in (True, False):
        out = io.StringIO()
        configure_logs("info", pretty=pretty, stream=out)
        get_logger("x").info("Settings read", **{field: "hunter2"})
        assert "Settings read" in out.getvalue()
        assert "hunter2" not in out.getvalue()


@pytest.mark.usefixtures("restored_logs")
@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://engine:hunter2@db:5432/books", "postgresql://***@db:5432/books"),
        ("rediss://:hunter2@cache:6379/0", "rediss://***@cache:6379/0"),
        ("https://node.example/?api-key=hunter2&x=1", "https://node.example/?api-key=***&x=1"),
    ],
)
def test_passwords_inside_of_urls_are_never_written_not_even_in_a_traceback(pretty: bool, url: str, shown: str) -> None:
    out = io.StringIO()
    configure_logs("info", pretty=pretty, stream=out)
    try:
        raise ConfigError(f"cannot reach {url}")
    except ConfigError as error:
        get_logger("x").exception(f"Not reached: {url}", error=str(error))
    assert shown in out.getvalue()
    assert "hunter2" not in out.getvalue()


@pytest.mark.usefixtures("restored_logs")
def test_a_mint_and_a_token_account_are_no_secrets() -> None:
    out = io.StringIO()
    configure_logs("info", stream=out)
    get_logger("x").info("Seen", token_account="Account1", tokens=5)
    assert json.loads(out.getvalue())["token_account"] == "Account1"
    assert json.loads(out.getvalue())["tokens"] == 5


def test_logs_go_to_standard_error_before_anything_is_configured() -> None:
    code = "from liquidation_engine.telemetry.logs import get_logger; get_logger('x').info('hello')"
    ended = run_python(code)
    assert ended.stdout == ""
    assert "hello" in ended.stderr


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(ConfigError, match="LOG_LEVEL is 'loud', expected one of trace, debug, info"):
        configure_logs("loud")


# ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def text(metrics: Metrics) -> str:
    return exposition(metrics.registry).decode()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def run_stages(spec: str, *, enabled: bool) -> subprocess.CompletedProcess[str]:
    return run_python(KILLED_AT_SEND.format(enabled=enabled), LIQUIDATION_FAULT_AT=spec)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    package = Path(__file__).parents[2] / "python"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(package), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
