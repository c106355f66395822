"""Where a chain begins: its hash, its first block, the faucet's key, and what the recording says of it."""

import hashlib
import os
import time
from dataclasses import dataclass

from solders.hash import Hash
from solders.keypair import Keypair

from liquidation_engine.localnet.blocks import Blocks, Commitment, Schedule
from liquidation_engine.localnet.settings import LocalnetSettings

FAUCET_LAMPORTS = 10**18


@dataclass(frozen=True, slots=True)
class Genesis:
    """One chain's origin; chains without a seed never share one."""

    hash: Hash

    @classmethod
    def of(cls, settings: LocalnetSettings) -> "Genesis":
        """Derive the genesis hash from the seed, or draw one."""
        seed = os.urandom(32) if settings.seed is None else f"localnet seed {settings.seed}".encode()
        return cls(Hash(hashlib.sha256(b"genesis" + seed).digest()))

    def faucet(self) -> Keypair:
        """Return the key that airdrops come from."""
        return Keypair.from_seed(hashlib.sha256(b"faucet" + bytes(self.hash)).digest())

    def blocks(self, settings: LocalnetSettings) -> Blocks:
        """Return the chain of blocks with its first one."""
        started = int(time.time()) if settings.genesis_unix_time is None else settings.genesis_unix_time
        schedule = Schedule(
            first_slot=settings.first_slot,
            skip_every=settings.skip_every,
            slot_milliseconds=settings.slot_milliseconds,
            genesis_unix_time=started,
        )
        lags = {
            Commitment.PROCESSED: 0,
            Commitment.CONFIRMED: settings.confirmed_lag,
            Commitment.FINALIZED: settings.finalized_lag,
        }
        return Blocks(schedule, genesis=bytes(self.hash), window=settings.blockhash_window, lags=lags)

    def recorded(self, settings: LocalnetSettings) -> dict[str, str]:
        """Return the rows of the recording's table `meta`."""
        return {
            "genesis_hash": str(self.hash),
            "first_slot": str(settings.first_slot),
            "slot_milliseconds": str(settings.slot_milliseconds),
            "blockhash_window": str(settings.blockhash_window),
            "skip_every": str(settings.skip_every),
            "lamports_per_signature": str(settings.lamports_per_signature),
        }
