"""Structured logs on stderr: one event with a fixed message and fields beside it.

Readable on a terminal, one JSON object a line elsewhere. Standard output stays free for results.
"""

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from liquidation_engine.errors import ConfigError

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50}
SECRET_WORDS: Final = ("secret", "private_key", "keypair", "password", "token", "api_key", "authorization", "mnemonic")
HIDDEN: Final = "***"

# The phrases that operators search for.
STARTING: Final = "Starting Liquidation Engine"
DATABASE_CONNECTED: Final = "Database connected successfully"
DATABASE_FAILED: Final = "Database connection failed"
SCHEMA_READY: Final = "Database schema initialized"
MONITORING_PROGRAM: Final = "monitoring program:"
TRIGGERED: Final = "LIQUIDATION TRIGGERED"
EXECUTED: Final = "Liquidation executed successfully"
FAILED: Final = "Liquidation failed"
NOTHING_FOUND: Final = "No liquidatable positions found"
UNAUTHORIZED: Final = "Unauthorized"
KEYPAIR_UNREADABLE: Final = "Failed to read keypair file"
ADDRESS_IN_USE: Final = "Address already in use"

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Mapping[str, Any] | str | bytes | bytearray | tuple[Any, ...]]


def configure_logs(level: str = "info", *, pretty: bool | None = None, stream: TextIO | None = None) -> None:
    """Send events of `level` and above to `stream` (stderr); pretty on a terminal unless said otherwise."""
    number = LEVELS.get(level.lower())
    if number is None:
        raise ConfigError(f"LOG_LEVEL is {level!r}, expected one of {', '.join(LEVELS)}")
    out = stream or sys.stderr
    readable = out.isatty() if pretty is None else pretty
    structlog.configure(
        processors=[*_shared_processors(), *(_pretty() if readable else _json())],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),  # stderr of the moment
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module; it follows whatever `configure_logs` says, also later."""
    component = name.removeprefix("liquidation_engine.")
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(component=component))


def hide_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Replace the values of fields whose name says that they are secret."""
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = HIDDEN
    return event


def capital_level(_logger: Any, _method: str, event: Event) -> Event:
    """Write the level in capitals, as operators search for it."""
    event["level"] = str(event.get("level", "")).upper()
    return event


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]


def _pretty() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=True)]


def _json() -> list[Processor]:
    return [
        capital_level,
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(sort_keys=False),
    ]


if not structlog.is_configured():  # unconfigured, structlog would print to standard output
    configure_logs()
