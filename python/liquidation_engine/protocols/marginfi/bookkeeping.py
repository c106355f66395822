"""What books and plans need of marginfi: who owns the vaults, what an account is apart from time, what a unit is worth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.adapter import Account, Adapter, Clock, Plan
from liquidation_engine.protocols.marginfi.accounts import BANK, BANK_SIZE, Bank, MarginAccount, checked
from liquidation_engine.protocols.marginfi.addresses import liquidity_vault_authority

_FLAGS, _IN_LOAN = 1800, 2
_DECIMALS = 40
_ATTO = 10**18


@dataclass(frozen=True, slots=True)
class _Changed:
    owner: object
    data: bytes
    lamports: int


class MarginfiBookkeeping:
    """Reads the accounts' bytes, and computes nothing that decides."""

    needs_loan = True
    stores_prices = False

    def authorities(self, market: str, data: bytes, reserves: Iterable[str]) -> frozenset[str]:
        """Return each bank's signer."""
        return frozenset(str(liquidity_vault_authority(Pubkey.from_string(bank))) for bank in reserves)

    def material(self, position: bytes) -> bytes:
        """Return banks with shares of both sides."""
        account = MarginAccount.decode(Pubkey.default(), position)
        parts = [b"marginfi-account-v1"]
        for held in account.places:
            if held is not None:
                shares = (held.asset_shares, held.liability_shares)
                parts.append(bytes(held.bank) + b"".join(one.to_bytes(16, "little", signed=True) for one in shares))
        return b"".join(parts)

    def mint(self, reserve: bytes) -> str:
        """Return the bank's mint."""
        return str(Bank.decode(Pubkey.default(), reserve).mint)

    def on_loan(self, accounts: Mapping[str, Account], liquidator: str) -> Mapping[str, Account]:
        """Return the accounts with the mark on the liquidator's that a flash loan sets: its margin is checked when the loan ends."""
        account = accounts.get(liquidator)
        if account is None:
            return accounts
        data = bytearray(account.data)
        if len(data) <= _FLAGS:
            raise DecodeError(f"{liquidator} has {len(data)} bytes and is no margin account")
        data[_FLAGS] |= _IN_LOAN
        return {**accounts, liquidator: _Changed(account.owner, bytes(data), account.lamports)}  # type: ignore[dict-item]

    def unit_atto_usd(self, reserve: str, accounts: Mapping[str, Account], clock: Clock, plan: Plan) -> int:
        """Return the price that the account's health counts the bank at, its confidence taken off or added."""
        data = bytes(accounts[reserve].data)
        checked("bank", data, BANK, BANK_SIZE)
        terms = Adapter("marginfi").explain(accounts, clock, plan.position)
        price = next((t for t in terms if t.section in ("collateral", "debt") and t.name == f"{reserve} price"), None)
        return 0 if price is None else price.value * _ATTO // (price.scale * 10 ** data[_DECIMALS])

    def stored_unit_atto_usd(self, reserve: bytes) -> int:
        """Return nothing: a bank holds no price."""
        return 0
