"""Serves the application on one port, which is taken before anything else is started."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from liquidation_engine.errors import AddressInUse, ConfigError
from liquidation_engine.telemetry.logs import ADDRESS_IN_USE, get_logger

log = get_logger(__name__)

BACKLOG = 256
SHUTDOWN_SECONDS = 2


def open_port(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise `AddressInUse` when another process has the port. Port 0 takes a free one."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"{ADDRESS_IN_USE}: {host}:{port}; stop the process that has it or choose another SERVER_PORT"
            ) from error
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; check BIND and SERVER_PORT") from error


async def serve_api(
    app: FastAPI, host: str, port: int, stop: asyncio.Event, *, listening: socket.socket | None = None
) -> None:
    """Serve until `stop` is set; `listening` is a socket that `open_port` has taken before."""
    sock = listening or open_port(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            timeout_keep_alive=30,
        )
    )
    log.info("API is listening", url=f"http://{host}:{sock.getsockname()[1]}")
    stopping = asyncio.create_task(_stop_when_told(server, stop))
    try:
        await server.serve(sockets=[sock])
    finally:
        stopping.cancel()
        sock.close()


async def _stop_when_told(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the one who runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield
