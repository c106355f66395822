"""Asks a server over a real connection whether it serves, in the few bytes of its own protocol.

A process that runs, an open port or a pid file prove nothing: they outlive a killed server.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

_PROTOCOL_3 = 196_608
_TRY_SECONDS = 2.0


async def postgres_serves(port: int, user: str) -> bool:
    """Return whether Postgres asks for a password, which it does only when it accepts connections."""
    startup = b"".join(text.encode() + b"\0" for text in ("user", user, "database", "postgres")) + b"\0"
    message = struct.pack("!ii", 8 + len(startup), _PROTOCOL_3) + startup
    return await _answers(port, message, lambda answer: answer[:1] == b"R")


async def valkey_serves(port: int, password: str) -> bool:
    """Return whether Valkey takes the password and answers a ping; it does not while it loads its data."""
    message = f"AUTH {password}\r\nPING\r\n".encode()
    return await _answers(port, message, lambda answer: answer == b"+OK\r\n+PONG\r\n", size=12)


async def until(serves: Callable[[], Awaitable[bool]], ended: Callable[[], bool], timeout_seconds: float) -> bool:
    """Probe until the server serves; return False when it ended or the time is over."""
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while asyncio.get_running_loop().time() < deadline and not ended():
        if await serves():
            return True
        await asyncio.sleep(0.02)
    return False


def free_port() -> int:
    """Return a port that was free a moment ago; whoever uses it must be ready to find it taken."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def _answers(port: int, message: bytes, fits: Callable[[bytes], bool], size: int = 1) -> bool:
    with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        async with asyncio.timeout(_TRY_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(message)
                return fits(await reader.readexactly(size))
            finally:
                writer.close()
    return False
