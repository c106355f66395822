"""Who may read. Until there are keys, only this machine may, unless reading is opened on purpose."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from liquidation_engine.telemetry.logs import UNAUTHORIZED, get_logger

log = get_logger(__name__)

ALWAYS_OPEN: Final = frozenset({"/health", "/ready", "/metrics"})
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


@dataclass(frozen=True, slots=True)
class ApiAuth:
    """What may be read without a key."""

    open_reads: bool = False

    def allows(self, request: Request) -> bool:
        """Say whether this request may be answered; a refusal is logged."""
        if self.open_reads or request.url.path in ALWAYS_OPEN or (_from_loopback(request) and _to_loopback(request)):
            return True
        client = request.client.host if request.client else "?"
        log.warning(UNAUTHORIZED, client=client, path=request.url.path)
        return False


def _from_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _to_loopback(request: Request) -> bool:
    """Say whether the client asked for this machine by its own name; a page rebound to 127.0.0.1 asks for another."""
    return (request.url.hostname or "").lower() in LOOPBACK_NAMES
