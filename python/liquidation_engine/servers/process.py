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
_PROGRAMS = ("postgres", "initdb", "valkey-server")
_KILLED_SECONDS = 2.0  # for the kernel to end what was killed


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
        """End it and its children at once. Blocks for the moment that takes: it also runs while being cancelled."""
        family = _with_children(self.pid)
        for process in family:
            _kill(process)
        self._process.wait(timeout=_KILLED_SECONDS)
        _wait_until_gone(family, _KILLED_SECONDS)

    def failure(self, what: str) -> ServerError:
        """Return an error that ends in the last lines of its log."""
        return ServerError(f"{self.name} {what}; the end of its log, {self.log}:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()


def end_leftovers(homes: Sequence[Path], timeout_seconds: float = 3.0) -> list[int]:
    """End every server that works in one of `homes`; return their ids.

    The caller holds the folder's lock, so their owner is dead. A signal that was meant for a server may already have reached it: it gets
    a moment to end by itself, since Postgres then needs no recovery.
    """
    found = [process for process in psutil.process_iter() if process.pid != os.getpid() and _works_in(process, homes)]
    for process in found:
        _terminate(process)
    stubborn = [m for process in _wait_until_gone(found, timeout_seconds) for m in _with_children(process.pid)]
    for process in stubborn:
        _kill(process)
    if left := _wait_until_gone(stubborn, _KILLED_SECONDS):
        raise ServerError(
            f"processes {[p.pid for p in left]}, left by a crashed owner of {homes[0]}, cannot be ended: end them"
        )
    return [process.pid for process in found]


def _works_in(process: psutil.Process, homes: Sequence[Path]) -> bool:
    """Return whether a server's command names a path in `homes`, or it is a backend of Postgres, which names none, there."""
    try:
        command = process.cmdline()
        if any(Path(word).name in _PROGRAMS for word in command[:10]):
            return any(_within(word, homes) for word in command[1:])
        return bool(command) and command[0].startswith("postgres:") and _within(process.cwd(), homes)
    except psutil.Error:
        return False


def _within(path: str, homes: Sequence[Path]) -> bool:
    return any(path == str(home) or path.startswith(f"{home}/") for home in homes)


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _wait_until_gone(processes: Sequence[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait until they ended; return those that have not. A zombie has: in a container, nobody may ever collect it."""
    deadline = time.monotonic() + timeout_seconds
    while (left := [process for process in processes if _lives(process)]) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
