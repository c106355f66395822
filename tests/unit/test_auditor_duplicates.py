"""The auditor's look through the send log: what is a second signature, and what is only a resend."""

from itertools import count

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from auditor_builder import PROGRAM, named
from liquidation_auditor.decode import LIQUIDATE, WRITE_OFF
from liquidation_auditor.duplicates import double_landings, duplicates, submissions
from liquidation_auditor.faults import Fault
from liquidation_auditor.recording import ExecutionRow, SendRow, SlotRow, UndoneRow

WALLET = Keypair.from_seed(bytes(32))
SOMEBODY = Keypair.from_seed(bytes([1]) * 32)
SLOTS = [SlotRow(slot, slot - slot // 20, 0, 0) for slot in range(100, 400) if slot % 20]
NUMBERS = count(1)


def signed(
    position: str, wallet: Keypair = WALLET, verb: bytes = LIQUIDATE, program: Pubkey = PROGRAM
) -> VersionedTransaction:
    """Return a new transaction that names the position as `liquidate` and `write_off` do."""
    metas = [AccountMeta(wallet.pubkey(), True, True), AccountMeta(named("market"), False, False)]
    metas.append(AccountMeta(named(position), False, True))
    blockhash = Hash(next(NUMBERS).to_bytes(32, "big"))
    message = Message.new_with_blockhash([Instruction(program, verb + bytes(24), metas)], wallet.pubkey(), blockhash)
    return VersionedTransaction(message, [wallet])


def send(
    seq: int, made: VersionedTransaction, slot: int = 101, until: int | None = 250, verdict: str = "accepted"
) -> SendRow:
    return SendRow(seq, slot, str(made.signatures[0]), bytes(made), until, verdict)


def executed(seq: int, made: VersionedTransaction, slot: int = 102, error: str | None = None) -> ExecutionRow:
    return ExecutionRow(seq, slot, 0, str(made.signatures[0]), error, 5_000, bytes(made))


def found(
    sends: list[SendRow], executions: list[ExecutionRow] | None = None, undone: list[UndoneRow] | None = None
) -> list[Fault]:
    wallets = frozenset([bytes(WALLET.pubkey())])
    handed_in = submissions(sends, bytes(PROGRAM), wallets, lambda _: None)
    return duplicates(handed_in, executions or [], SLOTS, undone or [])


def test_a_second_signature_while_the_first_is_live_is_a_duplicate() -> None:
    faults = found([send(1, signed("alice")), send(2, signed("alice"), slot=110)])
    assert [(fault.kind, fault.position, fault.slots) for fault in faults] == [
        ("duplicates", str(named("alice")), [101, 110])
    ]


def test_a_dropped_send_is_live_too_and_a_write_off_counts() -> None:
    assert len(found([send(1, signed("alice"), verdict="dropped"), send(2, signed("alice", verb=WRITE_OFF))])) == 1


def test_the_same_signature_sent_again_is_no_duplicate() -> None:
    made = signed("alice")
    sends = [send(1, made, verdict="dropped"), send(2, made, slot=110), send(3, made, slot=111, verdict="duplicate")]
    assert found(sends) == []


def test_after_landing_or_failing_on_chain_a_new_signature_is_right() -> None:
    first, second, third = signed("alice"), signed("alice"), signed("alice")
    executions = [executed(2, first), executed(4, second, error='{"InstructionError":[0,{"Custom":6010}]}')]
    assert found([send(1, first), send(3, second), send(5, third)], executions) == []


def test_a_landing_after_the_second_send_does_not_excuse_it() -> None:
    first, second = signed("alice"), signed("alice")
    assert len(found([send(1, first), send(2, second)], [executed(3, first)])) == 1


def test_expiry_counts_block_heights_and_not_slots() -> None:
    height = next(row.block_height for row in SLOTS if row.slot == 270)
    assert found([send(1, signed("alice"), until=height - 1), send(2, signed("alice"), slot=270)]) == []
    assert len(found([send(1, signed("alice"), until=height), send(2, signed("alice"), slot=270)])) == 1
    assert len(found([send(1, signed("alice"), until=None), send(2, signed("alice"), slot=399)])) == 1


def test_a_skipped_slot_has_the_block_height_before_it() -> None:
    height = next(row.block_height for row in SLOTS if row.slot == 279)
    assert len(found([send(1, signed("alice"), until=height), send(2, signed("alice"), slot=280)])) == 1


def test_refused_sends_other_positions_wallets_and_programs_do_not_count() -> None:
    others = [
        send(2, signed("alice"), verdict="preflight"),
        send(3, signed("alice"), verdict="invalid"),
        send(4, signed("bob")),
        send(5, signed("alice", SOMEBODY)),
        send(6, signed("alice", program=named("another program"))),
        send(7, signed("alice", verb=b"otherkey")),
    ]
    assert found([send(1, signed("alice")), *others]) == []


def test_two_landings_from_one_version_are_a_fault() -> None:
    position = bytes(named("alice"))
    assert double_landings([(position, 0, "first", 101), (position, 1, "second", 102)]) == []
    assert len(double_landings([(position, 0, "first", 101), (position, 0, "second", 102)])) == 1


def test_what_a_fork_undid_can_land_again_until_it_has() -> None:
    first, second = signed("a"), signed("a")
    undone = [UndoneRow(str(first.signatures[0]), seq=2, undone_seq=5)]
    assert found([send(1, first), send(4, second)], undone=undone) == []
    assert [fault.kind for fault in found([send(1, first), send(6, second)], undone=undone)] == ["duplicates"]
    assert found([send(1, first), send(8, second)], [executed(7, first)], undone) == []
    assert found([send(1, first), send(6, second, slot=300)], undone=undone) == []
