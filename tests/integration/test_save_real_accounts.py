"""Real accounts of mainnet where LIQ_FIXTURES names their folder: prices of every oracle, and an obligation of Save's.

Reserves and markets of mainnet are not among them: they are made around the real accounts. Where LIQ_PROGRAMS names the deployed program
too, it has to agree byte for byte.
"""

import os
import random
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from tests.differential import save_accounts as save
from tests.differential.save import differences, predicted
from tests.differential.save_accounts import AGGREGATOR, FEED, LEGACY, PROGRAM, PULL, WAD, Borrow, Deposit, Reserve
from tests.differential.save_states import Maker, State, authority_of, key
from tests.differential.save_vm import Vm

FIXTURES = Path(os.environ.get("LIQ_FIXTURES", "/nonexistent"))
PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
OBLIGATION = "FfRLBU1gHm3MyqJ3KX6dBnsxxJtwVGCwKFwJrfDnceWN"
pytestmark = pytest.mark.skipif(not (FIXTURES / "solend").is_dir(), reason="LIQ_FIXTURES names no folder with solend")


def legacy(data: bytes) -> tuple[Fraction, int, int]:
    """Return a price, its slot and its time."""
    price, slot = struct.unpack_from("<q", data, 208)[0], struct.unpack_from("<Q", data, 40)[0]
    return (
        price * Fraction(10) ** struct.unpack_from("<i", data, 20)[0],
        struct.unpack_from("<Q", data, 232)[0] or slot,
        0,
    )


def pull(data: bytes) -> tuple[Fraction, int, int]:
    """Return a price, its slot and its time."""
    price, _, exponent, time = struct.unpack_from("<qQiq", data, 73)
    return price * Fraction(10) ** exponent, 0, time


def aggregator(data: bytes) -> tuple[Fraction, int, int]:
    """Return a price, its slot and its time."""
    mantissa = int.from_bytes(data[366:382], "little", signed=True)
    slot, time = struct.unpack_from("<Qq", data, 350)
    return Fraction(mantissa, 10 ** struct.unpack_from("<I", data, 382)[0]), slot, time


def feed(data: bytes) -> tuple[Fraction, int, int]:
    """Return a price, its slot and its time."""
    return Fraction(int.from_bytes(data[2264:2280], "little"), WAD), struct.unpack_from("<Q", data, 2368)[0], 0


READERS: dict[int, tuple[Pubkey, Callable[[bytes], tuple[Fraction, int, int]]]] = {
    134: (PULL, pull),
    3312: (LEGACY, legacy),
    3851: (AGGREGATOR, aggregator),
    3208: (FEED, feed),
}
PYTH_PRODUCT = bytes.fromhex("d4c3b2a10200000002000000")  # padded to the length of a price in these files
PRICES = [
    path
    for folder in ("solend", "oracles")
    for path in sorted((FIXTURES / folder).glob("*.bin"))
    if path.stat().st_size in READERS and not path.read_bytes().startswith(PYTH_PRODUCT)
]


def world(oracle: tuple[Pubkey, bytes], slot: int, time: int, dollars: float) -> State:
    """Return a market in which collateral priced by `oracle` secures a debt of more than its value in USD."""
    maker = Maker(random.Random(7))
    state = maker.state
    state.slot, state.time = slot, time
    lent, owed = reserve(maker, oracle), reserve(maker, usd(state))
    state.debt, state.collateral = owed, lent
    owes = int(dollars * 2_000 * 10**6) * WAD
    maker.finish([Deposit(lent, 1_000 * 10**6)], [Borrow(owed, WAD, owes)])
    return state


def usd(state: State) -> tuple[Pubkey, bytes]:
    """Return a price account of one dollar, fresh."""
    return PULL, save.pull_price(10**8, 0, -8, state.time, 10**8)


def reserve(maker: Maker, oracle: tuple[Pubkey, bytes], address: Pubkey | None = None) -> Pubkey:
    """Add a reserve of 6 decimals with this oracle."""
    state = maker.state
    address = address or maker.address()
    price, *rest = (maker.address() for _ in range(6))
    state.accounts[price] = oracle
    made = Reserve(state.market, *rest, main_oracle=price)
    made.slot, made.available, made.shares = state.slot - 100, 10**15, 10**15
    made.borrowed, made.index = 3 * 10**14 * WAD, WAD
    maker.put_reserve(address, made)
    return address


@pytest.fixture(scope="module")
def vm() -> Vm | None:
    """Return the deployed program, if it is there."""
    return Vm(PROGRAMS) if (PROGRAMS / "solend.so").is_file() else None


def agrees(state: State, vm: Vm | None) -> int | None:
    """Demand that the program does what is predicted; return the error."""
    ours = predicted(state)
    assert vm is None or differences(state, vm.run(state), ours) == []
    return ours.error


@pytest.mark.parametrize("path", PRICES, ids=lambda path: path.stem[-44:])
def test_a_real_price_is_read_and_goes_stale_as_the_program_says(path: Path, vm: Vm | None) -> None:
    data = path.read_bytes()
    owner, read = READERS[len(data)]
    price, slot, time = read(data)
    assert price > 0
    state = world((owner, data), (slot or 300_000_000) + 100, (time or 1_700_000_000) + 60, float(price))
    accounts = {str(at): Account(1, data, owner) for at, (owner, data) in state.accounts.items()}
    clock = Clock(state.slot, 0, 0, 0, state.time)
    terms = protocols.get("save").explain(accounts, clock, str(state.obligation))
    samples = [Fraction(term.value, term.scale) for term in terms if term.name == f"{state.collateral} sample"]
    found = agrees(state, vm)
    if found == 42:  # what was recorded is no price to rely on: not trading, or uncertain
        assert samples == []
        return
    assert found is None
    assert len(samples) == 1
    assert 0 <= price - samples[0] < Fraction(1, WAD)
    late = world((owner, data), state.slot + 200, state.time + 100, float(price))
    assert agrees(late, vm) == 42


def test_most_of_the_real_prices_are_usable() -> None:
    assert len(PRICES) >= 10
    assert len({path.stat().st_size for path in PRICES}) == 4


def test_an_account_of_another_kind_is_no_price(vm: Vm | None) -> None:
    data = next((FIXTURES / "solend").glob("*GcNZR*.bin")).read_bytes()
    assert agrees(world((FEED, data), 300_000_100, 1_700_000_060, 1.0), vm) not in {None, 29}


@pytest.mark.parametrize("dollars", [0.5, 5.9, 6.3, 50.0, 10_000.0])
def test_a_real_obligation_is_refreshed_and_liquidated_as_the_program_does(dollars: float, vm: Vm | None) -> None:
    file = FIXTURES / "solend" / f"obligation_{OBLIGATION}.bin"
    if not file.exists():
        pytest.skip("the folder has no real obligation")
    data = file.read_bytes()
    lent, owed = Pubkey(data[204:236]), Pubkey(data[292:324])
    maker = Maker(random.Random(11))
    state = maker.state
    state.slot, state.time = struct.unpack_from("<Q", data, 1)[0] + 50_000, 1_650_000_000
    state.market = Pubkey(data[10:42])
    state.authority, bump = authority_of(state.market)
    state.obligation, state.deposits, state.borrows = Pubkey.from_string(OBLIGATION), [lent], [owed]
    state.collateral, state.debt = lent, owed
    shares, owes = struct.unpack_from("<Q", data, 236)[0], int.from_bytes(data[340:356], "little") // WAD
    own_index = int.from_bytes(data[324:340], "little")
    state.accounts[state.obligation] = (PROGRAM, data)
    state.accounts[state.market] = (PROGRAM, save.market(bump, key(7), liquidator=bytes(32), risk=bytes(32)))
    each = max(1, int(dollars * 10**8 * owes / shares))
    reserve(maker, (PULL, save.pull_price(each, 0, -8, state.time, each)), lent)
    reserve(maker, usd(state), owed)
    made = state.reserves[owed]
    made.index = own_index + own_index // 50
    maker.put_reserve(owed, made)
    error = agrees(state, vm)
    assert error == (None if dollars < 1.25 else 29)
