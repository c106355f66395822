"""One server process: started so that it dies with its owner, watched, and ended for certain."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

import psutil

from liquidation_engine.errors import ServerError
from liquidation_engine.servers.account import Account

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LOG_TAIL_BYTES = 2_000
_LOG_LIMIT_BYTES = 4_000_000
_POLL_SECONDS = 0.01


class ServerProcess:
    """A child process in a session of its own, so that Ctrl-C in the terminal reaches only its owner."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, gentle: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._gentle = gentle

    @classmethod
    def spawn(
        cls, name: str, command: Sequence[str], *, log: Path, gentle: signal.Signals, account: Account | None = None
    ) -> Self:
        """Start `command`, as `account` if that is given; `gentle` is the signal that asks it to end."""
        user, group = (account.user_id, account.group_id) if account else (-1, -1)
        start = [os.getpid(), int(gentle), user, group, *command]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        environment |= {"TZ": "UTC", "LC_ALL": "C"}
        with _open_log(log) as output:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                [sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, start)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        return cls(name, process, log, gentle)

    @property
    def pid(self) -> int:
        """Return the process id, which the server keeps from the launcher."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.poll()

    async def finished(self, timeout_seconds: float) -> int | None:
        """Wait until it ended; return None if it still runs after the timeout."""
        deadline = time.monotonic() + timeout_seconds
        while (code := self.exit_code()) is None:
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(_POLL_SECONDS)
        return code

    async def stop(self, timeout_seconds: float = 2.0) -> None:
        """Ask it to end; kill it and its children if it has not after the timeout, or when this is cancelled."""
        if self.exit_code() is not None:
            return
        self._process.send_signal(self._gentle)
        try:
            await self.finished(timeout_seconds)
        finally:
            if self.exit_code() is None:
                self.kill()

    def kill(self) -> None:
        """End it and its children at once."""
        family = _with_children(self.pid)
        for process in family:
            _kill(process)
        self._process.wait(timeout=5.0)
        psutil.wait_procs(family, timeout=1.0)

    def failure(self, what: str) -> ServerError:
        """Return an error that ends in the last lines of its log."""
        return ServerError(f"{self.name} {what}; the end of its log, {self.log}:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()


def end_leftovers(homes: Sequence[Path], timeout_seconds: float = 3.0) -> list[int]:
    """End every process whose command names a path in one of `homes`; return their ids.

    The caller holds the folder's lock, so their owner is dead. A signal that was meant for a server may already have reached it: it gets
    a moment to end by itself, since Postgres then needs no recovery.
    """
    found = [process for process in psutil.process_iter() if process.pid != os.getpid() and _works_in(process, homes)]
    for process in found:
        _terminate(process)
    _, stubborn = psutil.wait_procs(found, timeout=timeout_seconds)
    for process in stubborn:
        for member in _with_children(process.pid):
            _kill(member)
    psutil.wait_procs(stubborn, timeout=timeout_seconds)
    return [process.pid for process in found]


def _works_in(process: psutil.Process, homes: Sequence[Path]) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    if not any(Path(word).name in ("postgres", "valkey-server", "initdb") for word in command[:10]):
        return False
    return any(word == str(home) or word.startswith(f"{home}/") for word in command[1:] for home in homes)


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _terminate(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    except psutil.NoSuchProcess:
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _open_log(log: Path) -> BinaryIO:
    """Open the log for appending, readable to the owner only; one that grew large starts anew beside its predecessor."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")
