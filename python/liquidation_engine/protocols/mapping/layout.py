"""A compiled layout: where each field of a program's accounts lies, and what its instructions take.

A type is "u64" and the like, {"array": [type, length]}, {"vec": type}, {"option": type}, {"struct": [[name, type], ...]} or
{"enum": [[name, [[field, type], ...]], ...]}. Padding of zero-copy accounts is written out as fields that begin with "_".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from liquidation_engine._core import to_base58
from liquidation_engine.errors import ConfigError, DecodeError

FORMAT = 1
WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16, "u256": 32, "bool": 1, "pubkey": 32}
SIGNED = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "i128": 16}
FLOATS = {"f32": 4, "f64": 8}  # kept as their bytes: no float decides anything

Type: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class InstructionLayout:
    """What an instruction's data begins with, its arguments and its accounts."""

    discriminator: bytes
    args: tuple[tuple[str, Type], ...]
    accounts: tuple[Mapping[str, Any], ...]  # name, writable, signer, optional, address


@dataclass(frozen=True, slots=True)
class Layout:
    """A program's accounts and instructions."""

    name: str
    program: str
    accounts: Mapping[str, tuple[bytes, Type]]  # name -> discriminator, type
    instructions: Mapping[str, InstructionLayout]
    errors: Mapping[int, str]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `idl compile` wrote; ConfigError for anything else."""
        try:
            return cls.from_json(json.loads(path.read_text()))
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read ({error}): make it with liquidation-engine idl compile"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} is no compiled layout ({error}): make it with liquidation-engine idl compile"
            ) from error

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Return the layout that a JSON object holds."""
        if body["format"] != FORMAT:
            raise ValueError(f"found format {body['format']}, expected {FORMAT}")
        return cls(
            name=body["name"],
            program=body["program"],
            accounts={
                name: (bytes.fromhex(entry["discriminator"]), entry["type"]) for name, entry in body["accounts"].items()
            },
            instructions={
                name: InstructionLayout(
                    bytes.fromhex(entry["discriminator"]),
                    tuple((arg, kind) for arg, kind in entry["args"]),
                    tuple(entry["accounts"]),
                )
                for name, entry in body["instructions"].items()
            },
            errors={int(code): name for code, name in body["errors"].items()},
        )

    def kind_of(self, data: bytes) -> str | None:
        """Return the account's name by its discriminator."""
        return next((name for name, (prefix, _) in self.accounts.items() if data.startswith(prefix)), None)

    def decode(self, name: str, data: bytes) -> dict[str, Any]:
        """Return an account's fields; DecodeError if the bytes are not such an account or are too short."""
        prefix, kind = self.accounts[name]
        if not data.startswith(prefix):
            raise DecodeError(f"found {data[:8].hex()} at the head of the account, expected {name}'s {prefix.hex()}")
        value, _ = _read(kind, data, len(prefix), name)
        return dict(value)


def pack(kind: Type, value: Any, name: str) -> bytes:
    """Return an argument's bytes in Borsh; ConfigError for a value that does not fit its type."""
    try:
        if kind in WIDTHS and kind not in ("pubkey", "bool"):
            return int(value).to_bytes(WIDTHS[kind], "little")
        if kind in SIGNED:
            return int(value).to_bytes(SIGNED[kind], "little", signed=True)
        if kind == "bool":
            return bytes([bool(value)])
        if kind == "pubkey" and len(bytes(value)) == 32:
            return bytes(value)
    except (OverflowError, ValueError, TypeError) as error:
        raise ConfigError(f"argument {name}: found {value!r}, expected {kind}") from error
    raise ConfigError(f"argument {name} is of type {kind}, which a mapping cannot fill")


def _read(kind: Type, data: bytes, at: int, name: str) -> tuple[Any, int]:
    if isinstance(kind, str):
        return _read_simple(kind, data, at, name)
    ((word, inner),) = kind.items()
    if word == "struct":
        return _read_fields(inner, data, at, name)
    if word == "array":
        return _read_many(inner[0], inner[1], data, at, name)
    if word == "vec":
        length, at = _read_simple("u32", data, at, name)
        if length > len(data):
            raise DecodeError(f"found a length of {length} for {name} in {len(data)} bytes")
        return _read_many(inner, length, data, at, name)
    if word == "option":
        there, at = _read_simple("bool", data, at, name)
        return _read(inner, data, at, name) if there else (None, at)
    return _read_variant(inner, data, at, name)


def _read_fields(fields: Sequence[tuple[str, Type]], data: bytes, at: int, name: str) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    for field, kind in fields:
        value, at = _read(kind, data, at, f"{name}.{field}")
        if not field.startswith("_"):
            values[field] = value
    return values, at


def _read_many(kind: Type, length: int, data: bytes, at: int, name: str) -> tuple[Any, int]:
    if kind == "u8":
        _demand(data, at, length, name)
        return data[at : at + length], at + length
    values = []
    for place in range(length):
        value, at = _read(kind, data, at, f"{name}[{place}]")
        values.append(value)
    return values, at


def _read_variant(variants: Sequence[Any], data: bytes, at: int, name: str) -> tuple[Any, int]:
    number, at = _read_simple("u8", data, at, name)
    if number >= len(variants):
        raise DecodeError(f"found variant {number} of {name}, expected one below {len(variants)}")
    variant, fields = variants[number]
    if not fields:
        return variant, at
    values, at = _read_fields(fields, data, at, f"{name}.{variant}")
    return {variant: values}, at


def _read_simple(kind: str, data: bytes, at: int, name: str) -> tuple[Any, int]:
    if kind in ("string", "bytes"):
        length, at = _read_simple("u32", data, at, name)
        _demand(data, at, length, name)
        value = data[at : at + length]
        return (value.decode("utf-8", "replace") if kind == "string" else value), at + length
    width = WIDTHS.get(kind) or SIGNED.get(kind) or FLOATS[kind]
    _demand(data, at, width, name)
    raw = data[at : at + width]
    if kind == "pubkey":
        return to_base58(raw), at + width
    if kind == "bool":
        if raw[0] > 1:
            raise DecodeError(f"found {raw[0]} for {name}, expected 0 or 1")
        return raw == b"\1", at + width
    return (raw if kind in FLOATS else int.from_bytes(raw, "little", signed=kind in SIGNED)), at + width


def _demand(data: bytes, at: int, width: int, name: str) -> None:
    if at + width > len(data):
        raise DecodeError(f"found {len(data)} bytes, expected {at + width} or more for {name}")
