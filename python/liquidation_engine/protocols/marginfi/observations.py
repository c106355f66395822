"""The trailing accounts from which the program reads prices: for each balance its bank and what its oracle is made of.

0.1.1 wants them in the order of the balances; from 0.1.4 on the program sorts balances by bank, largest address first, and the
accounts have to follow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.marginfi import addresses
from liquidation_engine.protocols.marginfi.accounts import Bank

OLD, NEW = "0.1.1", "0.1.9"
_PYTH_PUSH, _STAKED, _FIXED = 3, 5, 8
_INTEGRATION_ALONE = frozenset({13, 14, 17})
_INTEGRATION_AND_PRICE = frozenset({6, 7, 9, 10, 11, 12, 15, 16})


@dataclass(frozen=True, slots=True)
class Observer:
    """Knows the banks of a group, and builds the trailing accounts of a program's version."""

    banks: Mapping[Pubkey, Bank]
    version: str = NEW
    prices: Mapping[bytes, Pubkey] = field(default_factory=dict)
    """Pyth's account of a feed, where it is not the one that Pyth sponsors (0.1.1 takes any)."""
    token_programs: Mapping[Pubkey, Pubkey] = field(default_factory=dict)
    """Token program of a mint, where it is known; SPL Token without."""

    def __post_init__(self) -> None:
        """Refuse a version whose order of accounts is not known."""
        if self.version not in (OLD, NEW):
            raise ConfigError(f"found marginfi version {self.version!r}, expected {OLD!r} or {NEW!r}")

    def bank(self, address: Pubkey) -> Bank:
        """Return a bank; ConfigError for one that is not known."""
        bank = self.banks.get(address)
        if bank is None:
            raise ConfigError(f"bank {address} is not known: read it before building instructions with it")
        return bank

    def token_program(self, address: Pubkey) -> Pubkey:
        """Return the program that owns a bank's mint."""
        return self.token_programs.get(self.bank(address).mint, addresses.TOKEN_PROGRAM_ID)

    def mint(self, address: Pubkey) -> list[AccountMeta]:
        """Return a bank's mint where its token program asks for it: Token-2022, before all other trailing accounts."""
        is_plain = self.token_program(address) == addresses.TOKEN_PROGRAM_ID
        return [] if is_plain else [readonly(self.bank(address).mint)]

    def oracle(self, address: Pubkey) -> tuple[Pubkey, ...]:
        """Return the accounts that a bank's price is read from, in the program's order."""
        bank = self.bank(address)
        first, second = bank.oracle_keys[0], bank.oracle_keys[1]
        if self.version == OLD and bank.oracle_setup in (_PYTH_PUSH, _STAKED):
            feed = bytes(first)
            first = self.prices.get(feed) or addresses.pyth_price(feed)
        if bank.oracle_setup == _FIXED:
            return ()
        if bank.oracle_setup in _INTEGRATION_ALONE:
            return (second,)
        if bank.oracle_setup in _INTEGRATION_AND_PRICE:
            return first, second
        if bank.oracle_setup == _STAKED:
            pool = (first, second, bank.oracle_keys[2])
            return pool if self.version == OLD else (*pool, self._on_ramp(bank))
        return (first,)

    def balances(self, banks: Iterable[Pubkey]) -> list[AccountMeta]:
        """Return bank and oracle of each of an account's balances, given in the order of its places."""
        ordered = list(banks) if self.version == OLD else sorted(banks, key=bytes, reverse=True)
        return [meta for bank in ordered for meta in self.one(bank)]

    def one(self, bank: Pubkey) -> list[AccountMeta]:
        """Return a bank and its oracle."""
        return [readonly(bank), *map(readonly, self.oracle(bank))]

    @staticmethod
    def _on_ramp(bank: Bank) -> Pubkey:
        configured = bank.oracle_keys[3]
        return addresses.on_ramp(bank.vote) if configured == Pubkey.default() else configured


def readonly(key: Pubkey) -> AccountMeta:
    """Return an account that is read."""
    return AccountMeta(key, is_signer=False, is_writable=False)


def writable(key: Pubkey) -> AccountMeta:
    """Return an account that is written."""
    return AccountMeta(key, is_signer=False, is_writable=True)


def signer(key: Pubkey, *, is_writable: bool = False) -> AccountMeta:
    """Return an account that signs."""
    return AccountMeta(key, is_signer=True, is_writable=is_writable)
