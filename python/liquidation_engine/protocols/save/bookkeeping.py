"""What books and plans need of Save: who owns the vaults, what a position is apart from time, what a unit is worth."""

import struct
from collections.abc import Iterable, Mapping

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.adapter import Account, Clock, Plan
from liquidation_engine.protocols.save.accounts import RESERVE_SIZE, Market, Obligation, Reserve
from liquidation_engine.protocols.save.addresses import market_authority

_COUNTS, _LEGS, _DEPOSIT, _BORROW = 202, 204, 88, 112
_DECIMALS, _PRICE = 74, 211


class SaveBookkeeping:
    """Reads the accounts' bytes, and computes nothing that decides."""

    needs_loan = False
    stores_prices = True

    def authorities(self, market: str, data: bytes, reserves: Iterable[str]) -> frozenset[str]:
        """Return the market's signer."""
        return frozenset({str(market_authority(Pubkey.from_string(market), Market.decode(data).bump))})

    def material(self, position: bytes) -> bytes:
        """Return reserves with collateral tokens, and reserves with debt at index 1: what no refresh changes but by its rounding."""
        Obligation.decode(position)
        deposits, borrows = position[_COUNTS], position[_COUNTS + 1]
        behind = _LEGS + _DEPOSIT * deposits
        parts = [position[at : at + 40] for at in range(_LEGS, behind, _DEPOSIT)]
        for at in range(behind, behind + _BORROW * borrows, _BORROW):
            index, amount = (int.from_bytes(position[start : start + 16], "little") for start in (at + 32, at + 48))
            parts.append(position[at : at + 32] + struct.pack("<Q", min(amount // max(index, 1), 2**64 - 1)))
        return b"save-obligation-v1" + bytes([deposits, borrows]) + b"".join(parts)

    def mint(self, reserve: bytes) -> str:
        """Return the reserve's liquidity."""
        return str(Reserve.decode(reserve).mint)

    def on_loan(self, accounts: Mapping[str, Account], liquidator: str) -> Mapping[str, Account]:
        """Return the same: a loan brings tokens, and changes nothing of what may be liquidated."""
        return accounts

    def unit_atto_usd(self, reserve: str, accounts: Mapping[str, Account], clock: Clock, plan: Plan) -> int:
        """Return the price of the refreshed reserve."""
        after = plan.prediction.accounts_after if plan.prediction is not None else {}
        return self.stored_unit_atto_usd(after.get(reserve) or bytes(accounts[reserve].data))

    def stored_unit_atto_usd(self, reserve: bytes) -> int:
        """Return the price that the reserve's account holds."""
        if len(reserve) != RESERVE_SIZE:
            raise DecodeError(f"found {len(reserve)} bytes, expected a Save reserve of {RESERVE_SIZE}")
        price = int.from_bytes(reserve[_PRICE : _PRICE + 16], "little")
        return int(price // 10 ** reserve[_DECIMALS])
