"""The application: paths, their bounds, and the shape of each answer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from liquidation_engine.api.access import ApiAuth
from liquidation_engine.api.amounts import presentable
from liquidation_engine.api.errors import error_response, install_error_handlers
from liquidation_engine.api.pages import install_pages
from liquidation_engine.api.views import Health, Views
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.telemetry.logs import get_logger
from liquidation_engine.telemetry.metrics import CONTENT_TYPE, Registry, exposition

log = get_logger(__name__)

MOST_ROWS: Final = 1_000
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="how many at most")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="how many to skip")]
MaxHealth = Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="only below this health factor")]

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(
    views: Views,
    *,
    registry: Registry,
    version: str,
    started_at: datetime,
    auth: ApiAuth | None = None,
    before_scrape: Callable[[], Awaitable[None]] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the application. `before_scrape` (`MetricsFeed.refresh`) brings the metrics up to date."""
    app = FastAPI(
        title="Liquidation Engine",
        version=version,
        description="Positions at risk, liquidations and the insurance fund. Amounts are smallest units.",
        docs_url=None,
        redoc_url=None,
    )
    install_error_handlers(app)
    _install_guard(app, auth or ApiAuth())
    _install_operation(app, views, registry, before_scrape, version, lambda: (now() - started_at).total_seconds())
    _install_positions(app, views)
    _install_liquidations(app, views)
    _install_insurance(app, views)
    install_pages(app)
    return app


def _install_guard(app: FastAPI, auth: ApiAuth) -> None:
    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        if auth.allows(request):
            response = await answer(request)
        else:
            response = error_response(
                HTTPStatus.UNAUTHORIZED, "Unauthorized: reading is open on loopback only unless it is configured"
            )
        response.headers.update(SECURITY_HEADERS)
        return response


def _install_operation(
    app: FastAPI,
    views: Views,
    registry: Registry,
    before_scrape: Callable[[], Awaitable[None]] | None,
    version: str,
    uptime_seconds: Callable[[], float],
) -> None:
    @app.get("/health", tags=["operation"], summary="Whether the engine does its work; 503 when it does not")
    async def health() -> JSONResponse:
        found = await views.health()
        app_facts = {"uptimeSeconds": max(0, int(uptime_seconds())), "version": version}
        return JSONResponse(_health(found, app_facts), 503 if found.failures else 200)

    @app.get("/ready", tags=["operation"], summary="Whether this instance can answer; 503 when it cannot")
    async def ready() -> JSONResponse:
        failures = (await views.health()).failures
        if "database" in failures:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, failures["database"])
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", tags=["operation"], summary="Metrics for Prometheus")
    async def metrics() -> Response:
        if before_scrape is not None:
            try:
                await before_scrape()
            except LiquidationEngineError as error:  # the other figures are still worth having
                log.warning("Metrics not brought up to date", error=str(error))
        return Response(exposition(registry), media_type=CONTENT_TYPE)

    @app.get("/stats", tags=["operation"], summary="Totals of the last 24 hours, and the instances")
    async def stats() -> JSONResponse:
        return _json({**await views.stats(), "instances": await views.instances()})


def _install_positions(app: FastAPI, views: Views) -> None:
    @app.get("/positions", tags=["positions"], summary="Positions, the least healthy first")
    async def positions(limit: Limit = 100, offset: Offset = 0, max_health: MaxHealth = None) -> JSONResponse:
        rows = await views.positions(limit, offset, max_health)
        return _json({"positions": rows, "count": len(rows), "limit": limit, "offset": offset})

    @app.get("/positions/{pubkey}", tags=["positions"], summary="One position")
    async def position(pubkey: str) -> JSONResponse:
        row = await views.position(pubkey)
        if row is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no position {pubkey[:64]!r} is known")
        return _json(row)


def _install_liquidations(app: FastAPI, views: Views) -> None:
    @app.get("/liquidations/recent", tags=["liquidations"], summary="Liquidations sent, the newest first")
    async def recent(limit: Limit = 50) -> JSONResponse:
        rows = await views.recent_liquidations(limit)
        return _json({"liquidations": rows, "count": len(rows)})

    @app.get("/liquidations/pending", tags=["liquidations"], summary="Positions at risk or being liquidated")
    async def pending(limit: Limit = 100) -> JSONResponse:
        count, rows = await views.pending(limit)
        return _json({"pending_count": count, "positions": rows})

    @app.get("/liquidations/failed", tags=["liquidations"], summary="Every other ending, the newest first")
    async def failed(limit: Limit = 50) -> JSONResponse:
        return _json({"failed": await views.failed(limit)})


def _install_insurance(app: FastAPI, views: Views) -> None:
    @app.get("/insurance/balance", tags=["insurance"], summary="The SOL fund on top, all funds below")
    async def balance() -> JSONResponse:
        return _json(await views.insurance_balance())

    @app.get("/insurance/history", tags=["insurance"], summary="Movements of all funds, the newest first")
    async def history(limit: Limit = 100) -> JSONResponse:
        rows = await views.insurance_history(limit)
        return _json({"transactions": rows, "count": len(rows)})


def _json(value: object) -> JSONResponse:
    return JSONResponse(presentable(value))


def _health(found: Health, app_facts: dict[str, object]) -> dict[str, object]:
    """Return the answer of /health; the names of the first level are those that operators know."""
    return {
        "status": "failing" if found.failures else "ok",
        "app": app_facts,
        "trackedAssets": found.tracked_assets,
        "totalPositions": found.total_positions,
        "rpc": dict(found.rpc),
        "liquidationTracker": {"seenTotal": found.seen_total, "pollLimit": found.poll_limit},
        "checks": {name: found.failures.get(name, "ok") for name in found.checks},
    }
