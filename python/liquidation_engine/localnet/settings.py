"""What a localnet is started with: its address, its pace, its lags, its recording and its faults."""

from dataclasses import dataclass, field
from pathlib import Path

VM_LAMPORTS_PER_SIGNATURE = 5_000  # the fee structure built into LiteSVM; it offers no way to change it


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSettings:
    """Faults that are on from the start; `Faults` switches them while the chain runs."""

    latency_milliseconds: int = 0
    drop_every: int = 0
    """Drop every n-th accepted send; 0 drops none."""
    drop_probability: float = 0.0
    lose_every: int = 0
    """Lose every n-th notification that matches kinds and pubkeys; 0 loses none."""
    lose_kinds: frozenset[str] = frozenset({"account", "program"})
    lose_pubkeys: frozenset[str] = frozenset()
    """Empty means any account."""

    def __post_init__(self) -> None:
        if min(self.latency_milliseconds, self.drop_every, self.lose_every) < 0:
            raise ValueError("latency, drop_every and lose_every must not be negative")
        if not 0.0 <= self.drop_probability <= 1.0:
            raise ValueError(f"drop_probability is {self.drop_probability}, expected a share between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalnetSettings:
    """Everything a localnet is told; two chains with the same seed have the same genesis hash and blockhashes."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port."""
    slot_milliseconds: int = 400
    stepped: bool = False
    """Slots come only from `Localnet.step` or the RPC method `localnet_step`."""
    first_slot: int = 1_000
    skip_every: int = 20
    """Every n-th slot after the first has no block; 0 skips none."""
    blockhash_window: int = 150
    confirmed_lag: int = 1
    finalized_lag: int = 32
    recording: Path | None = None
    seed: int | None = None
    lamports_per_signature: int = VM_LAMPORTS_PER_SIGNATURE
    genesis_unix_time: int | None = None
    """Time of the first slot; None takes the wall clock's. Later slots add `slot_milliseconds` each."""
    max_queued_notifications: int = 20_000
    """A websocket client that leaves more unread is disconnected."""
    control_methods: bool = True
    """Serve the RPC methods that begin with `localnet_`."""
    faults: FaultSettings = field(default_factory=FaultSettings)

    def __post_init__(self) -> None:
        if self.slot_milliseconds < 1:
            raise ValueError(f"slot_milliseconds is {self.slot_milliseconds}, expected at least 1")
        if self.skip_every == 1 or self.skip_every < 0:
            raise ValueError(f"skip_every is {self.skip_every}, expected 0 (never) or at least 2")
        if not 0 <= self.confirmed_lag <= self.finalized_lag:
            raise ValueError("expected 0 <= confirmed_lag <= finalized_lag")
        if self.first_slot < 1 or self.blockhash_window < 1:
            raise ValueError("first_slot and blockhash_window must be at least 1")
        if self.lamports_per_signature != VM_LAMPORTS_PER_SIGNATURE:
            raise ValueError(f"the VM charges {VM_LAMPORTS_PER_SIGNATURE} lamports per signature and nothing else")
