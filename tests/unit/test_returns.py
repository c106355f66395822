"""Return data is read from the logs of the program's own top-level instructions, and of no other."""

import base64

import pytest

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.reference.returns import little_endian_u64, returned

INVOKE = "Program lending invoke [1]"


def says(number: int, program: str = "lending") -> str:
    """Return the log line of a returned u64."""
    return f"Program return: {program} {base64.b64encode(number.to_bytes(8, 'little')).decode()}"


def test_each_instruction_has_its_answer_in_order() -> None:
    logs = ("Program compute invoke [1]", INVOKE, says(5), "Program lending success", INVOKE, INVOKE, says(7))
    assert [answer and little_endian_u64(answer) for answer in returned(logs, "lending")] == [5, None, 7]


def test_what_other_programs_return_is_not_ours() -> None:
    logs = (INVOKE, "Program tokens invoke [2]", says(9, "tokens"), "Program tokens success")
    assert returned(logs, "lending") == [None]


def test_a_log_line_that_only_looks_like_a_return_is_none() -> None:
    assert returned((INVOKE, f"Program log: {says(9)}"), "lending") == [None]


def test_a_call_from_within_another_program_is_no_instruction_of_ours() -> None:
    assert returned(("Program lending invoke [2]", says(9)), "lending") == []


def test_the_last_answer_of_an_instruction_counts() -> None:
    assert returned((INVOKE, says(1), says(2)), "lending") == [(2).to_bytes(8, "little")]


def test_return_data_that_is_not_base64_is_refused() -> None:
    with pytest.raises(DecodeError, match="is not base64"):
        returned((INVOKE, "Program return: lending !!!!"), "lending")


@pytest.mark.parametrize(("data", "number"), [(b"", 0), (b"\5", 5), (b"\0\1", 256), (b"\xff" * 8, 2**64 - 1)])
def test_trailing_zeros_that_a_node_cut_off_are_put_back(data: bytes, number: int) -> None:
    assert little_endian_u64(data) == number


@pytest.mark.parametrize("data", [None, b"\0" * 9])
def test_what_is_no_u64_is_refused(data: bytes | None) -> None:
    with pytest.raises(DecodeError, match="expected 8"):
        little_endian_u64(data)
