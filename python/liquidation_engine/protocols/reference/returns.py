"""Reads what the program's top-level instructions returned out of a transaction's logs."""

import base64
import binascii

from liquidation_engine.errors import DecodeError


def returned(logs: tuple[str, ...], program: str) -> list[bytes | None]:
    """Return the return data of each top-level instruction of `program`, in order; None where it set none."""
    found: list[bytes | None] = []
    invoked, returns = f"Program {program} invoke [1]", f"Program return: {program} "
    for line in logs:
        if line == invoked:
            found.append(None)
        elif line.startswith(returns) and found:
            try:
                found[-1] = base64.b64decode(line.removeprefix(returns), validate=True)
            except binascii.Error as error:
                raise DecodeError(f"return data {line[-80:]!r} is not base64") from error
    return found


def little_endian_u64(data: bytes | None) -> int:
    """Return a u64; trailing zero bytes, which a node may cut off, are put back."""
    if data is None or len(data) > 8:
        raise DecodeError(f"return data has {'no' if data is None else len(data)} bytes, expected 8")
    return int.from_bytes(data, "little")
