"""Child processes that cannot outlive their owner: started, watched, and ended within a limit."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from liquidation_engine.errors import ServerError

TERM_SECONDS = 2.0
RESTART_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One supervised process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    restart: bool
    process: asyncio.subprocess.Process
    exits: list[int] = field(default_factory=list)
    ending: bool = False  # we asked it to end: its exit is no event


class Children:
    """Owns the children; `stop` ends all of them, the last started first."""

    def __init__(self, *, log_folder: Path, on_exit: Callable[[Child, int], None]) -> None:
        self._log_folder, self._on_exit = log_folder, on_exit
        self._children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        restart: bool = False,
        pipes: bool = False,
    ) -> Child:
        """Start `python -m liquidation_engine ARGUMENTS`; with `pipes`, its stdin and stdout are ours."""
        command = [sys.executable, "-m", "liquidation_engine", *arguments]
        log = self._log_folder / f"{name}.log"
        child = Child(name, command, environment, log, restart, await _spawn(command, environment, log, pipes=pipes))
        self._children.append(child)
        self._watchers.append(asyncio.create_task(self._watch(child)))
        return child

    def pids(self, prefix: str) -> list[int]:
        """Return the process ids of the children whose name starts with `prefix`."""
        return [child.process.pid for child in self._children if child.name.startswith(prefix)]

    def first_ended(self) -> Child | None:
        """Return a child that has ended without being asked, if there is one."""
        return next((child for child in self._children if child.exits), None)

    async def stop_named(self, *prefixes: str) -> None:
        """End the children whose names start with one of `prefixes`."""
        await asyncio.gather(*(end(child) for child in self._children if child.name.startswith(prefixes)))

    async def stop(self, *, seconds: float = TERM_SECONDS) -> None:
        """End every child: SIGTERM, then SIGKILL when its time is up."""
        self._stopping = True
        await asyncio.gather(*(end(child, seconds=seconds) for child in reversed(self._children)))
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _watch(self, child: Child) -> None:
        while True:
            code = await child.process.wait()
            if self._stopping or child.ending:
                return
            child.exits.append(code)
            self._on_exit(child, code)
            if not child.restart:
                return
            await asyncio.sleep(RESTART_SECONDS)
            if self._stopping or child.ending:
                return
            child.process = await _spawn(child.command, child.environment, child.log, pipes=False)


async def end(child: Child, *, seconds: float = TERM_SECONDS) -> None:
    """End one child: SIGTERM, then SIGKILL when its time is up."""
    child.ending = True
    if child.process.returncode is not None:
        return
    child.process.terminate()
    try:
        async with asyncio.timeout(seconds):
            await child.process.wait()
    except TimeoutError:
        child.process.kill()
        await child.process.wait()


async def first_line(child: Child, *, seconds: float) -> str:
    """Return the first line the child prints, or raise `ServerError` with the end of its log."""
    assert child.process.stdout is not None
    deadline = time.monotonic() + seconds
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + seconds):
            line = (await child.process.stdout.readline()).decode().strip()
    except TimeoutError:
        line = ""
    if line:
        return line
    late = time.monotonic() >= deadline
    raise ServerError(f"{child.name} {'was not ready in time' if late else 'ended at once'}: {log_tail(child.log)}")


def log_tail(path: Path, lines: int = 5) -> str:
    """Return the last lines of a child's log."""
    try:
        return "\n".join(path.read_text(errors="replace").strip().splitlines()[-lines:]) or f"{path} is empty"
    except OSError:
        return f"{path} cannot be read"


async def _spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path, *, pipes: bool
) -> asyncio.subprocess.Process:
    with log.open("ab") as sink:
        return await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **environment},
            cwd=log.parent,  # no foreign .env is read
            stdin=asyncio.subprocess.PIPE if pipes else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if pipes else sink,
            stderr=sink,
            # A session of its own: Ctrl-C reaches the owner alone, which then ends its children in order.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
