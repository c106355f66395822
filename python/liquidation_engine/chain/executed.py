"""What an executed transaction called: its instructions, those called by other programs included."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

_DIGITS = {sign: value for value, sign in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSignature:
    """One transaction that touched an address, as getSignaturesForAddress lists it."""

    signature: str
    slot: int
    error: object | None
    block_time: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """One instruction, as it was executed."""

    program: str
    accounts: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedTransaction:
    """A transaction's calls in the order of their execution, and its logs."""

    signature: str
    slot: int
    block_time: int | None
    error: object | None
    calls: tuple[Call, ...]
    logs: tuple[str, ...]


def executed_transaction(signature: str, result: Json) -> ExecutedTransaction:
    """Return what getTransaction (encoding `json`) says was called."""
    meta, message = result["meta"], result["transaction"]["message"]
    loaded = meta.get("loadedAddresses") or {}
    addresses = (*message["accountKeys"], *loaded.get("writable", ()), *loaded.get("readonly", ()))
    inner = {group["index"]: group["instructions"] for group in meta.get("innerInstructions") or ()}
    return ExecutedTransaction(
        signature=signature,
        slot=result["slot"],
        block_time=result.get("blockTime"),
        error=meta["err"],
        calls=tuple(_calls(addresses, message["instructions"], inner)),
        logs=tuple(meta.get("logMessages") or ()),
    )


def address_signature(entry: Json) -> AddressSignature:
    """Return one entry of getSignaturesForAddress."""
    return AddressSignature(
        signature=entry["signature"], slot=entry["slot"], error=entry.get("err"), block_time=entry.get("blockTime")
    )


def _calls(
    addresses: Sequence[str], instructions: Sequence[Json], inner: Mapping[int, Sequence[Json]]
) -> Iterator[Call]:
    for number, instruction in enumerate(instructions):
        yield _call(addresses, instruction)
        for called in inner.get(number, ()):
            yield _call(addresses, called)


def _call(addresses: Sequence[str], instruction: Json) -> Call:
    return Call(
        program=addresses[instruction["programIdIndex"]],
        accounts=tuple(addresses[index] for index in instruction["accounts"]),
        data=from_base58(instruction["data"]),
    )


def from_base58(text: str) -> bytes:
    """Return the bytes that base58 text of any length stands for."""
    number = 0
    for sign in text:
        number = number * 58 + _DIGITS[sign]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
