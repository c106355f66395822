"""A candidate as the fields of a stream entry, and back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, get_args

from liquidation_engine.errors import DecodeError
from liquidation_engine.model import Candidate, CandidateReason
from liquidation_engine.model.candidate import CANDIDATE_VERSION

REASONS: Final[dict[str, CandidateReason]] = {reason: reason for reason in get_args(CandidateReason)}
LONGEST_TEXT: Final = 256  # no address, name or hash is longer


def encode(candidate: Candidate) -> dict[str, str]:
    """Return the fields that travel."""
    return {
        "v": str(CANDIDATE_VERSION),
        "id": candidate.id,
        "position": candidate.position,
        "protocol": candidate.protocol,
        "market": candidate.market,
        "owner": candidate.owner,
        "assets": ",".join(candidate.assets),
        "reason": candidate.reason,
        "slot": str(candidate.slot),
        "ts": str(candidate.ts),
    }


def decode(fields: Mapping[bytes, bytes]) -> Candidate:
    """Return the candidate in `fields`, or raise `DecodeError` saying which field is wrong."""
    version = _text(fields, "v")
    if version != str(CANDIDATE_VERSION):
        raise DecodeError(f"candidate has version {version!r}, expected {CANDIDATE_VERSION}")
    reason = REASONS.get(_text(fields, "reason"))
    if reason is None:
        raise DecodeError(f"candidate has reason {_text(fields, 'reason')!r}, expected one of {', '.join(REASONS)}")
    return Candidate(
        id=_name(fields, "id"),
        position=_name(fields, "position"),
        protocol=_name(fields, "protocol"),
        market=_name(fields, "market"),
        owner=_name(fields, "owner"),
        assets=tuple(asset for asset in _text(fields, "assets").split(",") if asset),
        reason=reason,
        slot=_count(fields, "slot"),
        ts=_count(fields, "ts"),
    )


def as_manual(candidate: Candidate) -> Candidate:
    """Return the same need as an operator asks for it again."""
    return replace(candidate, reason="manual")


def _text(fields: Mapping[bytes, bytes], name: str) -> str:
    value = fields.get(name.encode())
    if value is None:
        raise DecodeError(f"candidate has no field {name!r}")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"candidate's field {name!r} is not UTF-8") from error


def _name(fields: Mapping[bytes, bytes], name: str) -> str:
    """Return a field that becomes part of a key: printable, not empty, no braces (they would move the hash tag)."""
    text = _text(fields, name)
    if not text or len(text) > LONGEST_TEXT or not text.isprintable() or any(sign in text for sign in " {}"):
        raise DecodeError(f"candidate's field {name!r} is {text[:64]!r}, expected an identifier")
    return text


def _count(fields: Mapping[bytes, bytes], name: str) -> int:
    text = _text(fields, name)
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise DecodeError(f"candidate's field {name!r} is {text[:64]!r}, expected a whole number")
    return int(text)
