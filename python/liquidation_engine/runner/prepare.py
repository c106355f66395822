"""Makes what a position's liquidation needs on chain beforehand: the wallet's token accounts, a lookup table.

Everything here may be repeated: an account that exists is not made again. No position is touched, so no guard is taken.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from liquidation_engine import protocols
from liquidation_engine.chain import BlockhashCache, Confirmer, Signer, allowed_programs
from liquidation_engine.chain.lookup_table import (
    LOOKUP_TABLE_PROGRAM,
    create_table,
    extend_table,
    read_tables,
)
from liquidation_engine.chain.setup import SetupSender
from liquidation_engine.config import Settings
from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.lending import Terms
from liquidation_engine.protocols.preparation import Lacking, lacking
from liquidation_engine.protocols.reading import State, answered
from liquidation_engine.runner.engine import first_contact, wallet_of
from liquidation_engine.runner.position import client, explain
from liquidation_engine.runner.venues import venue

SETUPS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was lacking, and what was made."""

    accounts: int  # to be made, or made
    addresses: int  # for a lookup table
    table: str | None  # the one that was made
    signatures: tuple[str, ...]


async def prepare_position(settings: Settings, position: str, say: Callable[[str], None]) -> Prepared:
    """Find what is lacking; unless `settings` ask for a dry run, make it."""
    wallet = wallet_of(settings)
    if wallet is None:
        raise ConfigError("whose accounts? give --keypair FILE (JSON array of 64 bytes, mode 0600)")
    if settings.protocol == "reference":
        raise ConfigError("the reference program's liquidations always fit, and its wallet only needs token accounts")
    program, owner = protocols.program(settings.protocol), protocols.Wallet(wallet.pubkey)
    terms = Terms(
        flash_loan=settings.flash_loan, liquidator=settings.liquidator_account, version=settings.program_version
    )
    async with AsyncExitStack() as stack:
        rpc = await stack.enter_async_context(client(settings))
        with first_contact():
            await rpc.genesis_hash()
        await explain(rpc, venue(settings.protocol), settings, position)
        tables = await read_tables(rpc.accounts, settings.lookup_tables)
        adapter = protocols.get(settings.protocol)

        def ask(state: State) -> Lacking:
            adapter.health(state.accounts, state.clock, position)  # names all that it needs
            return lacking(program, state, position, owner, terms, tables)

        first = [name for name in (position, settings.liquidator_account) if name is not None]
        found, _ = await answered(rpc, ask, first)
        if settings.dry_run or not (found.setup or found.addresses):
            return Prepared(accounts=len(found.setup), addresses=len(found.addresses), table=None, signatures=())
        signer = Signer(wallet, allowed_programs(settings.program_id) | {LOOKUP_TABLE_PROGRAM}, lambda: True)
        blockhashes = await stack.enter_async_context(BlockhashCache(rpc))
        confirmer = await stack.enter_async_context(Confirmer(rpc, settings.websocket_urls))
        sender = SetupSender(rpc, signer, blockhashes, confirmer, settings.base_priority_fee)
        for start in range(0, len(found.setup), SETUPS_AT_ONCE):
            say("making accounts")
            await sender.send(found.setup[start : start + SETUPS_AT_ONCE])
        table = None
        if found.addresses:
            say("making a lookup table")
            table, create = create_table(wallet.pubkey, await rpc.slot("confirmed"))
            await sender.send([create])
            for extension in extend_table(table, wallet.pubkey, found.addresses):
                await sender.send([extension])
        return Prepared(
            accounts=len(found.setup),
            addresses=len(found.addresses),
            table=table,
            signatures=tuple(sender.signatures),
        )
