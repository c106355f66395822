"""One state of a differential run on a localnet, at its slot and time, with a wallet that may liquidate it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from solders.account import Account
from solders.pubkey import Pubkey

from books_on_chain import assert_books
from engine_process import engine, until
from liquidation_engine.chain import Wallet
from liquidation_engine.localnet import Localnet, LocalnetSettings
from liquidation_engine.localnet.history import Landed
from one_command import Ended, command

SLOT_MS = 60


@dataclass
class StateOnChain:
    """The localnet, and who liquidates."""

    localnet: Localnet
    folder: Path
    protocol: str
    position: str
    wallet: Pubkey
    settings: Mapping[str, str]

    async def run(self, name: str, *options: str, **settings: str) -> Ended:
        """Run a command about the position."""
        given = ("--protocol", self.protocol, "--position", self.position, "--rpc-url", self.localnet.url)
        keypair = () if name == "explain" else ("--keypair", str(self.folder / "wallet.json"))
        return await command(self.folder, name, *given, *keypair, *options, "--json", **{**self.settings, **settings})

    def put(self, address: Pubkey, account: Account) -> None:
        """Set an account by hand."""
        self.localnet.set_account(address, account)


@asynccontextmanager
async def served(
    folder: Path,
    protocol: str,
    programs: Mapping[Pubkey, Path],
    accounts: Mapping[Pubkey, Account],
    position: Pubkey,
    *,
    slot: int,
    time: int,
    settings: Mapping[str, str],
) -> AsyncIterator[StateOnChain]:
    """Serve a chain that holds these accounts from its first slot on."""
    wallet = Wallet.create(folder / "wallet.json")
    localnet = Localnet(
        LocalnetSettings(slot_milliseconds=SLOT_MS, first_slot=slot, genesis_unix_time=time, finalized_lag=8)
    )
    for program, binary in programs.items():
        localnet.chain.add_program(program, binary.read_bytes())
    for address, account in accounts.items():
        localnet.set_account(address, account)
    owner = Pubkey.from_string(wallet.pubkey)
    localnet.set_account(owner, Account(10**12, b"", Pubkey.default()))
    async with localnet:
        yield StateOnChain(localnet, folder, protocol, str(position), owner, settings)


async def liquidated_by_the_pipeline(
    chain: StateOnChain, postgres_url: str, redis_url: str, market: str, **settings: str
) -> None:
    """Run leader and worker until the position is liquidated, and hold the books against the chain."""
    before = {one.decoded.signature for one in landed(chain)}
    given = {
        **chain.settings,
        **settings,
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "SOLANA_RPC_URL": chain.localnet.url,
        "PROTOCOL": chain.protocol,
        "MARKET": market,
        "WALLET_PATH": str(chain.folder / "wallet.json"),
        "SCAN_INTERVAL_SECONDS": "1",
        "SERVER_PORT": "0",
    }
    async with (
        engine(chain.folder, "leader", given) as (_, leader),
        engine(chain.folder, "worker", given) as (_, worker),
    ):
        try:
            await until("it is liquidated", lambda: len(landed(chain)) > len(before), 40)
        except AssertionError:
            raise AssertionError(worker.read_text()[-3_000:] + leader.read_text()[-2_000:]) from None
        await until("it is booked", lambda: "Liquidation executed successfully" in worker.read_text(), 20)
        await asyncio.sleep(2)
    done = [one for one in landed(chain) if one.decoded.signature not in before]
    assert [one.error for one in done] == [None] * len(done)
    await assert_books(postgres_url, chain.localnet.url, [one.decoded.signature for one in done], chain.protocol)


def landed(chain: StateOnChain) -> list[Landed]:
    """Return the wallet's transactions on chain."""
    return chain.localnet.chain.history.mentioning(chain.wallet, chain.localnet.chain.slot)
