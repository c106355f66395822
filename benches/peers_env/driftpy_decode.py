"""Prints what driftpy 0.8.89 takes to decode a user account of five spot positions; runs in `make bench-peers`' environment.

Decoding alone: scoring it would need a client with markets and oracles. So the figure is the least that driftpy takes.
"""

import json
import time

from driftpy.decode.user import decode_user

USER_BYTES = 4376
POSITION_BYTES = 40


def user() -> bytes:
    """Return a user's bytes: three deposits and two debts, everything else zero."""
    data = bytearray(USER_BYTES)
    for number in range(5):
        start = 8 + 32 + 32 + 32 + number * POSITION_BYTES
        data[start : start + 8] = (1_000_000_000 + number).to_bytes(8, "little")
        data[start + 32 : start + 34] = number.to_bytes(2, "little")
        data[start + 34] = int(number >= 3)
    return bytes(data)


def main() -> None:
    """Time it."""
    data, taken = user(), []
    assert sum(position.scaled_balance > 0 for position in decode_user(data).spot_positions) == 5
    for _ in range(31):
        started = time.perf_counter()
        for _ in range(100):
            decode_user(data)
        taken.append((time.perf_counter() - started) / 100)
    print(json.dumps({"seconds": min(taken)}))


if __name__ == "__main__":
    main()
