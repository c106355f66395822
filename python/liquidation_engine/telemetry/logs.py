"""Structured logs on stderr: one event with a fixed message and fields beside it.

Readable on a terminal, one JSON object a line elsewhere. Standard output stays free for results.
"""

import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from liquidation_engine.errors import ConfigError

LEVELS: Final = {"trace": 10, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50}
SECRET_FIELD: Final = re.compile(
    r"secret|private_key|keypair|password|api_key|authorization|mnemonic|(^|_)token$", re.IGNORECASE
)
SECRET_IN_URL: Final = re.compile(
    r"(?<=://)[^/@\s]+(?=@)|(?<=[?&](?:key|api)=)[^&\s]+|(?<=api[-_]key=)[^&\s]+", re.IGNORECASE
)
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
        processors=[*_shared_processors(), *(_pretty(colors=out.isatty()) if readable else _json())],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),  # stderr of the moment
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module; it follows whatever `configure_logs` says, also later."""
    component = name.removeprefix("liquidation_engine.")
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(component=component))


def hide_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Hide fields whose name says that they are secret, and passwords and keys inside of URLs anywhere."""
    for name, value in event.items():
        if SECRET_FIELD.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str) and ("://" in value or "key=" in value):
            event[name] = SECRET_IN_URL.sub(HIDDEN, value)
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
    ]


def _pretty(*, colors: bool) -> list[Processor]:
    styles = structlog.dev.ConsoleRenderer.get_default_level_styles(colors)
    return [
        capital_level,
        structlog.processors.format_exc_info,
        hide_secrets,
        structlog.dev.ConsoleRenderer(
            colors=colors,
            level_styles={name.upper(): style for name, style in styles.items()},
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]


def _json() -> list[Processor]:
    return [
        capital_level,
        structlog.processors.format_exc_info,
        hide_secrets,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(sort_keys=False),
    ]


if not structlog.is_configured():  # unconfigured, structlog would print to standard output
    configure_logs()
