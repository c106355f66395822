"""A position believed liquidatable, as it travels on the stream `liq:candidates`."""

from dataclasses import dataclass
from typing import Literal

CandidateReason = Literal["price-move", "scan", "account", "manual"]

CANDIDATE_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One need to liquidate. `id` is the same for the same need on any instance, after any restart."""

    position: str
    protocol: str
    market: str
    owner: str
    assets: tuple[str, ...]  # mints of its legs
    reason: CandidateReason
    slot: int  # of the state that was judged
    ts: int  # unix milliseconds at which the engine first saw the need
    id: str  # hash of the position and the digest of its material fields
