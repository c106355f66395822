"""A protocol's screen kept in step with a book: whom a change of accounts or time may have made liquidatable, out of thousands."""

from collections.abc import Mapping

import structlog

from liquidation_engine import _core, protocols
from liquidation_engine.errors import DecodeError, LiquidationEngineError

log = structlog.get_logger(__name__)

Given = tuple[bytes, bytes, int, bytes]
"""An account's address, owner, lamports and data."""


class Screening:
    """Follows a book that has decided what is news: every state is told at the book's own slot, which never goes back."""

    def __init__(self, screen: _core.Screen) -> None:
        self._screen = screen
        self.refused: set[str] = (
            set()
        )  # what the screen cannot read or does not take: whoever hangs on one is to be judged

    def take(self, account: Given, slot: int) -> bool:
        """Let the screen see an account, one without data is closed; return whether it concerns the market."""
        address, owner, lamports, data = account
        self.refused.discard(name := _core.to_base58(address))
        try:
            return self._screen.apply(address, owner, slot, data, lamports)
        except DecodeError as error:
            self.refused.add(name)
            log.debug("Account not screened", address=name, error=str(error))
            return False

    def complete(self, known: Mapping[str, Given], slot: int) -> None:
        """Let the screen see what it has found that it wants, an oracle that came before its reserve, as far as it is known."""
        asked: set[bytes] = set()
        while named := set(self._screen.wanted()) - asked:
            asked |= named
            for name in map(_core.to_base58, named):
                if name in known and not self.take(known[name], slot):
                    self.refused.add(name)  # a reserve of another market

    def suspects(self, clock: tuple[int, int]) -> list[str] | None:
        """Return whoever may be liquidatable then; None where the screen cannot tell."""
        try:
            return [_core.to_base58(address) for address in self._screen.suspects(*clock)]
        except LiquidationEngineError as error:
            log.error("Screen failed, positions are judged one by one", error=str(error))
            return None


def screening(protocol: str, market: str) -> Screening | None:
    """Return an empty market's; None for a protocol without a screen."""
    try:
        return Screening(protocols.get(protocol).screen(market))
    except _core.ArgumentError:
        return None
