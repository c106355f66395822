"""Holds the database against the chain: ledger, liquidations, intents, insurance fund, to the smallest unit."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from liquidation_auditor.database import Books, Entry, LiquidationRow
from liquidation_auditor.decode import base58
from liquidation_auditor.faults import Fault
from liquidation_auditor.replay import NATIVE, Executed
from liquidation_auditor.state import ChainState

Balances = dict[str, int]


def wallet_balances(state: ChainState, wallets: Iterable[bytes]) -> Balances:
    """Return what the wallets hold: the tokens in all their accounts, per mint, and their own lamports (`native`)."""
    mine = frozenset(wallets)
    held: Counter[str] = Counter({NATIVE: sum(state.lamports(wallet) for wallet in mine)})
    for account in state.tokens.values():
        if account.authority in mine:
            held[base58(account.mint)] += account.amount
    return dict(held)


def fund_balances(state: ChainState) -> Balances:
    """Return what the vault of every insurance fund of the market holds, per mint."""
    return {base58(fund.mint): state.balance(fund.vault) for fund in state.funds.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What the books are held against.

    `engine` are the wallets' transactions that liquidate, write off or cover, in order, `others` their remaining ones;
    `fund_openings` are the vaults' balances at the slots which the fund rows name.
    """

    state: ChainState
    wallets: frozenset[bytes]
    engine: list[Executed]
    others: list[Executed]
    wallet_before: Balances
    fund_openings: Mapping[str, int]


@dataclass(slots=True)
class BooksVerdict:
    """What the books proved."""

    ledger_zero_sum: bool = True
    ledger_matches_chain: bool = True
    fund_matches_chain: bool = True
    books_complete: bool = True
    faults: list[Fault] = field(default_factory=list)


def check(books: Books, chain: Chain) -> BooksVerdict:
    """Return what is wrong with the books, fault by fault."""
    verdict = BooksVerdict()
    unbalanced = list(_unbalanced(books.ledger))
    differing = [*_ledger_faults(books.ledger, chain), *_wallet_faults(books.ledger, chain)]
    fund = [*_fund_faults(books, chain), *_fund_move_faults(books, chain)]
    incomplete = [*_missing_faults(books, chain), *_row_faults(books, chain), *_intent_faults(books, chain)]
    verdict.ledger_zero_sum = not unbalanced
    verdict.ledger_matches_chain = not differing
    verdict.fund_matches_chain = not fund
    verdict.books_complete = not incomplete
    verdict.faults = [*unbalanced, *differing, *fund, *incomplete]
    return verdict


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
    for signature, entries in booked.items():
        executed = known.get(signature)
        if executed is None:
            yield Fault(
                "ledger_matches_chain",
                signature,
                [],
                "booked, but no transaction of the wallets on chain has this signature",
            )
            continue
        amounts = {(entry.address, entry.mint): entry.amount for entry in entries if entry.amount}
        for key in sorted(amounts.keys() | executed.deltas.keys()):
            said, moved = amounts.get(key, 0), executed.deltas.get(key, 0)
            if said != moved:
                why = f"booked {said} of {key[1]} for {key[0]}, the chain moved {moved}"
                yield Fault("ledger_matches_chain", signature, [executed.slot], why)
        for entry in entries:
            if (right := _account(entry.address, chain)) != entry.account and right != "external":
                why = f"{entry.address} is booked as {entry.account}, expected {right}"
                yield Fault("ledger_matches_chain", signature, [executed.slot], why)


def _account(address: str, chain: Chain) -> str:
    state = chain.state
    if address == "network":
        return "network_fees"
    wallets = {base58(wallet) for wallet in chain.wallets}
    wallets |= {base58(key) for key, held in state.tokens.items() if held.authority in chain.wallets}
    if address in wallets:
        return "wallet"
    if address in {base58(reserve.vault) for reserve in state.reserves.values()}:
        return "reserve_vault"
    return "insurance_fund" if address in {base58(fund.vault) for fund in state.funds.values()} else "external"


def _wallet_faults(ledger: list[Entry], chain: Chain) -> Iterable[Fault]:
    """The wallets' booked sum must be what their balances changed by since the engine's first transaction."""
    if not chain.engine and not ledger:
        return
    now = wallet_balances(chain.state, chain.wallets)
    booked: Counter[str] = Counter()
    for entry in ledger:
        if entry.account == "wallet":
            booked[entry.mint] += entry.amount
    for mint in sorted(now.keys() | booked.keys()):
        change = now.get(mint, 0) - chain.wallet_before.get(mint, 0)
        if booked[mint] != change:
            why = f"the ledger's wallet entries sum to {booked[mint]}, the wallets' balance changed by {change}"
            yield Fault("ledger_matches_chain", mint, [], why)


def _missing_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    booked = {entry.signature for entry in books.ledger}
    rows = {row.signature for row in books.liquidations}
    for executed in chain.engine:
        if executed.signature not in booked:
            yield Fault("books_complete", executed.signature, [executed.slot], "on chain, but not in the ledger")
        if executed.positions and executed.signature not in rows:
            yield Fault(
                "books_complete", executed.signature, [executed.slot], "on chain, but without a row in liquidations"
            )


def _intent_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    on_chain = {executed.signature: executed for executed in chain.engine}
    for signature, state in books.intents.items():
        executed = on_chain.get(signature)
        right = "landed" if executed and executed.succeeded else "landed_failed" if executed else "expired"
        if state == "live":
            yield Fault("books_complete", signature, [], "the intent is still live at the end")
        elif state != right:
            yield Fault("books_complete", signature, [], f"the intent is {state}, by the chain it is {right}")
    for signature, executed in on_chain.items():
        if executed.positions and signature not in books.intents:
            yield Fault("books_complete", signature, [executed.slot], "on chain, but no intent was written down for it")


def _row_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    on_chain = {executed.signature: executed for executed in chain.engine}
    for row in books.liquidations:
        executed = on_chain.get(row.signature)
        landed = executed is not None and executed.succeeded
        if landed != (row.error_message is None):
            why = (
                f"error_message is {row.error_message!r}, but the transaction {'landed' if landed else 'did not land'}"
            )
            yield Fault("books_complete", row.signature, [executed.slot] if executed else [], why)
        if executed is not None and landed:
            for name, said, right in _differences(row, executed):
                yield Fault(
                    "books_complete",
                    row.signature,
                    [executed.slot],
                    f"liquidations.{name} is {said}, by the chain {right}",
                )
    yield from _cover_faults(books, chain)


def _differences(row: LiquidationRow, executed: Executed) -> Iterable[tuple[str, object, object]]:
    closing = [
        act
        for act in executed.acts
        if act.verb == "liquidate" and act.position and base58(act.position) == row.position
    ]
    written = [
        act
        for act in executed.acts
        if act.verb == "write_off" and act.position and base58(act.position) == row.position
    ]
    covered = [act for act in executed.acts if act.verb == "cover_bad_debt" and base58(act.mint) == row.debt_mint]
    pairs: list[tuple[str, object, object]] = [
        ("position_pubkey", row.position, row.position if closing or written else None),
        ("repaid", row.repaid, sum(act.paid for act in closing)),
        ("seized", row.seized, sum(act.received for act in closing)),
        ("protocol_fee", row.protocol_fee, sum(act.fee for act in closing)),
        ("bad_debt", row.bad_debt, sum(act.paid for act in written if base58(act.mint) == row.debt_mint)),
    ]
    for act in closing:
        pairs.append(("debt_mint", row.debt_mint, base58(act.mint)))
        pairs.append(("collateral_mint", row.collateral_mint, base58(act.collateral_mint or b"")))
    if covered:
        pairs.append(("bad_debt_covered", row.bad_debt_covered, sum(act.paid for act in covered)))
    return [pair for pair in pairs if pair[1] != pair[2]]


def _cover_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    """Cover may be paid in a transaction after the write-off's, so its sum per mint decides."""
    booked: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    for row in books.liquidations:
        booked[row.debt_mint] += row.bad_debt_covered
    for executed in chain.engine:
        paid.update({base58(act.mint): 0 for act in executed.acts})
        for act in executed.acts:
            if act.verb == "cover_bad_debt":
                paid[base58(act.mint)] += act.paid
    for mint in sorted(booked.keys() | paid.keys()):
        if booked[mint] != paid[mint]:
            why = f"liquidations.bad_debt_covered sums to {booked[mint]}, the chain paid {paid[mint]}"
            yield Fault("books_complete", mint, [], why)


def _fund_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    moved: Counter[str] = Counter()
    for move in books.fund_moves:
        moved[move.mint] += move.amount if move.kind in ("contribution", "fee") else -move.amount
    on_chain = fund_balances(chain.state)
    vaults = {base58(fund.mint): base58(fund.vault) for fund in chain.state.funds.values()}
    for row in books.funds:
        balance = on_chain.get(row.mint, 0)
        if row.balance != balance or row.vault != vaults.get(row.mint):
            why = f"the fund row says {row.balance} in {row.vault}, the chain's vault {vaults.get(row.mint)} holds {balance}"
            yield Fault("fund_matches_chain", row.mint, [], why)
        opening = chain.fund_openings.get(row.mint, 0)
        if row.opening_balance != opening:
            why = f"the fund row opens with {row.opening_balance}, the vault held {opening} in slot {row.opened_slot}"
            yield Fault("fund_matches_chain", row.mint, [row.opened_slot], why)
        if opening + moved[row.mint] != balance:
            why = f"opening {opening} and movements {moved[row.mint]} do not make the vault's {balance}"
            yield Fault("fund_matches_chain", row.mint, [], why)
    for mint in sorted({move.mint for move in books.fund_moves} - {row.mint for row in books.funds}):
        yield Fault("fund_matches_chain", mint, [], "the fund has movements but no row in insurance_funds")


def _fund_move_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    """What a transaction paid into and out of a fund must be its fund rows, no more and no less."""
    booked: Counter[tuple[str, str, str]] = Counter()
    for move in books.fund_moves:
        booked[move.signature, move.mint, move.kind] += move.amount
    paid: Counter[tuple[str, str, str]] = Counter()
    for executed in chain.engine:
        for act in executed.acts:
            if act.verb == "liquidate":
                paid[executed.signature, base58(act.collateral_mint or b""), "fee"] += act.fee
            elif act.verb == "cover_bad_debt":
                paid[executed.signature, base58(act.mint), "cover_bad_debt"] += act.paid
    ours = {executed.signature for executed in chain.engine}
    for key in sorted(booked.keys() | paid.keys()):
        if key[0] in ours and booked[key] != paid[key]:
            why = f"{key[2]} of {key[1]}: booked {booked[key]}, by the chain {paid[key]}"
            yield Fault("fund_matches_chain", key[0], [], why)
