"""Finds the reference program's liquidations in executed transactions, whoever sent them and through whatever program."""

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from solders.pubkey import Pubkey

from liquidation_engine.chain.executed import Call, ExecutedTransaction
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.errors import DecodeError
from liquidation_engine.model import ObservedLiquidation
from liquidation_engine.protocols.reference.accounts import PositionAccount
from liquidation_engine.protocols.reference.arguments import discriminator

LIQUIDATE = discriminator("liquidate")
LIQUIDATOR, MARKET, POSITION, DEBT_RESERVE, COLLATERAL_RESERVE = 0, 1, 2, 10, 12  # places among its accounts
_EFFECT = struct.Struct("<QQQQQQ")  # repaid, received, fee, bonus_bps, new version, debt left
PROTOCOL = "reference"


def liquidations_in(
    transaction: ExecutedTransaction, program: str, mints: Mapping[str, str]
) -> list[ObservedLiquidation]:
    """Return what it liquidated, in order; nothing if it failed. `mints` says which mint a reserve lends.

    The effects come from the logs, where the program writes 48 bytes for each; a log that was cut off leaves zeros.
    """
    if transaction.error is not None:
        return []
    calls = [call for call in transaction.calls if call.program == program and call.data[:8] == LIQUIDATE]
    effects = list(_effects(transaction.logs, program))[: len(calls)]
    return [
        _liquidation(transaction, place, call, effect or (0, 0, 0, 0), mints)
        for place, (call, effect) in enumerate(zip_longest(calls, effects))
        if call is not None
    ]


def _liquidation(
    transaction: ExecutedTransaction, place: int, call: Call, effect: Sequence[int], mints: Mapping[str, str]
) -> ObservedLiquidation:
    if len(call.accounts) <= COLLATERAL_RESERVE:
        raise DecodeError(
            f"{transaction.signature} calls liquidate with {len(call.accounts)} accounts, expected 14 or more"
        )
    repaid, seized, fee, bonus_bps = effect[:4]
    return ObservedLiquidation(
        id=f"{transaction.signature}:{place}",
        timestamp=transaction.block_time or 0,
        user=call.accounts[POSITION],
        liquidator=call.accounts[LIQUIDATOR],
        signature=transaction.signature,
        slot=transaction.slot,
        protocol=PROTOCOL,
        market=call.accounts[MARKET],
        position=call.accounts[POSITION],
        debt_mint=mints.get(call.accounts[DEBT_RESERVE]),
        collateral_mint=mints.get(call.accounts[COLLATERAL_RESERVE]),
        repaid=repaid,
        seized=seized,
        fee=fee,
        bonus_bps=bonus_bps,
    )


def _effects(logs: Sequence[str], program: str) -> Iterator[tuple[int, ...]]:
    """Yield what the program itself logged as data: lines between its own invocation and its end, at any depth."""
    running: list[str] = []
    for line in logs:
        words = line.split(" ")
        if len(words) >= 3 and words[0] == "Program" and words[2] == "invoke":
            running.append(words[1])
        elif len(words) >= 3 and words[0] == "Program" and words[2] in ("success", "failed:") and running:
            running.pop()
        elif line.startswith("Program data: ") and running and running[-1] == program:
            effect = _effect(words[2])
            if effect is not None:
                yield effect


def _effect(text: str) -> tuple[int, ...] | None:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return _EFFECT.unpack(data) if len(data) == _EFFECT.size else None


async def owners_of(rpc: RpcClient, positions: Sequence[str]) -> dict[str, str]:
    """Return position -> owner of those that still exist."""
    _, found = await rpc.accounts(list(positions))
    return {
        position: str(Pubkey(bytes(PositionAccount.decode(account.data).owner)))
        for position, account in zip(positions, found, strict=True)
        if account is not None and account.data
    }
