"""An IDL of Anchor 0.30 or newer in the words of the older ones, which are all that anchorpy reads.

New IDLs carry discriminators, `writable`/`signer` flags, `pubkey`, and the accounts' fields among the types; old ones have
`isMut`/`isSigner`, `publicKey`, fields in place, and discriminators that follow from the names.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from liquidation_engine.errors import DecodeError

Json: TypeAlias = dict[str, Any]


def is_new(idl: Json) -> bool:
    """Tell whether an IDL is of Anchor 0.30 or newer."""
    return "spec" in idl.get("metadata", {}) or "address" in idl


def to_legacy(idl: Json) -> Json:
    """Return the IDL in the old words; an old one as it is. Raises DecodeError for what is neither."""
    for needed in ("instructions",):
        if not isinstance(idl.get(needed), list):
            raise DecodeError(f"found an IDL without a list of {needed}, expected an Anchor IDL")
    if not is_new(idl):
        return idl
    types = {entry["name"]: entry for entry in idl.get("types", [])}
    accounts = []
    for account in idl.get("accounts", []):
        if account["name"] not in types:
            raise DecodeError(f"found account {account['name']} without a type of its name")
        accounts.append({"name": account["name"], "type": _type_body(types[account["name"]]["type"])})
    held = {account["name"] for account in accounts}
    return {
        "version": idl["metadata"].get("version", "0.0.0"),
        "name": idl["metadata"].get("name", "program"),
        "instructions": [_instruction(entry) for entry in idl["instructions"]],
        "accounts": accounts,
        "types": [
            {"name": name, "type": _type_body(entry["type"])}
            for name, entry in types.items()
            if name not in held and not entry.get("generics")
        ],
        "errors": [{key: entry.get(key, "") for key in ("code", "name", "msg")} for entry in idl.get("errors", [])],
        "metadata": {"address": idl.get("address", "")},
    }


def discriminators(idl: Json, kind: str) -> dict[str, bytes]:
    """Return each account's or instruction's discriminator: the one that is written there, else its name's hash."""
    return {
        entry["name"]: bytes(entry["discriminator"]) if "discriminator" in entry else _by_name(kind, entry["name"])
        for entry in idl.get(kind, [])
    }


def zero_copy(idl: Json) -> frozenset[str]:
    """Return the types that lie in memory as C lays them out, padding included, instead of in Borsh's packed form."""
    packed = {"packed": True}
    return frozenset(
        entry["name"]
        for entry in idl.get("types", [])
        if str(entry.get("serialization", "")).startswith("bytemuck")
        and not (isinstance(entry.get("repr"), Mapping) and entry["repr"].items() >= packed.items())
    )


def _by_name(kind: str, name: str) -> bytes:
    """Anchor: sha256("account:<Name>") and sha256("global:<snake_case_name>"), the first 8 bytes."""
    text = f"account:{name}" if kind == "accounts" else f"global:{_snake(name)}"
    return hashlib.sha256(text.encode()).digest()[:8]


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _instruction(entry: Json) -> Json:
    return {
        "name": entry["name"],
        "accounts": [_account(account) for account in entry.get("accounts", [])],
        "args": [{"name": arg["name"], "type": _type(arg["type"])} for arg in entry.get("args", [])],
    }


def _account(entry: Json) -> Json:
    if "accounts" in entry:
        return {"name": entry["name"], "accounts": [_account(inner) for inner in entry["accounts"]]}
    return {
        "name": entry["name"],
        "isMut": bool(entry.get("writable", False)),
        "isSigner": bool(entry.get("signer", False)),
        "isOptional": bool(entry.get("optional", False)),
    }


def _type_body(body: Json) -> Json:
    if body["kind"] == "struct":
        fields = body.get("fields", [])
        if fields and not isinstance(fields[0], dict):  # a tuple struct
            fields = [{"name": f"field_{place}", "type": field} for place, field in enumerate(fields)]
        return {"kind": "struct", "fields": [_named(field) for field in fields]}
    if body["kind"] == "enum":
        return {"kind": "enum", "variants": [_variant(variant) for variant in body["variants"]]}
    if body["kind"] == "type":
        return {"kind": "alias", "value": _type(body["alias"])}
    raise DecodeError(f"found a type of kind {body['kind']!r}, expected struct, enum or type")


def _variant(variant: Json) -> Json:
    if not variant.get("fields"):
        return {"name": variant["name"]}
    named = [
        _named(field) if isinstance(field, dict) and "name" in field else _type(field) for field in variant["fields"]
    ]
    return {"name": variant["name"], "fields": named}


def _named(field: Json) -> Json:
    return {"name": field["name"], "type": _type(field["type"])}


def _type(kind: Any) -> Any:
    if kind == "pubkey":
        return "publicKey"
    if not isinstance(kind, dict):
        return kind
    if "defined" in kind:
        defined = kind["defined"]
        if isinstance(defined, dict):
            if defined.get("generics"):
                raise DecodeError(f"found type {defined['name']} with generics, which no IDL of the older kind can say")
            return {"defined": defined["name"]}
        return kind
    if "array" in kind:
        inner, length = kind["array"]
        return {"array": [_type(inner), length]}
    return {word: _type(inner) for word, inner in kind.items()}
