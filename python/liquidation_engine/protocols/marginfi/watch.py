"""Which accounts to ask for: margin accounts and banks of a group, and what each position depends on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Adapter
from liquidation_engine.protocols.marginfi.accounts import (
    BANK,
    BANK_SIZE,
    GROUP_ACCOUNT,
    GROUP_SIZE,
    MARGIN_ACCOUNT,
    MARGIN_ACCOUNT_SIZE,
    Bank,
    MarginAccount,
)
from liquidation_engine.protocols.marginfi.observations import Observer
from liquidation_engine.protocols.onchain import Kind

POSITION_SLICE = (0, 1808)
"""Offset and length that say everything a screen needs: group, authority, balances and flags; a fifth less to send."""

PRICE_UPDATE, PRICE_UPDATE_SIZE = bytes.fromhex("22f123639d7ef4cd"), 133
_MINT_SIZE = 82
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def kinds(group: Pubkey | None = None) -> tuple[Kind, ...]:
    """Return what selects margin accounts, banks and groups, of one group where it is named."""

    def of(kind: bytes, size: int, group_at: int | None) -> list[dict[str, Any]]:
        head: list[dict[str, Any]] = [{"dataSize": size}, {"memcmp": {"offset": 0, "bytes": _base58(kind)}}]
        if group is not None and group_at is not None:
            head.append({"memcmp": {"offset": group_at, "bytes": str(group)}})
        return head

    return (
        Kind(name="position", filters=of(MARGIN_ACCOUNT, MARGIN_ACCOUNT_SIZE, 8), data_slice=POSITION_SLICE),
        Kind(name="reserve", filters=of(BANK, BANK_SIZE, 41)),
        Kind(name="market", filters=of(GROUP_ACCOUNT, GROUP_SIZE, None)),
    )


def needed(known: Mapping[str, Account], position: str) -> list[str]:
    """Return which accounts have to be read next to answer a question about a margin account; empty when all are there.

    Last come the mints: only their owner says which token program an instruction has to name.
    """
    if position not in known:
        return [position]
    account = MarginAccount.decode(Pubkey.from_string(position), bytes(known[position].data))
    try:
        Adapter("marginfi").health(known, _Genesis(), position)
    except MissingAccounts as missing:
        return list(missing.addresses)
    mints = [str(Bank.decode(bank, bytes(known[str(bank)].data)).mint) for bank in account.banks()]
    return [mint for mint in dict.fromkeys(mints) if mint not in known]


@dataclass(frozen=True, slots=True)
class _Genesis:
    """A time at which nothing is decided: only what is missing is asked for."""

    slot: int = 0
    unix_timestamp: int = 0


def observer_of(accounts: Mapping[str, Account], version: str) -> Observer:
    """Return an observer of the banks among these accounts, of their mints' token programs and, for 0.1.1, of their prices."""
    banks, feeds, programs = {}, dict[bytes, tuple[int, Pubkey]](), {}
    for address, account in accounts.items():
        data, key = bytes(account.data), Pubkey.from_string(address)
        if len(data) >= BANK_SIZE and data[:8] == BANK:
            banks[key] = Bank.decode(key, data)
        elif data[:8] == PRICE_UPDATE and len(data) >= PRICE_UPDATE_SIZE:
            at = 41 if data[40] == 1 else 42
            published = int.from_bytes(data[at + 52 : at + 60], "little", signed=True)
            feeds[data[at : at + 32]] = max((published, key), feeds.get(data[at : at + 32], (published, key)))
        elif len(data) >= _MINT_SIZE:
            programs[key] = _owner(account)
    mints = {bank.mint for bank in banks.values()}
    return Observer(
        banks,
        version,
        {feed: key for feed, (_, key) in feeds.items()},
        {mint: program for mint, program in programs.items() if mint in mints},
    )


def _owner(account: Account) -> Pubkey:
    owner = account.owner
    return Pubkey.from_string(owner) if isinstance(owner, str) else Pubkey(bytes(owner))


def dependencies(observer: Observer, position: MarginAccount) -> frozenset[Pubkey]:
    """Return every account whose change may change a position's health: its group, its banks and their oracles."""
    read = {key for bank in position.banks() for key in (bank, *observer.oracle(bank))}
    return frozenset({position.group, *read})
