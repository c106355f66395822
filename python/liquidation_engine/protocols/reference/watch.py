"""Which of the program's accounts to ask for: a size and a discriminator for each kind."""

from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine.protocols.reference.accounts import (
    InsuranceFundAccount,
    MarketAccount,
    OracleAccount,
    PositionAccount,
    ReserveAccount,
    discriminator,
)

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MARKET_OFFSET = {"Reserve": 16, "Position": 16, "InsuranceFund": 104}


def _base58(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """What selects one kind of account in `getProgramAccounts` and `programSubscribe`."""

    name: str
    size: int
    discriminator: bytes

    def rpc(self, *, market: Pubkey | None = None) -> list[dict[str, Any]]:
        """Return the filters in the RPC's JSON form; with `market` only that market's, where the kind names one."""
        filters: list[dict[str, Any]] = [
            {"dataSize": self.size},
            {"memcmp": {"offset": 0, "bytes": _base58(self.discriminator)}},
        ]
        offset = _MARKET_OFFSET.get(self.name)
        if market is not None and offset is not None:
            filters.append({"memcmp": {"offset": offset, "bytes": str(market)}})
        return filters


ACCOUNT_FILTERS: dict[str, AccountFilter] = {
    kind.NAME: AccountFilter(kind.NAME, kind.SIZE, discriminator(kind.NAME))
    for kind in (MarketAccount, ReserveAccount, OracleAccount, PositionAccount, InsuranceFundAccount)
}
