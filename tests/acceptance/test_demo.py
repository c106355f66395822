"""The demo as a person runs it: real processes, real servers, judged by the auditor. Slots are shorter than on the real chain."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.demo, pytest.mark.slow]

SLOT_MS = 150
SECONDS = 120


@dataclass(frozen=True)
class Ended:
    """A demo that has ended."""

    code: int
    report: dict[str, Any] | None
    progress: list[str]
    folder: Path


async def run_demo(
    folder: Path, *options: str, on_line: Callable[[str, asyncio.subprocess.Process], None] | None = None
) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liquidation_engine", "demo", "--json", f"--slot-ms={SLOT_MS}"),
        *(f"--data-folder={folder}", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    progress: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None

    async def follow(stream: asyncio.StreamReader) -> None:
        async for line in stream:
            progress.append(line.decode().rstrip())
            if on_line is not None:
                on_line(progress[-1], process)

    async with asyncio.timeout(SECONDS):
        output, _ = await asyncio.gather(process.stdout.read(), follow(process.stderr))
        code = await process.wait()
    return Ended(code, json.loads(output) if output.strip() else None, progress, folder)


def instances(folder: Path, name: str) -> list[psutil.Process]:
    """Return the processes of this very demo that run under an instance's name."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("INSTANCE_ID") == name and environment.get("WALLET_PATH", "").startswith(str(folder)):
            found.append(process)
    return found


def left_running(folder: Path) -> list[str]:
    """Return what still runs of this very demo."""
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            mine = str(folder) in command or process.environ().get("WALLET_PATH", "").startswith(str(folder))
        except psutil.Error:
            continue
        if mine and process.pid != os.getpid():
            found.append(command)
    return found


async def test_a_crash_is_liquidated_whole_and_the_books_equal_the_chain(folder: Path) -> None:
    ended = await run_demo(folder, "--positions=300", "--seed=7")
    assert ended.code == 0, ended.progress
    report = ended.report
    assert report is not None
    assert (report["missed"], report["duplicates"]) == (0, 0)
    assert report["ledger_matches_chain"] is True
    assert report["fund_matches_chain"] is True
    assert report["liquidatable"] > 60
    assert report["auditor"]["stayed_liquidatable_after_first"] * 3 >= report["liquidatable"]
    assert report["auditor"]["under_water"] > 0
    assert report["auditor"]["asked_program"] > 5_000
    assert len(report["worker_pids"]) == 2
    assert set(report["latency_ms"]) >= {"detect", "queue", "read", "simulate", "send", "settle", "seen_to_sent"}
    assert left_running(folder) == []


async def test_a_worker_killed_in_the_middle_costs_nothing(folder: Path) -> None:
    killed: list[int] = []

    def kill_once(line: str, process: asyncio.subprocess.Process) -> None:
        busy = re.search(r"(\d+) in flight", line)
        if busy and int(busy[1]) and not killed:
            for worker in instances(folder, "worker-1"):
                worker.send_signal(signal.SIGKILL)
                killed.append(worker.pid)

    ended = await run_demo(folder, "--positions=300", "--seed=3", on_line=kill_once)
    assert killed
    assert ended.code == 0, (ended.progress, ended.report and ended.report["auditor"]["faults"])


@pytest.mark.parametrize(
    ("sabotage", "seen"),
    [("blind-second-send", "duplicates"), ("skip-scan", "missed"), ("wrong-ledger", "ledger_matches_chain")],
)
async def test_the_judge_sees_each_sabotage(folder: Path, sabotage: str, seen: str) -> None:
    ended = await run_demo(folder, "--positions=200", f"--sabotage={sabotage}")
    assert ended.code == 1, ended.progress
    assert ended.report is not None
    assert ended.report["clean"] is False
    if seen == "ledger_matches_chain":
        assert ended.report[seen] is False
    else:
        assert ended.report[seen] > 0


@pytest.mark.parametrize("moment", ["starting Postgres", "building the market", "starting leader", r"[1-9]\d* landed"])
async def test_an_interrupt_at_any_moment_ends_everything_within_five_seconds(folder: Path, moment: str) -> None:
    sent: list[float] = []

    def interrupt(line: str, process: asyncio.subprocess.Process) -> None:
        if re.search(moment, line) and not sent:
            sent.append(time.monotonic())
            process.send_signal(signal.SIGINT)

    ended = await run_demo(folder, "--positions=200", on_line=interrupt)
    assert sent, ended.progress
    assert time.monotonic() - sent[0] < 5.0
    assert ended.code == 130
    assert ended.report is None
    assert left_running(folder) == []
