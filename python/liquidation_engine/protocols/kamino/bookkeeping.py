"""What books and plans need of Kamino: who owns the vaults, what a position is apart from time, what a unit is worth."""

import struct
from collections.abc import Iterable, Mapping

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.adapter import Account, Clock, Plan
from liquidation_engine.protocols.kamino.accounts import RESERVE_SIZE, Market, Obligation, Reserve
from liquidation_engine.protocols.kamino.addresses import NOTHING, market_authority

_DEPOSITS = range(96, 96 + 8 * 136, 136)
_BORROWS = range(1208, 1208 + 5 * 200, 200)
_PRICE, _DECIMALS = 248, 272
_ATTO, _ONE = 10**18, 1 << 60


class KaminoBookkeeping:
    """Reads the accounts' bytes, and computes nothing that decides."""

    needs_loan = False
    stores_prices = True

    def authorities(self, market: str, data: bytes, reserves: Iterable[str]) -> frozenset[str]:
        """Return the market's signer."""
        Market.decode(data)
        return frozenset({str(market_authority(Pubkey.from_string(market)))})

    def material(self, position: bytes) -> bytes:
        """Return reserves with collateral tokens, and reserves with debt at index 1: what no refresh changes but by its rounding."""
        obligation = Obligation.decode(position)
        parts = [b"kamino-obligation-v1", bytes([obligation.elevation_group])]
        deposits = [position[at : at + 40] for at in _DEPOSITS]
        parts += [b"d" + leg for leg in deposits if Pubkey(leg[:32]) != NOTHING]
        for at in _BORROWS:
            if Pubkey(position[at : at + 32]) != NOTHING:
                index = int.from_bytes(position[at + 32 : at + 64], "little")
                amount = int.from_bytes(position[at + 88 : at + 104], "little")
                whole = min(amount // max(index, 1), 2**64 - 1)
                parts.append(b"b" + position[at : at + 32] + struct.pack("<Q", whole))
        return b"".join(parts)

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
            raise DecodeError(f"found {len(reserve)} bytes, expected a Kamino reserve of {RESERVE_SIZE}")
        price = int.from_bytes(reserve[_PRICE : _PRICE + 16], "little")
        decimals = int.from_bytes(reserve[_DECIMALS : _DECIMALS + 8], "little")
        return int(price * _ATTO // (_ONE * 10**decimals))
