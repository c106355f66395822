"""Turns what the chain says of a transaction into the books of its intent. Pure.

Every figure comes from the landed transaction's balances before and after, none from the plan; only the split of bad debt and the prices
for display need more: the program's return data and the prices that the plan was made at.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from liquidation_engine.model import (
    NATIVE,
    ChainRoles,
    FundEntry,
    LedgerEntry,
    Plan,
    Settlement,
    TokenBalance,
    TransactionRecord,
)
from liquidation_engine.model.settlement import BadDebtEntry, FundEntryType, LedgerAccount

ATTO_PER_MICRO = 10**12
LAMPORTS_PER_SOL = 10**9


def ledger_of(record: TransactionRecord, roles: ChainRoles) -> tuple[LedgerEntry, ...]:
    """Return the entries of one transaction, which sum to zero per mint.

    Lamports inside token accounts of wrapped SOL are booked under that mint, as tokens; `native` is everything else. The network fee is
    what the payer lost that nobody gained. Tokens that were minted or burned are the change of the mint's own supply.
    """
    entries = [
        LedgerEntry(account=roles.of(b), address=b.address, mint=b.mint, amount=b.after - b.before)
        for b in record.token_balances
        if b.after != b.before
    ]
    entries += _supply_changes(record, entries)
    token_accounts = {balance.address for balance in record.token_balances}
    if record.fee_lamports:
        payer = record.addresses[0]
        entries.append(LedgerEntry(account="network_fees", address="network", mint=NATIVE, amount=record.fee_lamports))
        if payer in token_accounts:
            raise ValueError(f"the fee payer {payer} is a token account")
    for address, before, after in zip(record.addresses, record.lamports_before, record.lamports_after, strict=True):
        if after != before and address not in token_accounts:
            account: LedgerAccount = "wallet" if address == roles.wallet else "external"
            entries.append(LedgerEntry(account=account, address=address, mint=NATIVE, amount=after - before))
    return tuple(entries)


def _supply_changes(record: TransactionRecord, entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return the other side of what a program minted or burned: such a transaction names the mint."""
    sums = Counter[str]()
    for entry in entries:
        sums[entry.mint] += entry.amount
    return [
        LedgerEntry(account="external", address=mint, mint=mint, amount=-total)
        for mint, total in sums.items()
        if total and mint in record.addresses
    ]


def settle_landed(
    record: TransactionRecord,
    plan: Plan,
    roles: ChainRoles,
    *,
    written_off: Mapping[str, int],
    is_full: bool,
    confirmed_at: datetime,
    covered: Mapping[str, int] | None = None,
) -> Settlement:
    """Return the books of a landed intent.

    `written_off` is debt mint -> tokens and `is_full` whether the debt leg is gone, both as the program says. `covered` is debt mint ->
    tokens that the fund paid; without it a fund that took a fee and paid in one transaction shows their difference only. Values are at
    the plan's prices, so that whoever settles writes the same.
    """
    ledger = ledger_of(record, roles)
    repaid = -_net(ledger, "wallet", plan.debt_mint) if plan.kind == "liquidate" else 0
    seized = _net(ledger, "wallet", plan.collateral_mint) if plan.collateral_mint else 0
    fund = tuple(_fund_entries(record, roles, plan, covered or {}))
    paid = {e.mint: e.amount for e in fund if e.transaction_type == "cover_bad_debt"}
    repaid_usd = repaid * plan.debt_unit_atto_usd // ATTO_PER_MICRO
    seized_usd = seized * plan.collateral_unit_atto_usd // ATTO_PER_MICRO
    return Settlement(
        slot=record.slot,
        ledger=ledger,
        fund=fund,
        repaid=repaid,
        seized=seized,
        protocol_fee=sum(e.amount for e in fund if e.transaction_type == "fee" and e.mint == plan.collateral_mint),
        bad_debt=written_off.get(plan.debt_mint, 0),
        bad_debt_covered=paid.get(plan.debt_mint, 0),
        bad_debts=tuple(
            BadDebtEntry(mint=mint, written_off=written_off.get(mint, 0), covered=paid.get(mint, 0))
            for mint in sorted(written_off.keys() | paid.keys())
        ),
        repaid_micro_usd=repaid_usd,
        seized_micro_usd=seized_usd,
        profit_micro_usd=seized_usd - repaid_usd - _fee_usd(record, plan),
        fee_lamports=record.fee_lamports,
        health_factor_after=plan.health_factor_after,
        is_full_liquidation=is_full,
        error_message=None,
        confirmed_at=confirmed_at,
    )


def settle_landed_failed(
    record: TransactionRecord, plan: Plan, roles: ChainRoles, reason: str, *, at: datetime
) -> Settlement:
    """Return the books of an intent that the chain executed and failed: its fee."""
    return Settlement(
        slot=record.slot,
        ledger=ledger_of(record, roles),
        profit_micro_usd=-_fee_usd(record, plan),
        fee_lamports=record.fee_lamports,
        error_message=reason,
        confirmed_at=at,
    )


def settle_expired(slot: int, reason: str) -> Settlement:
    """Return the books of an intent that never landed: nothing moved."""
    return Settlement(slot=slot, error_message=reason)


def _fee_usd(record: TransactionRecord, plan: Plan) -> int:
    return record.fee_lamports * plan.sol_price_micro_usd // LAMPORTS_PER_SOL


def _net(ledger: tuple[LedgerEntry, ...], account: LedgerAccount, mint: str) -> int:
    return sum(entry.amount for entry in ledger if entry.account == account and entry.mint == mint)


def _fund_entries(
    record: TransactionRecord, roles: ChainRoles, plan: Plan, covered: Mapping[str, int]
) -> Iterable[FundEntry]:
    held: dict[str, list[TokenBalance]] = {}
    for balance in record.token_balances:
        if roles.of(balance) == "insurance_fund":
            held.setdefault(balance.mint, []).append(balance)
    for mint, vaults in held.items():
        for kind, amount in _fund_moves(sum(v.after - v.before for v in vaults), covered.get(mint, 0)):
            yield FundEntry(
                mint=mint,
                amount=amount,
                transaction_type=kind,
                market=plan.market,
                position=plan.position,
                address=vaults[0].owner,
                vault=vaults[0].address,
                held_before=sum(v.before for v in vaults),
            )


def _fund_moves(change: int, covered: int) -> list[tuple[FundEntryType, int]]:
    """Split a fund's change into the fee it took and what it paid; a `covered` that the balances contradict is left out."""
    paid = covered if change + covered >= 0 else max(-change, 0)
    fee = change + paid
    moves: list[tuple[FundEntryType, int]] = [("fee", fee), ("cover_bad_debt", paid)]
    return [(kind, amount) for kind, amount in moves if amount]
