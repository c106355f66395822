"""Holds the database against the chain, to the smallest unit: the ledger, and that nothing is missing from the books."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from liquidation_auditor.database import Books, Entry
from liquidation_auditor.decode import base58
from liquidation_auditor.faults import Fault
from liquidation_auditor.fund_books import fund_faults
from liquidation_auditor.liquidation_rows import bad_debt_faults, row_faults
from liquidation_auditor.replay import NATIVE, Executed
from liquidation_auditor.witness import Chain, wallet_addresses, wallet_balances


@dataclass(slots=True)
class BooksVerdict:
    """What the books proved."""

    ledger_zero_sum: bool = True
    ledger_matches_chain: bool = True
    fund_matches_chain: bool = True
    books_complete: bool = True
    faults: list[Fault] = field(default_factory=list)


def check(books: Books, chain: Chain) -> BooksVerdict:
    """Return what is wrong with the books, fault by fault; rows of what came before the judged part are left alone."""
    books = _judged(books, chain.earlier)
    verdict = BooksVerdict()
    unbalanced = list(_unbalanced(books.ledger))
    differing = [
        *_ledger_faults(books.ledger, chain),
        *_wallet_faults(books.ledger, chain),
        *_leak_faults(chain),
    ]
    fund = list(fund_faults(books, chain))
    incomplete = [
        *_missing_faults(books, chain),
        *row_faults(books, chain),
        *bad_debt_faults(books, chain),
        *_intent_faults(books, chain),
    ]
    verdict.ledger_zero_sum = not unbalanced
    verdict.ledger_matches_chain = not differing
    verdict.fund_matches_chain = not fund
    verdict.books_complete = not incomplete
    verdict.faults = [*unbalanced, *differing, *fund, *incomplete]
    return verdict


def _judged(books: Books, earlier: frozenset[str]) -> Books:
    return replace(
        books,
        ledger=[entry for entry in books.ledger if entry.signature not in earlier],
        liquidations=[row for row in books.liquidations if row.signature not in earlier],
        intents={signature: row for signature, row in books.intents.items() if signature not in earlier},
        bad_debts=books.bad_debts and [row for row in books.bad_debts if row.signature not in earlier],
    )


def _unbalanced(ledger: list[Entry]) -> Iterable[Fault]:
    sums: Counter[tuple[str, str]] = Counter()
    for entry in ledger:
        sums[entry.signature, entry.mint] += entry.amount
    for (signature, mint), amount in sums.items():
        if amount:
            yield Fault("ledger_zero_sum", signature, [], f"its entries of {mint} sum to {amount}, expected 0")


def _ledger_faults(ledger: list[Entry], chain: Chain) -> Iterable[Fault]:
    """Every booked transaction must be the wallets' own, and every entry the account's change in it."""
    booked: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger:
        booked[entry.signature].append(entry)
    known = {executed.signature: executed for executed in [*chain.engine, *chain.others]}
    roles = _roles(chain)
    for signature, entries in booked.items():
        executed = known.get(signature)
        amounts: Counter[tuple[str, str]] = Counter()
        for entry in entries:
            amounts[entry.address, entry.mint] += entry.amount
        if executed is None:
            if any(amounts.values()):  # what was booked and taken back again is nothing
                why = "booked, but no transaction of the wallets on chain has this signature"
                yield Fault("ledger_matches_chain", signature, [], why)
            continue
        for key in sorted(amounts.keys() | executed.deltas.keys()):
            said, moved = amounts[key], executed.deltas.get(key, 0)
            if said != moved:
                why = f"booked {said} of {key[1]} for {key[0]}, the chain moved {moved}"
                yield Fault("ledger_matches_chain", signature, [executed.slot], why)
        for entry in entries:
            if (right := _account(entry.address, executed, roles)) != entry.account:
                why = f"{entry.address} is booked as {entry.account}, expected {right}"
                yield Fault("ledger_matches_chain", signature, [executed.slot], why)
            if entry.slot != executed.slot:
                why = f"booked in slot {entry.slot}, executed in slot {executed.slot}"
                yield Fault("ledger_matches_chain", signature, [executed.slot], why)


def _roles(chain: Chain) -> dict[str, str]:
    """Return what every address is in the ledger's words; who is not named is external."""
    state = chain.state
    roles = {base58(reserve.vault): "reserve_vault" for reserve in state.reserves.values()}
    roles |= {base58(fund.vault): "insurance_fund" for fund in state.funds.values()}
    return roles | dict.fromkeys(wallet_addresses(state, chain.wallets), "wallet") | {"network": "network_fees"}


def _account(address: str, executed: Executed, roles: dict[str, str]) -> str:
    return "wallet" if address in executed.purses else roles.get(address, "external")


def _wallet_faults(ledger: list[Entry], chain: Chain) -> Iterable[Fault]:
    """The wallets' booked sum must be what their balances changed by in all that is judged."""
    now = wallet_balances(chain.state, chain.wallets)
    booked: Counter[str] = Counter()
    for entry in ledger:
        if entry.account == "wallet":
            booked[entry.mint] += entry.amount
    for mint in sorted(now.keys() | booked.keys() | chain.wallet_before.keys()):
        change = now.get(mint, 0) - chain.wallet_before.get(mint, 0)
        if booked[mint] != change:
            why = f"the ledger's wallet entries sum to {booked[mint]}, the wallets' balance changed by {change}"
            yield Fault("ledger_matches_chain", mint, [], why)


def _leak_faults(chain: Chain) -> Iterable[Fault]:
    """A liquidation may cost the wallets what the program took and the network fee, and pay nobody besides."""
    mine = wallet_addresses(chain.state, chain.wallets)
    for executed in chain.engine:
        rest: Counter[str] = Counter({NATIVE: executed.fee_lamports})
        for (address, mint), amount in executed.deltas.items():
            if address in mine or address in executed.purses:
                rest[mint] += amount
        for act in executed.acts:
            if act.verb == "liquidate":
                rest[base58(act.mint)] += act.paid
                rest[base58(act.collateral_mint or b"")] -= act.received
        for mint, amount in rest.items():
            if amount < 0:
                why = f"the wallets lost {-amount} of {mint} beyond what the program and the network took"
                yield Fault("ledger_matches_chain", executed.signature, [executed.slot], why)


def _missing_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    booked = {entry.signature for entry in books.ledger}
    rows = {row.signature for row in books.liquidations}
    for executed in [*chain.engine, *chain.others]:
        if executed.signature not in booked:
            why = "a wallet signed it and it is on chain, but not in the ledger"
            yield Fault("unbooked_wallet_transaction", executed.signature, [executed.slot], why)
    for executed in chain.engine:
        if executed.positions and executed.signature not in rows:
            yield Fault(
                "books_complete", executed.signature, [executed.slot], "on chain, but without a row in liquidations"
            )


def _intent_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    on_chain = {executed.signature: executed for executed in chain.engine}
    for signature, intent in books.intents.items():
        executed, state = on_chain.get(signature), intent.state
        right = "landed" if executed and executed.succeeded else "landed_failed" if executed else "expired"
        if state == "live":
            yield Fault("books_complete", signature, [], "the intent is still live at the end")
        elif state != right:
            yield Fault("books_complete", signature, [], f"the intent is {state}, by the chain it is {right}")
        if executed and state != "live" and intent.landed_slot != executed.slot:
            why = f"intents.landed_slot is {intent.landed_slot}, by the chain {executed.slot}"
            yield Fault("books_complete", signature, [executed.slot], why)
    for signature, executed in on_chain.items():
        if executed.positions and signature not in books.intents:
            yield Fault("books_complete", signature, [executed.slot], "on chain, but no intent was written down for it")
