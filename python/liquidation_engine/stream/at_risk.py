"""The at-risk index for other processes: `atRisk:{asset}`, a set of positions, and `atRisk:{asset}:trigger`, sorted by trigger price.

The leader writes what changed, in batches. Each asset carries a version that only its writer knows: where Redis was emptied, restored
from a copy, or written by another leader, the versions differ and that asset is written anew. Readers may find a rebuild half done, never
an old index that looks current for longer than one step.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence

from redis.asyncio import Redis

from liquidation_engine.redis_keys import at_risk, at_risk_trigger, at_risk_version
from liquidation_engine.stream.connection import translated
from liquidation_engine.stream.script import Argument, RedisScript

BATCH = 500  # positions in one call of the script
NEGLIGIBLE = 1e-9  # relative change of a trigger price that is not worth a write

Positions = Mapping[str, float | None]


class AtRiskIndex:
    """The leader's end of the index."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = RedisScript("liquidation_engine.stream", "at_risk.lua")
        self._written: dict[str, dict[str, float | None]] = {}  # asset -> what Redis holds if nobody touched it
        self._versions: dict[str, str] = {}
        self.rebuilt_total = 0  # assets written anew

    def forget(self) -> None:
        """Write everything anew at the next step: somebody else may have written since."""
        self._versions.clear()

    async def write(self, triggers: Mapping[str, Positions], assets: Iterable[str]) -> int:
        """Bring the index of all `assets` to `triggers`, and return how many entries were written or removed."""
        changed = 0
        for asset in assets:
            changed += await self._write(asset, triggers.get(asset, {}))
        return changed

    async def _write(self, asset: str, wanted: Positions) -> int:
        if asset in self._versions:
            gone, come = _difference(self._written.get(asset, {}), wanted)
            if await self._send(asset, gone, come):
                self._note(asset, wanted)
                return len(gone) + len(come)
        self._versions.pop(asset, None)
        everything = list(wanted.items())
        await self._send(asset, [], everything)
        self._note(asset, wanted)
        self.rebuilt_total += 1
        return len(everything)

    def _note(self, asset: str, wanted: Positions) -> None:
        self._written[asset] = dict(wanted)

    async def _send(self, asset: str, gone: Sequence[str], come: Sequence[tuple[str, float | None]]) -> bool:
        """Send one asset's changes in one round trip; return False where Redis holds something else than was written last.

        An empty change is sent too: it is how a loss is noticed.
        """
        calls = []
        version = self._versions.get(asset, "")
        for departing, arriving in _batches(gone, come):
            following = secrets.token_hex(8)
            calls.append((_keys(asset), _arguments(version, following, departing, arriving)))
            version = following
        self._versions.pop(asset, None)  # unknown until Redis has answered
        with translated("write the at-risk index"):
            answers = await self._script.run_many(self._redis, calls)
        if not all(answers):
            return False
        self._versions[asset] = version
        return True


def _difference(old: Positions, new: Positions) -> tuple[list[str], list[tuple[str, float | None]]]:
    """Return who goes, and who comes or has another trigger price."""
    gone = [position for position in old if position not in new]
    come = [(position, price) for position, price in new.items() if position not in old or _moved(old[position], price)]
    return gone, come


def _moved(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new - old) > NEGLIGIBLE * abs(old)


def _batches(
    gone: Sequence[str], come: Sequence[tuple[str, float | None]]
) -> Iterable[tuple[Sequence[str], Sequence[tuple[str, float | None]]]]:
    """Split into what one call takes; at least one, however little there is."""
    for start in range(0, max(len(gone), len(come), 1), BATCH):
        yield gone[start : start + BATCH], come[start : start + BATCH]


def _keys(asset: str) -> list[str]:
    return [at_risk(asset), at_risk_trigger(asset), at_risk_version(asset)]


def _arguments(
    expected: str, following: str, gone: Sequence[str], come: Sequence[tuple[str, float | None]]
) -> list[Argument]:
    changes = [part for position, price in come for part in (position, "" if price is None else repr(price))]
    return [expected, following, len(gone), *gone, *changes]
