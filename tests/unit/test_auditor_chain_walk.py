"""The auditor's walk over the chain: who was liquidatable when, and what became of each window."""

from collections.abc import Mapping

from auditor_builder import MARKET, PROGRAM, Asset, Borrower, Town, named, usual_town
from liquidation_auditor.arithmetic import health, index_at
from liquidation_auditor.chain_walk import ChainWalk, Landed, Refusal
from liquidation_auditor.state import ChainState
from liquidation_auditor.windows import Claims, Ending, Judgement, Window, judge

SOMEBODY = bytes(named("somebody's position"))
NOBODY = Claims(healthy={}, attended={})


class Walker:
    """Walks a town through slots from 100 on; every 20th slot has no block."""

    def __init__(self, town: Town, last_slot: int, refusals: Mapping[bytes, list[Refusal]] | None = None) -> None:
        self.town = town
        self.slot = 99
        self.state = ChainState(bytes(PROGRAM), bytes(MARKET))
        self.walk = ChainWalk(self.state, last_slot, refusals or {})

    def to(self, slot: int, *landed: Landed) -> None:
        """Walk up to and including `slot`; `landed` happens in the last one."""
        while self.slot < slot:
            self.slot += 1
            if self.slot % 20:
                self.state.apply(self.town.rows(self.slot))
                self.walk.step(self.slot, landed if self.slot == slot else ())

    def windows(self) -> list[Window]:
        self.walk.finish()
        return self.walk.windows

    def verdict(self, claims: Claims = NOBODY, missed_slots: int = 50) -> Judgement:
        return judge(self.windows(), claims, missed_slots)


def alice(town: Town) -> bytes:
    return bytes(town.borrowers[0].address)


def crash(town: Town) -> None:
    town.assets[0].price = 800_000


def recover(town: Town) -> None:
    town.assets[0].price = 1_000_000


def walked_with_crash(last_slot: int, refusals: Mapping[bytes, list[Refusal]] | None = None) -> Walker:
    """Return a walk whose price falls in slot 111."""
    walker = Walker(usual_town(), last_slot, refusals)
    walker.to(110)
    crash(walker.town)
    walker.to(111)
    return walker


def test_a_position_left_alone_for_fifty_slots_is_missed() -> None:
    walker = walked_with_crash(200)
    walker.to(160)
    recover(walker.town)
    walker.to(200)
    verdict = walker.verdict()
    assert verdict.missed == {alice(walker.town)}
    assert verdict.faults[0].slots == [111, 160]


def test_a_position_that_recovers_one_slot_earlier_is_fleeting() -> None:
    walker = walked_with_crash(200)
    walker.to(159)
    recover(walker.town)
    walker.to(200)
    window = walker.windows()[0]
    assert (window.start, window.end, window.ending) == (
        111,
        161,
        Ending.HEALTHY,
    )  # slot 160 has no block, but it passed
    verdict = judge([Window(window.position, 111, 160, Ending.HEALTHY, [(111, 160)])], NOBODY, 50)
    assert (verdict.missed, verdict.fleeting) == (set(), 1)


def test_a_position_still_liquidatable_at_the_end_is_missed_however_short_its_window() -> None:
    walker = walked_with_crash(113)
    walker.to(113)
    assert walker.verdict().missed == {alice(walker.town)}


def test_a_liquidation_in_time_ends_the_window() -> None:
    walker = walked_with_crash(200)
    walker.to(129)
    walker.town.borrowers[0].debt = [(walker.town.assets[1], 100_000_000)]
    walker.to(130, Landed(alice(walker.town), ours=True))
    walker.to(200)
    verdict = walker.verdict()
    assert (verdict.missed, verdict.fleeting) == (set(), 0)
    assert walker.walk.liquidated == walker.walk.liquidatable == {alice(walker.town)}


def test_a_late_liquidation_does_not_undo_the_miss() -> None:
    walker = walked_with_crash(200)
    walker.to(175)
    walker.town.borrowers[0].debt = []
    walker.to(176, Landed(alice(walker.town), ours=True))
    walker.to(200)
    assert walker.verdict().missed == {alice(walker.town)}


def test_a_position_still_liquidatable_after_its_liquidation_is_owed_another_one() -> None:
    walker = walked_with_crash(200)
    walker.to(130, Landed(alice(walker.town), ours=True))
    walker.to(200)
    verdict = walker.verdict()
    assert verdict.missed == {alice(walker.town)}
    assert verdict.faults[0].slots == [130, 200]


def test_a_token_gesture_does_not_end_the_window() -> None:
    """One share every few slots must not keep a position from being missed."""
    walker = walked_with_crash(200)
    for slot in (130, 150, 170, 190):
        walker.to(slot, Landed(alice(walker.town), ours=True, counts=False))
    walker.to(200)
    verdict = walker.verdict()
    assert verdict.missed == {alice(walker.town)}
    assert verdict.faults[0].slots == [111, 200]
    assert walker.walk.liquidated == set()


def test_full_closes_in_quick_succession_each_end_their_window() -> None:
    walker = walked_with_crash(300)
    for slot in (130, 165, 199):
        walker.to(slot, Landed(alice(walker.town), ours=True))
    recover(walker.town)
    walker.to(300)
    assert walker.verdict().missed == set()


def test_a_liquidation_by_somebody_else_is_fleeting_and_not_ours() -> None:
    walker = walked_with_crash(200)
    walker.to(129)
    walker.town.borrowers[0].debt = []
    walker.to(130, Landed(alice(walker.town), ours=False))
    walker.to(200)
    verdict = walker.verdict()
    assert (verdict.fleeting, walker.walk.liquidated) == (1, set())


def test_a_stale_price_makes_nobody_liquidatable() -> None:
    walker = Walker(usual_town(max_age_slots=20), 200)
    crash(walker.town)
    walker.to(200)
    window = walker.windows()[0]
    assert (window.start, window.end) == (101, 121)  # priced at slot 100, taken up to an age of 20


def test_an_uncertain_price_and_a_paused_market_make_nobody_liquidatable() -> None:
    walker = walked_with_crash(200)
    walker.town.assets[0].confidence = 16_001
    walker.to(121)
    walker.town.assets[0].confidence = 16_000
    walker.to(131)
    walker.town.paused = True
    walker.to(200)
    assert [(window.start, window.end) for window in walker.windows()] == [(111, 112), (122, 132)]


def test_debt_without_collateral_is_not_liquidatable() -> None:
    town = usual_town()
    town.borrowers[0].collateral = []
    walker = Walker(town, 120)
    walker.to(120)
    assert walker.windows() == []


def test_an_empty_collateral_vault_makes_its_position_wait() -> None:
    walker = walked_with_crash(200)
    walker.town.assets[0].vault_tokens = 10
    walker.to(130)
    walker.town.assets[0].vault_tokens = 10**12
    walker.to(200)
    assert [(window.start, window.end) for window in walker.windows()] == [(111, 112), (131, 201)]


def test_interest_alone_makes_liquidatable_in_exactly_the_slot_that_every_slot_arithmetic_names() -> None:
    col, debt = Asset(mint=named("mint of COL")), Asset(mint=named("mint of DEBT"), interest_rate_bps=1_000_000)
    names = [f"borrower {number}" for number in range(40)]
    borrowers = [
        Borrower(name=name, collateral=[(col, 1_000_000_000)], debt=[(debt, 799_900_000 + 5_000 * number)])
        for number, name in enumerate(names)
    ]
    walker = Walker(Town(assets=[col, debt], borrowers=borrowers), 300)
    expected: dict[bytes, int] = {}
    for slot in range(100, 301):
        if slot == 200:  # somebody accrues
            debt.index, debt.accrued_slot = index_at(walker.state.reserves[bytes(debt.reserve)], 200), 200
        walker.to(slot)
        for address, position in walker.state.positions.items():
            if (
                slot % 20
                and health(
                    position, walker.state.reserves, walker.state.oracles, walker.state.indexes_at(slot)
                ).liquidatable
            ):
                expected.setdefault(address, slot)
    found = {window.position: window.start for window in walker.windows()}
    assert found == expected
    assert len(set(found.values())) > 10


def test_a_confirmed_unprofitable_position_is_refused_and_not_missed() -> None:
    claim = Refusal(slot=115, min_profit_micro_usd=10**12, fee_lamports=5_000)
    walker = walked_with_crash(200, {alice(usual_town()): [claim]})
    walker.to(200)
    verdict = walker.verdict()
    assert (verdict.missed, dict(verdict.refused)) == (set(), {"unprofitable": 1})


def test_a_position_called_unprofitable_that_earned_enough_is_missed() -> None:
    claim = Refusal(slot=115, min_profit_micro_usd=1_000, fee_lamports=5_000)
    walker = walked_with_crash(200, {alice(usual_town()): [claim]})
    walker.to(200)
    verdict = walker.verdict()
    assert verdict.missed == {alice(walker.town)}
    assert "called unprofitable" in verdict.faults[0].why


def test_a_position_is_missed_where_the_refusal_came_too_late() -> None:
    claim = Refusal(slot=165, min_profit_micro_usd=10**12, fee_lamports=5_000)
    walker = walked_with_crash(200, {alice(usual_town()): [claim]})
    walker.to(200)
    assert walker.verdict().missed == {alice(walker.town)}


def test_recovery_excuses_a_long_window_only_where_the_engine_was_at_work_and_saw_it() -> None:
    window = Window(SOMEBODY, 111, 170, Ending.HEALTHY, [(111, 170)])
    at_work = Claims(healthy={SOMEBODY: [171]}, attended={SOMEBODY: [120, 171]})
    asleep = Claims(healthy={SOMEBODY: [171]}, attended={SOMEBODY: [171]})
    assert dict(judge([window], at_work, 50).refused) == {"healthy_again": 1}
    assert judge([window], asleep, 50).missed == {SOMEBODY}
    assert judge([window], NOBODY, 50).missed == {SOMEBODY}


def test_the_kill_switch_excuses_only_what_was_not_missed_before() -> None:
    window = Window(SOMEBODY, 111, 300, Ending.AT_THE_END, [(111, 300)])
    assert dict(judge([window], Claims(healthy={}, attended={}, stopped_slot=130), 50).refused) == {"paused": 1}
    assert judge([window], Claims(healthy={}, attended={}, stopped_slot=170), 50).missed == {SOMEBODY}
