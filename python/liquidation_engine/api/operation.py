"""The three paths that every instance serves, whatever its roles: /health, /ready, /metrics."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from liquidation_engine.api.access import ApiAuth
from liquidation_engine.api.errors import error_response, install_error_handlers
from liquidation_engine.api.views import Health
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.telemetry.logs import get_logger
from liquidation_engine.telemetry.metrics import CONTENT_TYPE, Registry, exposition

log = get_logger(__name__)

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

AskHealth = Callable[[], Awaitable[Health]]
AskReady = Callable[[], Awaitable[str | None]]
"""Returns why the instance cannot answer, or None."""


def create_operation_app(
    health: AskHealth,
    ready: AskReady,
    *,
    registry: Registry,
    version: str,
    started_at: datetime,
    before_scrape: Callable[[], Awaitable[None]] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the application of an instance without the API: three paths and nothing else."""
    app = FastAPI(title="Liquidation Engine", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app)
    install_guard(app, ApiAuth())
    install_operation(
        app, health, ready, registry, before_scrape, version, lambda: (now() - started_at).total_seconds()
    )
    return app


def install_guard(app: FastAPI, auth: ApiAuth) -> None:
    """Let only those in that may read, and send the headers that browsers obey."""

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


def install_operation(
    app: FastAPI,
    ask_health: AskHealth,
    ask_ready: AskReady,
    registry: Registry,
    before_scrape: Callable[[], Awaitable[None]] | None,
    version: str,
    uptime_seconds: Callable[[], float],
) -> None:
    """Add the three paths."""

    @app.get("/health", tags=["operation"], summary="Whether the engine does its work; 503 when it does not")
    async def health() -> JSONResponse:
        found = await ask_health()
        app_facts = {"uptimeSeconds": max(0, int(uptime_seconds())), "version": version}
        return JSONResponse(_health(found, app_facts), 503 if found.failures else 200)

    @app.get("/ready", tags=["operation"], summary="Whether this instance can answer; 503 when it cannot")
    async def ready() -> JSONResponse:
        missing = await ask_ready()
        if missing is not None:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, missing)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", tags=["operation"], summary="Metrics for Prometheus")
    async def metrics() -> Response:
        if before_scrape is not None:
            try:
                await before_scrape()
            except LiquidationEngineError as error:  # the other figures are still worth having
                log.warning("Metrics not brought up to date", error=str(error))
        return Response(exposition(registry), media_type=CONTENT_TYPE)


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
