"""The API's shapes, bounds and errors, over fake views; its socket; and the views over a real database."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client import CollectorRegistry

from liquidation_engine.api import ApiAuth, DatabaseViews, Health, MetricsFeed, create_app, open_port, serve_api
from liquidation_engine.api.amounts import presentable
from liquidation_engine.database import Database, Funds, Identity, Instances, PositionRow, PositionsTable
from liquidation_engine.errors import AddressInUse, ConfigError, ServerError
from liquidation_engine.stream import QueueStatus
from liquidation_engine.telemetry.metrics import Metrics

SOL = "So11111111111111111111111111111111111111112"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
U64_MAX = 2**64 - 1

Row = dict[str, object]


class FakeViews:
    """Views with one of everything."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.failures: dict[str, str] = {}
        self.error: Exception | None = None
        self.liquidations: list[Row] = [liquidation(1, None, 0.06)]
        self.failed_rows: list[Row] = [{"id": 1, "position_pubkey": "Position1", "error_message": "timeout: no answer"}]
        self.instance_rows: list[Row] = [{"roles": ["worker"], "seconds_since_heartbeat": 1.0}]

    async def health(self) -> Health:
        return Health(
            failures=self.failures,
            checks=("database", "scan"),
            tracked_assets=3,
            total_positions=7,
            poll_limit=5,
            rpc={"slot": 99},
        )

    async def positions(self, limit: int, offset: int, max_health: float | None) -> list[Row]:
        self.asked.append((limit, offset, max_health))
        if self.error:
            raise self.error
        return [position()]

    async def position(self, pubkey: str) -> Row | None:
        return position() if pubkey == "Position1" else None

    async def recent_liquidations(self, limit: int) -> list[Row]:
        return self.liquidations[:limit]

    async def pending(self, limit: int) -> tuple[int, list[Row]]:
        return 12, [position()]

    async def failed(self, limit: int) -> list[Row]:
        return self.failed_rows[:limit]

    async def insurance_balance(self) -> Row:
        fund: Row = {
            "mint": SOL,
            "balance": U64_MAX,
            "utilization_ratio": 0.25,
            "total_contributions": 8,
            "total_bad_debt_covered": 2,
            "last_updated": NOW,
        }
        return {**{name: value for name, value in fund.items() if name != "mint"}, "funds": [fund]}

    async def insurance_history(self, limit: int) -> list[Row]:
        return [{"signature": "S", "mint": SOL, "amount": 5, "transaction_type": "contribution", "timestamp": NOW}]

    async def stats(self) -> Row:
        return {"successful": 4, "profit_micro_usd": 2_500_000}

    async def instances(self) -> list[Row]:
        return self.instance_rows


def position() -> Row:
    return {
        "position_pubkey": "Position1",
        "health_factor": 0.97,
        "liquidatable": True,
        "debt_micro_usd": U64_MAX,
        "legs": [{"reserve": "R", "side": "debt", "amount": 5, "tokens": 6}],
        "as_of_slot": 42,
        "updated_at": NOW,
    }


def liquidation(number: int, error: str | None, latency: float) -> Row:
    return {
        "id": number,
        "position_pubkey": "Position1",
        "repaid": 10,
        "profit": -3,
        "error_message": error,
        "created_at": NOW,
        "timestamp": NOW + timedelta(seconds=latency),
    }


@pytest.fixture
def views() -> FakeViews:
    return FakeViews()


def client_of(
    views: FakeViews,
    *,
    peer: str = "127.0.0.1",
    host: str = "localhost",
    auth: ApiAuth | None = None,
    metrics: Metrics | None = None,
    feed: MetricsFeed | None = None,
) -> httpx.AsyncClient:
    app = create_app(
        views,
        registry=metrics.registry if metrics else CollectorRegistry(),
        version="1.2.3",
        started_at=NOW,
        auth=auth,
        before_scrape=feed.refresh if feed else None,
        now=lambda: NOW + timedelta(seconds=65.5),
    )
    transport = httpx.ASGITransport(app, client=(peer, 50_000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


# ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_health_has_the_shape_that_operators_know(views: FakeViews) -> None:
    answer = await client_of(views).get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "app": {"uptimeSeconds": 65, "version": "1.2.3"},
        "trackedAssets": 3,
        "totalPositions": 7,
        "rpc": {"slot": 99},
        "liquidationTracker": {"seenTotal": 0, "pollLimit": 5},
        "checks": {"database": "ok", "scan": "ok"},
    }


async def test_one_failed_check_makes_health_fail_and_says_why(views: FakeViews) -> None:
    views.failures = {"scan": "no scan has been completed yet"}
    answer = await client_of(views).get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert answer.json()["checks"] == {"database": "ok", "scan": "no scan has been completed yet"}


@pytest.mark.parametrize(("failures", "status"), [({}, 200), ({"scan": "old"}, 200), ({"database": "gone"}, 503)])
async def test_ready_asks_only_whether_this_instance_can_answer(
    views: FakeViews, failures: dict[str, str], status: int
) -> None:
    views.failures = failures
    assert (await client_of(views).get("/ready")).status_code == status


async def test_positions_are_asked_for_within_bounds_and_amounts_have_twins(views: FakeViews) -> None:
    answer = (await client_of(views).get("/positions?limit=5&offset=10&max_health=1.1")).json()
    assert views.asked == [(5, 10, 1.1)]
    assert {name: answer[name] for name in ("count", "limit", "offset")} == {"count": 1, "limit": 5, "offset": 10}
    (row,) = answer["positions"]
    assert row["debt_micro_usd"] == U64_MAX
    assert row["debt_micro_usd_str"] == "18446744073709551615"
    assert row["legs"] == [
        {"reserve": "R", "side": "debt", "amount": 5, "amount_str": "5", "tokens": 6, "tokens_str": "6"}
    ]
    assert row["updated_at"] == "2026-01-02T03:04:05+00:00"
    assert "as_of_slot_str" not in row


async def test_one_position_is_found_by_its_address(views: FakeViews) -> None:
    assert (await client_of(views).get("/positions/Position1")).json()["health_factor"] == 0.97


@pytest.mark.parametrize(
    ("path", "name", "first"),
    [
        ("/liquidations/recent", "liquidations", {"profit": -3, "profit_str": "-3", "repaid_str": "10"}),
        ("/liquidations/failed", "failed", {"error_message": "timeout: no answer"}),
        ("/liquidations/pending", "positions", {"position_pubkey": "Position1", "health_factor": 0.97}),
        ("/insurance/history", "transactions", {"amount": 5, "amount_str": "5", "transaction_type": "contribution"}),
    ],
)
async def test_lists_are_wrapped_under_their_name(views: FakeViews, path: str, name: str, first: Row) -> None:
    answer = (await client_of(views).get(path)).json()
    assert first.items() <= answer[name][0].items()


async def test_pending_counts_more_than_it_lists(views: FakeViews) -> None:
    assert (await client_of(views).get("/liquidations/pending")).json()["pending_count"] == 12


async def test_the_sol_fund_stands_on_top_and_no_lamport_is_lost_to_a_float(views: FakeViews) -> None:
    text = (await client_of(views).get("/insurance/balance")).text
    answer = json.loads(text)
    assert answer["balance"] == answer["funds"][0]["balance"] == U64_MAX
    assert answer["balance_str"] == "18446744073709551615"
    assert '"balance":18446744073709551615,' in text.replace(" ", "")
    assert answer["utilization_ratio"] == 0.25


async def test_stats_carry_the_instances(views: FakeViews) -> None:
    answer = (await client_of(views).get("/stats")).json()
    assert answer["profit_micro_usd_str"] == "2500000"
    assert answer["instances"][0]["roles"] == ["worker"]


def test_a_number_that_json_does_not_have_becomes_null() -> None:
    assert presentable({"health_factor": float("inf"), "liquidatable": True, "profit": None}) == {
        "health_factor": None,
        "liquidatable": True,
        "profit": None,
    }


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999", "offset"),
        ("max_health=nan", "max_health"),
        ("max_health=-1", "max_health"),
    ],
)
async def test_a_parameter_out_of_bounds_is_named(views: FakeViews, query: str, field: str) -> None:
    answer = await client_of(views).get(f"/positions?{query}")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] in ("unprocessable_entity", "unprocessable_content")
    assert error["details"][0]["field"] == field
    assert field in error["message"]
    assert views.asked == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/positions/Unknown", 404, "not_found"),
        ("GET", "/nothing/here", 404, "not_found"),
        ("POST", "/positions", 405, "method_not_allowed"),
    ],
)
async def test_errors_have_one_shape(views: FakeViews, method: str, path: str, status: int, code: str) -> None:
    answer = await client_of(views).request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ServerError("the database did not answer"), 503, "did not answer"),
        (KeyError("secret inside"), 500, "the log has it"),
    ],
)
async def test_what_breaks_inside_is_an_error_in_the_same_shape(
    views: FakeViews, error: Exception, status: int, message: str
) -> None:
    views.error = error
    answer = await client_of(views).get("/positions")
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert "secret inside" not in answer.text


# ── who may read ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/positions", "/liquidations/recent", "/insurance/balance", "/docs", "/openapi.json", "/"]
)
async def test_another_machine_may_not_read(views: FakeViews, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = await client_of(views, peer="10.0.0.9").get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert "Unauthorized" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_monitoring_is_open_to_all(views: FakeViews, path: str) -> None:
    assert (await client_of(views, peer="10.0.0.9", host="engine.example").get(path)).status_code == 200


async def test_reading_can_be_opened(views: FakeViews) -> None:
    client = client_of(views, peer="10.0.0.9", host="engine.example", auth=ApiAuth(open_reads=True))
    assert (await client.get("/positions")).status_code == 200


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1:8080", 200), ("[::1]:8080", 200), ("evil.example", 401)])
async def test_a_page_whose_name_was_rebound_to_this_machine_may_not_read(
    views: FakeViews, host: str, status: int
) -> None:
    assert (await client_of(views, host=host).get("/positions")).status_code == status


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_feed_counts_each_row_of_the_books_once(views: FakeViews) -> None:
    metrics, feed = fed_metrics(views)
    client = client_of(views, metrics=metrics, feed=feed)
    await client.get("/metrics")
    views.liquidations = [liquidation(3, "program error 1", 0.5), liquidation(2, None, 0.2), *views.liquidations]
    await client.get("/metrics")
    text = (await client.get("/metrics")).text
    assert "\nliquidations_total 2.0\n" in text
    assert '\nfailed_liquidations_total{reason="timeout"} 1.0\n' in text
    assert "\nliquidation_latency_seconds_count 2.0\n" in text
    assert f'\ninsurance_fund_balance{{mint="{SOL}"}} {float(U64_MAX)!r}'.replace("e+", "e+") in text
    assert "\nliquidation_stream_lag 3.0\n" in text
    assert "\nliquidation_workers 1.0\n" in text
    assert "\npositions_monitored 7.0\n" in text
    assert "\nliquidation_wallet_lamports NaN\n" in text  # fed by nobody here, so it claims nothing


async def test_a_row_committed_late_under_a_lower_id_is_counted_too(views: FakeViews) -> None:
    metrics, feed = fed_metrics(views)
    views.liquidations = [liquidation(3, None, 0.1), liquidation(1, None, 0.1)]
    await feed.refresh()
    views.liquidations = [liquidation(number, None, 0.1) for number in (3, 2, 1)]
    await feed.refresh()
    assert metrics.registry.get_sample_value("liquidations_total") == 3


async def test_more_rows_than_one_look_are_all_counted(views: FakeViews) -> None:
    metrics, feed = fed_metrics(views)
    await feed.refresh()
    views.liquidations = [liquidation(number, None, 0.1) for number in range(1_700, 0, -1)]
    await feed.refresh()
    await feed.refresh()
    assert metrics.registry.get_sample_value("liquidations_total") == 1_700


async def test_a_dead_worker_is_not_counted(views: FakeViews) -> None:
    metrics, feed = fed_metrics(views)
    views.instance_rows = [
        {"roles": ["worker"], "seconds_since_heartbeat": 89.0},
        {"roles": ["worker"], "seconds_since_heartbeat": 91.0},
        {"roles": ["leader"], "seconds_since_heartbeat": 1.0},
    ]
    await feed.refresh()
    assert metrics.registry.get_sample_value("liquidation_workers") == 1


async def test_metrics_are_exposed_even_when_the_books_cannot_be_read(views: FakeViews) -> None:
    metrics = Metrics(CollectorRegistry())

    async def gone() -> int:
        raise ServerError("gone")

    answer = await client_of(views, metrics=metrics, feed=MetricsFeed(metrics, views, positions=gone)).get("/metrics")
    assert answer.status_code == 200
    assert "positions_monitored NaN" in answer.text


def fed_metrics(views: FakeViews) -> tuple[Metrics, MetricsFeed]:
    async def positions() -> int:
        return 7

    async def queue() -> QueueStatus:
        return QueueStatus(length=5, lag=3, pending=2, oldest_pending_seconds=1.5, dead_letters=0)

    metrics = Metrics(CollectorRegistry())
    return metrics, MetricsFeed(metrics, views, positions=positions, queue=queue)


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_docs_load_nothing_from_another_host(views: FakeViews) -> None:
    client = client_of(views)
    page = await client.get("/docs")
    assert "https://" not in page.text
    for path in ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/favicon.png"):
        assert path in page.text
        answer = await client.get(path)
        assert answer.status_code == 200
        assert len(answer.content) > 1_000
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_openapi_lists_every_path_of_the_api(views: FakeViews) -> None:
    paths = (await client_of(views).get("/openapi.json")).json()["paths"]
    assert set(paths) == {
        "/health",
        "/ready",
        "/metrics",
        "/stats",
        "/health/liquidator",
        "/positions",
        "/positions/{pubkey}",
        "/liquidations/recent",
        "/liquidations/pending",
        "/liquidations/failed",
        "/insurance/balance",
        "/insurance/history",
    }


@pytest.mark.parametrize("path", ["/", "/dashboard"])
async def test_the_dashboard_is_one_page_without_external_assets(views: FakeViews, path: str) -> None:
    page = await client_of(views).get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>Liquidation Engine</title>" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


# ── the socket ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_serves_over_a_real_socket_until_it_is_told_to_stop(views: FakeViews) -> None:
    listening = open_port("127.0.0.1", 0)
    port = listening.getsockname()[1]
    stop = asyncio.Event()
    app = create_app(views, registry=CollectorRegistry(), version="1", started_at=NOW)
    serving = asyncio.create_task(serve_api(app, "127.0.0.1", port, stop, listening=listening))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        assert (await client.get("/positions")).status_code == 200
        stop.set()
        await asyncio.wait_for(serving, 4)
    open_port("127.0.0.1", port).close()  # free again


async def test_a_taken_port_is_named_with_the_next_step(views: FakeViews) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        app = create_app(views, registry=CollectorRegistry(), version="1", started_at=NOW)
        with pytest.raises(AddressInUse, match=rf"^Address already in use: 127\.0\.0\.1:{port}; .*SERVER_PORT"):
            await serve_api(app, "127.0.0.1", port, asyncio.Event())


async def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ConfigError, match="check BIND"):
        open_port("192.0.2.1", 8080)


# ── over a real database ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(postgres_url)
    yield opened
    await opened.close()


async def test_the_views_show_what_the_database_holds(database: Database) -> None:
    await PositionsTable(database).upsert([stored("Risky", 0.9), stored("Safe", 2.0), stored("Debtless", None)])
    await Funds(database).open(SOL, "FundAddress", "FundVault", 10_000_000_000, 5)
    views = DatabaseViews(database, tracked_assets=2)
    assert [row["position_pubkey"] for row in await views.positions(10, 0, None)] == ["Risky", "Safe", "Debtless"]
    assert [row["position_pubkey"] for row in await views.positions(10, 0, 1.1)] == ["Risky"]
    assert [row["position_pubkey"] for row in await views.positions(1, 1, None)] == ["Safe"]
    assert (await views.pending(10))[0] == 1
    assert await views.position("Nobody") is None
    assert (await views.insurance_balance())["balance"] == 10_000_000_000
    assert (await views.health()).total_positions == 3


async def test_every_view_of_a_fresh_database_can_be_served(database: Database) -> None:
    app = create_app(DatabaseViews(database), registry=CollectorRegistry(), version="1", started_at=NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        for path in (await client.get("/openapi.json")).json()["paths"]:
            status = (await client.get(path.replace("{pubkey}", "Nobody"))).status_code
            assert status == {"/health": 503, "/health/liquidator": 503, "/positions/{pubkey}": 404}.get(path, 200), (
                path
            )


async def test_health_follows_the_leaders_scans(database: Database) -> None:
    views, instances = DatabaseViews(database), Instances(database)

    async def beat(name: str, roles: list[str], ran_ago: float | None) -> None:
        who = Identity(instance_id=name, roles=roles, pid=1, host="h", version="1")
        await instances.heartbeat(who, stats={}, seconds_since_success=ran_ago, consecutive_failures=0)

    await beat("worker", ["worker"], 1)
    assert "no instance with the leader role" in (await views.health()).failures["scan"]
    await beat("leader", ["leader"], None)
    assert (await views.health()).failures == {"scan": "no scan has been completed yet"}
    await beat("leader", ["leader"], 400)
    assert "expected at most 300" in (await views.health()).failures["scan"]
    await beat("leader", ["leader"], 2)
    assert (await views.health()).failures == {}


async def test_a_check_that_fails_or_hangs_makes_health_fail(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liquidation_engine.api.views.CHECK_TIMEOUT_SECONDS", 0.1)

    async def lagging() -> str | None:
        return "slot 5 is 200 behind"

    async def hanging() -> str | None:
        await asyncio.Event().wait()
        return None

    async def unreachable() -> str | None:
        raise ServerError("Redis could not answer")

    views = DatabaseViews(database, checks={"slot": lagging, "oracle": hanging, "queue": unreachable})
    failures = (await views.health()).failures
    assert failures["slot"] == "slot 5 is 200 behind"
    assert failures["oracle"].startswith("no answer within")
    assert failures["queue"] == "Redis could not answer"


async def test_health_answers_while_the_database_is_away(postgres_url: str) -> None:
    database = await Database.connect(postgres_url)
    await database.close()
    app = create_app(DatabaseViews(database), registry=CollectorRegistry(), version="1", started_at=NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")


def stored(pubkey: str, health: float | None) -> PositionRow:
    return PositionRow(
        position_pubkey=pubkey,
        owner_pubkey="Owner",
        protocol="reference",
        market="Market",
        health_factor=health,
        liquidatable=health is not None and health < 1,
        collateral_micro_usd=5_000_000,
        debt_micro_usd=4_000_000,
        legs=[{"reserve": "R", "side": "debt", "amount": 5, "tokens": 5}],
        as_of_slot=1,
    )
