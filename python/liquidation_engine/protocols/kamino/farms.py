"""Farms: rewards on collateral and debt. The first form wants them refreshed before and after it, the second takes them along."""

from collections.abc import Iterator

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.kamino.accounts import Obligation
from liquidation_engine.protocols.kamino.addresses import (
    FARMS_PROGRAM_ID,
    PROGRAM_ID,
    RENT_SYSVAR,
    SYSTEM_PROGRAM_ID,
    farm_user_state,
    market_authority,
)
from liquidation_engine.protocols.kamino.instructions import Leg, optional, readonly, signer, writable

REFRESH_FARMS = bytes.fromhex("8c90fd150a4af803")
COLLATERAL, DEBT = 0, 1


def refreshes(
    crank: Pubkey, position: Pubkey, obligation: Obligation, *, collateral: Leg, debt: Leg
) -> list[Instruction]:
    """Return the refreshes of the two legs' farms, collateral first; none where there is no farm."""
    named = ((collateral, collateral.reserve.collateral_farm, COLLATERAL), (debt, debt.reserve.debt_farm, DEBT))
    return [
        _refresh(crank, position, obligation, leg.address, farm, side) for leg, farm, side in named if farm is not None
    ]


def taken_along(position: Pubkey, *, collateral: Leg, debt: Leg) -> list[AccountMeta]:
    """Return the farms' accounts of the second form: user state and farm of the collateral, of the debt, and the farms' program."""
    metas = [*_pair(position, collateral.reserve.collateral_farm), *_pair(position, debt.reserve.debt_farm)]
    return [*metas, *readonly(FARMS_PROGRAM_ID)]


def _pair(position: Pubkey, farm: Pubkey | None) -> Iterator[AccountMeta]:
    yield from optional(None if farm is None else farm_user_state(farm, position), written=True)
    yield from optional(farm, written=True)


def _refresh(
    crank: Pubkey, position: Pubkey, obligation: Obligation, reserve: Pubkey, farm: Pubkey, side: int
) -> Instruction:
    metas = [signer(crank), *readonly(position, market_authority(obligation.market), reserve)]
    metas += [*writable(farm, farm_user_state(farm, position)), *readonly(obligation.market)]
    metas += readonly(FARMS_PROGRAM_ID, RENT_SYSVAR, SYSTEM_PROGRAM_ID)
    return Instruction(PROGRAM_ID, REFRESH_FARMS + bytes([side]), metas)
