"""A classic liquidation as one transaction that needs no margin of its own.

Inside a flash loan the liquidator's margin is not checked: take the position's collateral and debt, withdraw the collateral,
swap it, pay the debt back, and the account is as empty as before when the loan ends. The loan is free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.marginfi.accounts import MarginAccount
from liquidation_engine.protocols.marginfi.instructions import (
    accrue_interest,
    end_flashloan,
    liquidate,
    repay,
    start_flashloan,
    withdraw,
)
from liquidation_engine.protocols.marginfi.observations import Observer

COMPUTE_UNITS = 600_000
"""More than what the five instructions took with two balances a side; each further balance adds about 25,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """One liquidation: whose collateral against whose debt, and where the tokens go."""

    liquidator: MarginAccount
    position: MarginAccount
    asset: Pubkey
    debt: Pubkey
    amount: int
    """Smallest units of the collateral."""
    repaid: int
    """Debt that the liquidator takes on, floored: `Prediction.repaid`."""
    asset_tokens: Pubkey
    debt_tokens: Pubkey

    def refreshes(self, observer: Observer) -> list[Instruction]:
        """Return accruals of the position's other banks: the liquidation brings only its own two to now."""
        others = [bank for bank in self.position.banks() if bank not in (self.asset, self.debt)]
        return [accrue_interest(observer.bank(bank)) for bank in others]

    def instructions(
        self, observer: Observer, *, before: Sequence[Instruction] = (), swap: Sequence[Instruction] = ()
    ) -> list[Instruction]:
        """Return the transaction: `before` (compute budget), the loan with the liquidation inside, the `swap` before repaying."""
        end = len(before) + 4 + len(swap)
        opened = [bank for bank in (self.asset, self.debt) if self.liquidator.balance(bank) is None]
        left = tuple(bank for bank in self.liquidator.banks() if bank not in opened)
        return [
            *before,
            start_flashloan(self.liquidator, end),
            liquidate(observer, self.liquidator, self.position, self.asset, self.debt, self.amount),
            self._withdraw(observer, everything=self.asset in opened),
            *swap,
            self._repay(everything=self.debt in opened),
            end_flashloan(observer, self.liquidator, left),
        ]

    def _withdraw(self, observer: Observer, *, everything: bool) -> Instruction:
        amount = 0 if everything else self.amount
        return withdraw(observer, self.liquidator, self.asset, self.asset_tokens, amount, everything=everything)

    def _repay(self, *, everything: bool) -> Instruction:
        amount = 0 if everything else self.repaid
        return repay(self.liquidator, self.debt, self.debt_tokens, amount, everything=everything)
