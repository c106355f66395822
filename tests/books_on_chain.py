"""Holds the database's books against the chain's own record of each transaction."""

from collections import Counter

import asyncpg

from liquidation_engine.chain import RpcClient
from liquidation_engine.model import TransactionRecord


async def assert_books(postgres_url: str, url: str, signatures: list[str], protocol: str) -> None:
    """Each intent landed under its signature, and its ledger is the change of each account that the chain tells of."""
    rpc, connection = RpcClient([url]), await asyncpg.connect(postgres_url)
    try:
        intents = await connection.fetch("SELECT signature, state FROM intents")
        assert {(row["signature"], row["state"]) for row in intents} == {(one, "landed") for one in signatures}
        for signature in signatures:
            record = await rpc.transaction(signature)
            assert record is not None
            rows = await connection.fetch(
                "SELECT address, mint, amount FROM ledger_entries WHERE signature = $1", signature
            )
            found = {(row["address"], row["mint"]): int(row["amount"]) for row in rows}
            assert found == changes(record)
        sums = await connection.fetch("SELECT sum(amount) AS total FROM ledger_entries GROUP BY mint")
        assert {row["total"] for row in sums} == {0}
        rows = await connection.fetch("SELECT position_pubkey, protocol FROM positions")
        assert {row["protocol"] for row in rows} == {protocol}
    finally:
        await connection.close()
        await rpc.close()


def changes(record: TransactionRecord) -> dict[tuple[str, str], int]:
    """Return what a transaction changed, by plain subtraction; the fee goes to the network."""
    tokens = {b.address for b in record.token_balances}
    found = {(b.address, b.mint): b.after - b.before for b in record.token_balances if b.after != b.before}
    pairs = zip(record.addresses, record.lamports_before, record.lamports_after, strict=True)
    found |= {(a, "native"): after - before for a, before, after in pairs if after != before and a not in tokens}
    burned = Counter[str]()
    for (_, mint), amount in found.items():
        burned[mint] -= amount
    found |= {(mint, mint): amount for mint, amount in burned.items() if amount and mint != "native"}
    return found | {("network", "native"): record.fee_lamports}
