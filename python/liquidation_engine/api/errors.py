"""Every error as `{"error": {"code", "message", "details"}}`."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)


def error_response(
    status: int, message: str, details: object = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error; its code is the status in words."""
    code = HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    body = {"error": {"code": code, "message": message, "details": details}}
    return JSONResponse(body, status, headers=dict(headers or {}))


def install_error_handlers(app: FastAPI) -> None:
    """Let every way to fail end in the one shape."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        message = (
            error.detail
            if error.status_code != HTTPStatus.NOT_FOUND or error.detail != "Not Found"
            else (f"nothing at {request.url.path}; the paths are listed at /docs")
        )
        return error_response(error.status_code, str(message), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        details = [
            {
                "field": ".".join(str(part) for part in found["loc"][1:]),
                "message": found["msg"],
                "got": found.get("input"),
            }
            for found in error.errors()
        ]
        message = "; ".join(f"{detail['field']}: {detail['message']}" for detail in details)
        return error_response(HTTPStatus.UNPROCESSABLE_ENTITY, message, details)

    @app.exception_handler(LiquidationEngineError)
    async def unavailable(request: Request, error: LiquidationEngineError) -> JSONResponse:
        log.error("Request not answered", path=request.url.path, error=str(error))
        return error_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("Request failed", path=request.url.path, exc_info=error)
        return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected error; the log has it")
