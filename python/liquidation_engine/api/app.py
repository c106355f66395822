"""The application: paths, their bounds, and the shape of each answer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from liquidation_engine.api.access import ApiAuth
from liquidation_engine.api.amounts import presentable
from liquidation_engine.api.errors import install_error_handlers
from liquidation_engine.api.liquidators import aggregate
from liquidation_engine.api.operation import install_guard, install_operation
from liquidation_engine.api.pages import install_pages
from liquidation_engine.api.views import Views
from liquidation_engine.telemetry.metrics import Registry

MOST_ROWS: Final = 1_000
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="how many at most")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="how many to skip")]
MaxHealth = Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="only below this health factor")]


def create_app(
    views: Views,
    *,
    registry: Registry,
    version: str,
    started_at: datetime,
    instance_id: str = "",
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
    install_guard(app, auth or ApiAuth())

    async def ready() -> str | None:
        return (await views.health()).failures.get("database")

    install_operation(
        app, views.health, ready, registry, before_scrape, version, lambda: (now() - started_at).total_seconds()
    )
    _install_totals(app, views, instance_id)
    _install_positions(app, views)
    _install_liquidations(app, views)
    _install_insurance(app, views)
    install_pages(app)
    return app


def _install_totals(app: FastAPI, views: Views, instance_id: str) -> None:
    @app.get("/stats", tags=["operation"], summary="Totals of the last 24 hours, and the instances")
    async def stats() -> JSONResponse:
        return _json({**await views.stats(), "instances": await views.instances()})

    @app.get("/health/liquidator", tags=["operation"], summary="All instances as one; 503 when nobody does the work")
    async def liquidators() -> JSONResponse:
        answer, works = aggregate(await views.instances(), instance_id)
        return JSONResponse(answer, 200 if works else 503)


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
