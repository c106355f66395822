"""What the chain says of one executed transaction."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBalance:
    """One token account before and after; an account that did not exist counts as 0."""

    address: str
    mint: str
    owner: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """An executed transaction, landed or landed failed, as getTransaction returns it."""

    signature: str
    slot: int
    error: object | None  # the TransactionError's JSON
    fee_lamports: int
    compute_units: int | None
    addresses: tuple[str, ...]  # all accounts, in message order; the first pays the fee
    lamports_before: tuple[int, ...]
    lamports_after: tuple[int, ...]
    token_balances: tuple[TokenBalance, ...]
    logs: tuple[str, ...]
