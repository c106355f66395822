"""Holds the insurance fund's rows against the vaults: every movement by itself, and the balance as their sum."""

from collections import Counter
from collections.abc import Iterable

from liquidation_auditor.database import Books
from liquidation_auditor.decode import base58
from liquidation_auditor.faults import Fault
from liquidation_auditor.replay import Executed
from liquidation_auditor.witness import Chain, fund_balances

INCOMING = ("contribution", "fee")


def fund_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    """Return what is wrong with the fund's balances and movements."""
    yield from _balance_faults(books, chain)
    yield from _move_faults(books, chain)


def _balance_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    read_slots = {row.mint: row.read_slot for row in books.funds}
    inside: Counter[str] = Counter()
    since: Counter[str] = Counter()
    for move in books.fund_moves:
        moved = inside if move.slot <= read_slots.get(move.mint, 0) else since
        moved[move.mint] += move.amount if move.kind in INCOMING else -move.amount
    on_chain = fund_balances(chain.state)
    vaults = {base58(fund.mint): base58(fund.vault) for fund in chain.state.funds.values()}
    for row in books.funds:
        balance = on_chain.get(row.mint, 0)
        if row.balance != balance or row.vault != vaults.get(row.mint):
            why = f"the fund row says {row.balance} in {row.vault}, the chain's vault {vaults.get(row.mint)} holds {balance}"
            yield Fault("fund_matches_chain", row.mint, [], why)
        held = chain.fund_openings.get(row.mint, 0)
        if row.opening_balance + inside[row.mint] != held:
            why = (
                f"the fund row opens with {row.opening_balance} and {inside[row.mint]} moved up to slot {row.read_slot},"
                f" where the vault held {held}"
            )
            yield Fault("fund_matches_chain", row.mint, [row.read_slot], why)
        if held + since[row.mint] != balance:
            why = (
                f"the {held} of slot {row.read_slot} and movements {since[row.mint]} do not make the vault's {balance}"
            )
            yield Fault("fund_matches_chain", row.mint, [], why)
    for mint in sorted({move.mint for move in books.fund_moves} - {row.mint for row in books.funds}):
        yield Fault("fund_matches_chain", mint, [], "the fund has movements but no row in insurance_funds")


def _move_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    """Every booked movement must be the vault's own, and every movement of the wallets' transactions booked."""
    on_chain = {found.signature: found for found in [*chain.engine, *chain.others, *chain.strangers]}
    vaults = {base58(fund.vault): base58(fund.mint) for fund in chain.state.funds.values()}
    booked: dict[str, Counter[tuple[str, str]]] = {}
    for move in books.fund_moves:
        if move.signature in chain.earlier:
            continue
        booked.setdefault(move.signature, Counter())[move.mint, move.kind] += move.amount
        executed = on_chain.get(move.signature)
        if executed is not None and move.slot != executed.slot:
            why = f"{move.kind} booked in slot {move.slot}, executed in slot {executed.slot}"
            yield Fault("fund_matches_chain", move.signature, [executed.slot], why)
    for signature in booked.keys() - on_chain.keys():
        for (mint, kind), amount in booked[signature].items():
            if amount:  # what was booked and taken back again is nothing
                why = f"{kind} of {amount} of {mint} booked, but no transaction on chain moved a fund so"
                yield Fault("fund_matches_chain", signature, [], why)
    for signature, executed in on_chain.items():
        if signature not in booked and not executed.wallets:
            continue
        said, moved = booked.get(signature, Counter()), movements(executed, vaults)
        for key in sorted(said.keys() | moved.keys()):
            if said[key] != moved[key]:
                why = f"{key[1]} of {key[0]}: booked {said[key]}, by the chain {moved[key]}"
                yield Fault("fund_matches_chain", signature, [executed.slot], why)


def movements(executed: Executed, vaults: dict[str, str]) -> Counter[tuple[str, str]]:
    """Return what a transaction moved into and out of the funds' vaults, by (mint, type).

    Fees and cover are what the program returned; what else came in is a contribution, what else went out a withdrawal.
    """
    moved: Counter[tuple[str, str]] = Counter()
    rest: Counter[str] = Counter()
    for (address, mint), amount in executed.deltas.items():
        if vaults.get(address) == mint:
            rest[mint] += amount
    for act in executed.acts:
        if act.verb == "liquidate":
            mint = base58(act.collateral_mint or b"")
            moved[mint, "fee"] += act.fee
            rest[mint] -= act.fee
        elif act.verb == "cover_bad_debt":
            moved[base58(act.mint), "cover_bad_debt"] += act.paid
            rest[base58(act.mint)] += act.paid
    for mint, amount in rest.items():
        if amount:
            moved[mint, "contribution" if amount > 0 else "withdrawal"] += abs(amount)
    return moved
