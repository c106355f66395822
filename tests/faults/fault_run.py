"""Runs a small demo in which instances end themselves at fault points, or have something done to them, and gathers what came of it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from liquidation_engine.runner.faults import PLAN_VARIABLE, SETUP_VARIABLE
from liquidation_engine.runner.sabotage import KINDS as SABOTAGES

SECONDS = 120
KILLED = f"killed by signal {int(signal.SIGKILL)}"
ADOPTED = "Adopted a live intent"
TRIGGERED = "LIQUIDATION TRIGGERED"
ELECTED = "Elected leader"


@dataclass(frozen=True)
class Run:
    """A demo that is going on."""

    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def log(self, name: str) -> str:
        """Return what an instance has logged, over all its starts."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def process(self, name: str) -> psutil.Process:
        """Return the process that runs now under an instance's name."""
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except psutil.Error:
                continue
            mine = environment.get("WALLET_PATH", "").startswith(str(self.folder))
            if mine and environment.get("INSTANCE_ID") == name:
                return process
        raise AssertionError(f"{name} does not run")

    def valkey(self) -> psutil.Process:
        """Return the demo's Valkey."""
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
            except psutil.Error:
                continue
            if str(self.folder / "servers" / "valkey.conf") in command:
                return process
        raise AssertionError("Valkey does not run")

    def start(self, command: Sequence[str]) -> None:
        """Start a server that ends with the test."""
        with (self.folder / f"started-{len(self.started)}.log").open("wb") as log:
            self.started.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    def environment(self, key: str) -> str:
        """Return a setting that all instances share."""
        return self.process("api").environ()[key]

    async def localnet(self, method: str, *params: object) -> Any:
        """Ask localnet for something that no real node does."""
        url = self.environment("SOLANA_RPC_URL").split(",")[0]
        body = {"jsonrpc": "2.0", "id": 1, "method": f"localnet_{method}", "params": params}
        async with aiohttp.ClientSession() as http, http.post(url, json=body) as response:
            answer = await response.json()
        assert "error" not in answer, answer
        return answer["result"]

    async def until_logged(self, name: str, text: str, times: int = 1) -> None:
        """Wait until an instance has logged `text` so many times."""
        while self.log(name).count(text) < times:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Ended:
    """A demo that has ended, as its judge saw it."""

    code: int
    report: dict[str, Any]
    progress: list[str]
    logs: dict[str, str] = field(repr=False)

    @property
    def verdict(self) -> tuple[bool, int, int]:
        """Whether the judge was content, and how many he found missed and sent twice."""
        return self.report["clean"] and self.code == 0, self.report["missed"], self.report["duplicates"]

    @property
    def faults(self) -> object:
        """What the judge found, for the message of a failed test."""
        return self.report["auditor"]["faults"]

    def killed(self, name: str) -> int:
        """Return how often an instance ended by SIGKILL and was started again."""
        return sum(line.startswith(f"{name} (pid") and KILLED in line for line in self.progress)

    @property
    def adopted(self) -> int:
        """Return how many live intents were brought to their end by somebody who met them."""
        return sum(log.count(ADOPTED) for log in self.logs.values())


async def at_work(run: Run) -> None:
    """Wait until both workers have positions in hand."""
    for worker in ("worker-1", "worker-2"):
        await run.until_logged(worker, TRIGGERED, 3)


def spoken(deed: Callable[..., object]) -> str:
    """Return what a deed is called in the table."""
    return deed.__name__.replace("_", " ")


def _sabotage() -> list[str]:
    """Return the option that breaks the demo's engine, where a test is to prove that it would notice."""
    kind = os.environ.get("LIQUIDATION_SABOTAGE")
    return [f"--sabotage={kind}"] if kind in SABOTAGES else []


Deed = Callable[[Run], Coroutine[None, None, None]]


async def nothing(run: Run) -> None:
    """Let it run undisturbed."""


async def run_with_faults(
    folder: Path,
    faults: Mapping[str, Sequence[str]],
    *,
    deed: Deed = nothing,
    missed_slots: int,
    slot_ms: int = 100,
    positions: int = 100,
    seed: int = 7,
    workers: int = 2,
    setup: Mapping[str, object] | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> Ended:
    """Run the demo to its verdict; `deed` is done to it meanwhile, and must be done when it ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liquidation_engine", "demo", "--json", f"--data-folder={folder}"),
        *(f"--positions={positions}", f"--seed={seed}", f"--slot-ms={slot_ms}", f"--missed-slots={missed_slots}"),
        *(f"--workers={workers}", *options, *_sabotage()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            PLAN_VARIABLE: json.dumps(faults),
            SETUP_VARIABLE: json.dumps(setup or {}),
            **(environment or {}),
        },
    )
    assert process.stdout is not None
    assert process.stderr is not None
    run = Run(folder)
    doing = asyncio.create_task(deed(run))
    try:
        async with asyncio.timeout(seconds):
            output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        ended_early = [number for number, server in enumerate(run.started) if server.poll() is not None]
        for server in run.started:
            server.kill()
            server.wait()
    assert not ended_early, [run.log(f"started-{number}")[-500:] for number in ended_early]
    progress = errors.decode().splitlines()
    assert output.strip(), progress
    assert not doing.cancelled(), "the demo was over before the fault was"
    doing.result()
    logs = {path.stem: path.read_text() for path in folder.glob("*.log")}  # noqa: ASYNC240 - all is over
    return Ended(code, json.loads(output), progress, logs)
