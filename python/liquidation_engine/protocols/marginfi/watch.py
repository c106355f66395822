"""Which accounts to ask for: margin accounts and banks of a group, and what each position depends on."""

from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine.protocols.marginfi.accounts import (
    BANK,
    BANK_SIZE,
    MARGIN_ACCOUNT,
    MARGIN_ACCOUNT_SIZE,
    MarginAccount,
)
from liquidation_engine.protocols.marginfi.addresses import GROUP
from liquidation_engine.protocols.marginfi.observations import Observer

POSITION_SLICE = (0, 1808)
"""Offset and length that say everything a screen needs: group, authority, balances and flags; a fifth less to send."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def _filters(kind: bytes, size: int, group_at: int, group: Pubkey) -> list[dict[str, Any]]:
    return [
        {"dataSize": size},
        {"memcmp": {"offset": 0, "bytes": _base58(kind)}},
        {"memcmp": {"offset": group_at, "bytes": str(group)}},
    ]


def positions(group: Pubkey = GROUP) -> list[dict[str, Any]]:
    """Return the filters of a group's margin accounts for `getProgramAccounts` and `programSubscribe`."""
    return _filters(MARGIN_ACCOUNT, MARGIN_ACCOUNT_SIZE, 8, group)


def banks(group: Pubkey = GROUP) -> list[dict[str, Any]]:
    """Return the filters of a group's banks."""
    return _filters(BANK, BANK_SIZE, 41, group)


def dependencies(observer: Observer, position: MarginAccount) -> frozenset[Pubkey]:
    """Return every account whose change may change a position's health: its group, its banks and their oracles."""
    read = {key for bank in position.banks() for key in (bank, *observer.oracle(bank))}
    return frozenset({position.group, *read})
