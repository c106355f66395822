"""7 · The window for people and monitoring: JSON, OpenAPI, metrics and a page that refreshes by itself.

Before it: `database`, whose history it shows. It decides nothing and writes nothing.
"""

from liquidation_engine.api.access import ApiAuth
from liquidation_engine.api.app import create_app
from liquidation_engine.api.feed import MetricsFeed
from liquidation_engine.api.liquidators import aggregate, state_of
from liquidation_engine.api.operation import create_operation_app
from liquidation_engine.api.server import open_port, serve_api
from liquidation_engine.api.views import Check, DatabaseViews, Health, Views

__all__ = [
    "ApiAuth",
    "Check",
    "DatabaseViews",
    "Health",
    "MetricsFeed",
    "Views",
    "aggregate",
    "create_app",
    "create_operation_app",
    "open_port",
    "serve_api",
    "state_of",
]
