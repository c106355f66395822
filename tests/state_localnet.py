"""One state of a differential run on a localnet, at its slot and time, with a wallet that may liquidate it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from solders.account import Account
from solders.pubkey import Pubkey

from liquidation_engine.chain import Wallet
from liquidation_engine.localnet import Localnet, LocalnetSettings
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
