"""Binds a database to one chain and one program, for good."""

from liquidation_engine.database.pool import Database
from liquidation_engine.errors import WrongChain


async def bind_chain(database: Database, genesis_hash: str, program_id: str) -> None:
    """Bind the database, or find it bound to the same; raise WrongChain if it keeps other books."""
    await database.run("bind_chain", genesis_hash, program_id)
    bound = await database.row("bound_chain")
    found = (bound["genesis_hash"], bound["program_id"]) if bound else None
    if found != (genesis_hash, program_id):
        raise WrongChain(
            f"the database keeps the books of chain and program {found}, expected {(genesis_hash, program_id)}: "
            "set DATABASE_URL to another database, or SOLANA_RPC_URL and PROGRAM_ID to the ones it belongs to"
        )
