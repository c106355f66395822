"""`idl compile`: an Anchor IDL to a layout. The only place that needs anchorpy, which reads and checks the IDL.

anchorpy pins older Solana libraries than the engine's, so that it has an environment of its own:
`pip install -c constraints-anchor.txt 'liquidation-engine[anchor]'`.
"""

import json
from collections.abc import Mapping
from typing import Any

from liquidation_engine.errors import ConfigError, DecodeError
from liquidation_engine.protocols.mapping.layout import FLOATS, FORMAT, SIGNED, WIDTHS, Type
from liquidation_engine.protocols.mapping.legacy import discriminators, to_legacy, zero_copy

# What C aligns to; on Solana's VM a u128 is aligned to 8 bytes.
_MOST_ALIGNED = 8


def compile_idl(text: str, *, program: str | None = None) -> dict[str, Any]:
    """Return the layout as a JSON object; ConfigError without anchorpy, DecodeError for what is no IDL.

    `program` is the program's address where the IDL does not have it.
    """
    try:
        from anchorpy_core.idl import Idl
    except ModuleNotFoundError as error:
        message = (
            "anchorpy is not installed here: in an environment of its own, pip install 'liquidation-engine[anchor]'"
        )
        raise ConfigError(message) from error
    try:
        idl = json.loads(text)
        legacy = to_legacy(idl)
        parsed = json.loads(Idl.from_json(json.dumps(legacy)).to_json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"found a text that is no Anchor IDL: {error}") from error
    address = program or idl.get("address") or (parsed.get("metadata") or {}).get("address")
    if not address:
        raise ConfigError("the IDL does not say the program's address: give it with --program")
    return _Compiler(idl, parsed).layout(address)


class _Compiler:
    def __init__(self, idl: dict[str, Any], parsed: dict[str, Any]) -> None:
        self._idl, self._parsed = idl, parsed
        self._types = {entry["name"]: entry["type"] for entry in parsed.get("types", [])}
        self._zero_copy = zero_copy(idl)
        self._open: list[str] = []

    def layout(self, program: str) -> dict[str, Any]:
        of_accounts, of_instructions = (discriminators(self._idl, kind) for kind in ("accounts", "instructions"))
        addresses = {
            (entry["name"], account["name"]): account["address"]
            for entry in self._idl["instructions"]
            for account in entry.get("accounts", [])
            if "address" in account
        }
        return {
            "format": FORMAT,
            "name": self._parsed["name"],
            "program": program,
            "accounts": {
                entry["name"]: {
                    "discriminator": of_accounts[entry["name"]].hex(),
                    "type": self._struct(entry["type"], entry["name"] in self._zero_copy),
                }
                for entry in self._parsed.get("accounts", [])
            },
            "instructions": {
                entry["name"]: {
                    "discriminator": of_instructions[entry["name"]].hex(),
                    "args": [[arg["name"], self._type(arg["type"])] for arg in entry["args"]],
                    "accounts": list(_accounts(entry, addresses)),
                }
                for entry in self._parsed["instructions"]
            },
            "errors": {str(entry["code"]): entry["name"] for entry in self._parsed.get("errors") or []},
        }

    def _type(self, kind: Any) -> Type:
        if isinstance(kind, str):
            kind = {"publicKey": "pubkey"}.get(kind, kind)
            if kind not in {*WIDTHS, *SIGNED, *FLOATS, "string", "bytes"}:
                raise DecodeError(f"found type {kind!r}, which is not known")
            return kind
        ((word, inner),) = kind.items()
        if word == "defined":
            return self._defined(inner)
        if word == "array":
            return {"array": [self._type(inner[0]), inner[1]]}
        if word in ("vec", "option"):
            return {word: self._type(inner)}
        raise DecodeError(f"found type {word!r}, which is not known")

    def _defined(self, name: str) -> Type:
        if name not in self._types:
            raise DecodeError(f"found type {name}, which the IDL does not define")
        if name in self._open:
            raise DecodeError(f"found type {name} inside itself: {' in '.join([*self._open, name])}")
        self._open.append(name)
        body = self._types[name]
        if body["kind"] == "struct":
            made = self._struct(body, name in self._zero_copy)
        elif body["kind"] == "enum":
            made = {"enum": [[variant["name"], self._variant(variant)] for variant in body["variants"]]}
        else:
            made = self._type(body["value"])
        self._open.pop()
        return made

    def _variant(self, variant: Mapping[str, Any]) -> list[list[Any]]:
        fields = variant.get("fields") or []
        return [
            [field["name"], self._type(field["type"])]
            if isinstance(field, dict) and "name" in field
            else [str(place), self._type(field)]
            for place, field in enumerate(fields)
        ]

    def _struct(self, body: Mapping[str, Any], padded: bool) -> Type:
        fields = [[field["name"], self._type(field["type"])] for field in body.get("fields", [])]
        return {"struct": _padded(fields) if padded else fields}


def _accounts(entry: Mapping[str, Any], addresses: Mapping[tuple[str, str], str], prefix: str = "") -> Any:
    for account in entry["accounts"]:
        if "accounts" in account:
            yield from _accounts({**account, "name": entry["name"]}, addresses, f"{prefix}{account['name']}.")
            continue
        made = {
            "name": prefix + account["name"],
            "writable": account["isMut"],
            "signer": account["isSigner"],
            "optional": bool(account.get("isOptional")),
        }
        if address := addresses.get((entry["name"], account["name"])):
            made["address"] = address
        yield made


def _padded(fields: list[list[Any]]) -> list[list[Any]]:
    """Return the fields with the padding that C puts between and behind them."""
    laid, at, most = [], 0, 1
    for name, kind in fields:
        size, align = _size(kind)
        most = max(most, align)
        if gap := -at % align:
            laid.append([f"_padding_{at}", {"array": ["u8", gap]}])
        laid.append([name, kind])
        at += gap + size
    if gap := -at % most:
        laid.append([f"_padding_{at}", {"array": ["u8", gap]}])
    return laid


def _size(kind: Type) -> tuple[int, int]:
    """Return size and alignment of a type that has a fixed size."""
    if isinstance(kind, str) and kind not in ("string", "bytes"):
        width = WIDTHS.get(kind) or SIGNED.get(kind) or FLOATS[kind]
        return width, 1 if kind == "pubkey" else min(width, _MOST_ALIGNED)
    if isinstance(kind, dict) and "array" in kind:
        size, align = _size(kind["array"][0])
        return size * kind["array"][1], align
    if isinstance(kind, dict) and "struct" in kind:
        parts = [_size(inner) for _, inner in kind["struct"]]
        return sum(size for size, _ in parts), max((align for _, align in parts), default=1)
    raise DecodeError(f"found {kind} in a zero-copy type, expected types of a fixed size")
