"""The ids of stream entries: milliseconds of Redis's clock and a number."""

import re
from datetime import UTC, datetime
from typing import Final

from liquidation_engine.errors import ConfigError

_SHAPE: Final = re.compile(r"\d{1,15}-\d{1,19}")


def parse_id(text: str) -> str:
    """Return an id that a person has typed; raise ConfigError for any other text."""
    if not _SHAPE.fullmatch(text):
        raise ConfigError(f"{text[:64]!r} is not an entry's id, expected one such as 1700000000123-0")
    return text


def published_at(stream_id: str) -> datetime:
    """Return when the entry was written, by Redis's clock."""
    return datetime.fromtimestamp(int(stream_id.partition("-")[0]) / 1000, UTC)
