"""Pages for people: the dashboard and the API's documentation. Nothing on them is fetched from another host."""

from importlib.resources import files
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse

SWAGGER: Final = Path(fastapi_offline.__file__).parent / "static"  # Swagger UI, carried by an installed package
SWAGGER_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def install_pages(app: FastAPI) -> None:
    """Add `/`, `/dashboard` and `/docs`."""
    dashboard_html = files("liquidation_engine.api").joinpath("assets", "dashboard.html").read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    @app.get("/dashboard", include_in_schema=False)
    async def dashboard() -> HTMLResponse:
        return HTMLResponse(dashboard_html)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=f"{app.title}: API",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
        )

    for name, media_type in SWAGGER_FILES.items():
        _serve_file(app, f"/docs/{name}", SWAGGER / name, media_type)


def _serve_file(app: FastAPI, url: str, path: Path, media_type: str) -> None:
    @app.get(url, include_in_schema=False, name=path.name)
    async def file() -> FileResponse:
        return FileResponse(path, media_type=media_type)
