"""What marginfi 0.1.9's own source does with random states; of a receivership the outcome at the least repayment it accepts."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from solders.instruction import Instruction

from tests.differential.marginfi_accounts import PROGRAM, vault
from tests.differential.marginfi_native import Landed, run
from tests.differential.marginfi_new import classic, received, trial_of
from tests.differential.marginfi_new_states import RECEIVER, state
from tests.differential.marginfi_states import POSITION, State
from tests.differential.marginfi_vectors import Trial

TOO_LITTLE, TOO_MUCH = {6072, 6090}, 6022
BATCH = 200


def trials_of(programs: Path, seed: int, count: int) -> Iterator[Trial]:
    """Yield the trials: three of five classic, two of five receiverships."""
    for start in range(seed, seed + count, BATCH):
        givens = [(place, state(place)) for place in range(start, min(start + BATCH, seed + count))]
        classics = [given for place, given in givens if place % 5 >= 2]
        receiverships = [given for place, given in givens if place % 5 < 2]
        landed = run(programs, [trial_of(given, classic(given)) for given in classics])
        for given, chain in zip(classics, landed, strict=True):
            insurance = vault("insurance_vault", given.banks[given.debt].address)[0]
            fee = struct.unpack_from("<Q", chain.after[insurance], 64)[0] if chain.error is None else 0
            yield trial(given, chain, bytes(given.liquidator_address), (fee, 0, 1))
        for given, (chain, repaid) in zip(receiverships, least(programs, receiverships, received), strict=True):
            yield trial(given, chain, bytes(RECEIVER), (0, repaid if chain.error is None else 0, 2))


def least(
    programs: Path, givens: list[State], build: Callable[[State, int], list[Instruction]]
) -> list[tuple[Landed, int]]:
    """Return each receivership's outcome at the least repayment that is not too little, by bisection; too much is the end of it."""

    def at(amounts: list[int]) -> list[Landed]:
        asked = zip(givens, amounts, strict=True)
        return list(run(programs, [trial_of(given, build(given, amount)) for given, amount in asked]))

    low, high = [0] * len(givens), [2**64 - 1] * len(givens)
    none = at(low)
    for _ in range(64):
        middle = [(a + b) // 2 for a, b in zip(low, high, strict=True)]
        for place, chain in enumerate(at(middle)):
            if chain.error in TOO_LITTLE:
                low[place] = middle[place]
            else:
                high[place] = middle[place]
    enough, before = at(high), at([max(amount, 1) - 1 for amount in high])
    found = []
    for place, chain in enumerate(enough):
        if none[place].error not in TOO_LITTLE:
            found.append((none[place], 0))
        elif chain.error == TOO_MUCH:
            found.append((before[place], 0))
        else:
            found.append((chain, high[place]))
    return found


def trial(given: State, chain: Landed, liquidator: bytes, figures: tuple[int, int, int]) -> Trial:
    """Return a trial as it is written down."""
    before = {bytes(key): (bytes(owner), data) for key, (owner, data) in given.accounts.items()}
    owned = [key for key, (owner, _) in given.accounts.items() if owner == PROGRAM]
    after = {} if chain.error is not None else {bytes(key): chain.after[key] for key in owned}
    return Trial(
        bytes(POSITION),
        liquidator,
        bytes(given.banks[given.debt].address),
        bytes(given.banks[given.asset].address),
        given.slot,
        given.time,
        given.amount,
        chain.error or 0,
        *figures,
        before,
        {key: data for key, data in after.items() if data != before[key][1]},
    )
