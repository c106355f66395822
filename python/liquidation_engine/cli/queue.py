"""`queue` and `dlq`: how the candidates stand, who holds them, and what became of those that were given up."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from liquidation_engine.cli.output import not_done, print_json, print_table
from liquidation_engine.cli.servers import AsJson, Config, DatabaseUrl, RedisUrl, database_of, redis_of
from liquidation_engine.database import Guards
from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS
from liquidation_engine.stream import (
    CandidateProducer,
    DeadLetter,
    DeadLetters,
    QueueStatus,
    Redis,
    Retried,
    pending_entries,
    queue_status,
)
from liquidation_engine.stream.ids import parse_id

queue = typer.Typer(help=f"The candidates on {CANDIDATES}.", no_args_is_help=True)
dlq = typer.Typer(help=f"The dead letters on {DEAD_LETTERS}: candidates that were given up.", no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]
LetterIds = Annotated[list[str] | None, typer.Argument(help="Ids, as `dlq list` shows them.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every dead letter there is.")]

MARKER_SECONDS = 1.0  # a retried candidate is not published a second time within this
STREAM_LIMIT = 100_000
MOST_LETTERS = 10_000


@queue.command()
def status(
    stalled_after: Annotated[
        float, typer.Option(min=0, help="Exit code 1 when the oldest candidate is older, in seconds.")
    ] = 60.0,
    config_file: Config = None,
    redis_url: RedisUrl = None,
    json: AsJson = False,
) -> None:
    """Show length, lag, pending entries and the oldest one's age; exit code 1 when the work stands still."""
    found = asyncio.run(_status(redis_url, config_file))
    stalled = found.oldest_pending_seconds > stalled_after
    if json:
        print_json({**asdict(found), "stalled": stalled})
    else:
        shown = {
            "entries on the stream": found.length,
            "given to nobody yet (lag)": found.lag,
            "in work (pending)": found.pending,
            "age of the oldest, in seconds": found.oldest_pending_seconds,
            "dead letters": found.dead_letters,
        }
        print_table(CANDIDATES, ("", "now"), shown.items())
    if stalled:
        not_done(
            f"the oldest candidate has waited {found.oldest_pending_seconds:.0f} s: look at `liquidation-engine queue pending` "
            "and start workers (ROLES=worker)"
        )


@queue.command()
def pending(limit: Limit = 50, config_file: Config = None, redis_url: RedisUrl = None, json: AsJson = False) -> None:
    """Show who holds which candidate, the oldest first."""

    async def read() -> list[dict[str, object]]:
        async with redis_of(redis_url, config_file) as redis:
            return [asdict(entry) for entry in await pending_entries(redis, limit)]

    rows = asyncio.run(read())
    if json:
        print_json({"pending": rows, "count": len(rows)})
    else:
        columns = ("id", "position", "consumer", "idle_seconds", "deliveries")
        print_table("in work", columns, ([row[name] for name in columns] for row in rows))


@dlq.command("list")
def list_letters(
    limit: Limit = 50, config_file: Config = None, redis_url: RedisUrl = None, json: AsJson = False
) -> None:
    """Show the dead letters, the newest first."""

    async def read() -> tuple[int, list[DeadLetter]]:
        async with redis_of(redis_url, config_file) as redis:
            letters = _letters(redis)
            return await letters.count(), await letters.newest(limit)

    count, letters = asyncio.run(read())
    if json:
        print_json({"total": count, "dead_letters": [asdict(letter) for letter in letters]})
    else:
        rows = ((one.id, one.at, one.position, one.deliveries, one.reason) for one in letters)
        print_table(f"{count:,} dead letters", ("id", "given up", "position", "deliveries", "reason"), rows)


@dlq.command()
def show(letter_id: str, config_file: Config = None, redis_url: RedisUrl = None, json: AsJson = False) -> None:
    """Show one dead letter with everything that was on the stream; exit code 1 when there is none by this id."""

    async def read() -> DeadLetter | None:
        async with redis_of(redis_url, config_file) as redis:
            return await _letters(redis).get(parse_id(letter_id))

    letter = asyncio.run(read())
    if letter is None:
        not_done(_unknown(letter_id))
    if json:
        print_json(asdict(letter))
    else:
        facts = {name: value for name, value in asdict(letter).items() if name not in ("fields", "candidate")}
        print_table("dead letter", ("", "value"), {**facts, **letter.fields}.items())


@dlq.command()
def retry(
    ids: LetterIds = None,
    every: All = False,
    config_file: Config = None,
    redis_url: RedisUrl = None,
    database_url: DatabaseUrl = None,
    json: AsJson = False,
) -> None:
    """Publish candidates again and end the back-off of their positions; exit code 1 when one of them could not be."""
    outcomes = asyncio.run(_retry(_chosen(ids, every), redis_url, database_url, config_file))
    _tell(outcomes, json, good={Retried.PUBLISHED.value, Retried.QUEUED.value})


@dlq.command()
def drop(
    ids: LetterIds = None,
    every: All = False,
    config_file: Config = None,
    redis_url: RedisUrl = None,
    json: AsJson = False,
) -> None:
    """Throw dead letters away; their positions stay with the scanner. Exit code 1 when one of them was not there."""

    async def act() -> dict[str, str]:
        async with redis_of(redis_url, config_file) as redis:
            letters = _letters(redis)
            named = _chosen(ids, every) or [letter.id for letter in await letters.newest(MOST_LETTERS)]
            return {one: "dropped" if await letters.drop(one) else "unknown" for one in named}

    _tell(asyncio.run(act()), json, good={"dropped"})


async def _status(redis_url: str | None, config_file: Path | None) -> QueueStatus:
    async with redis_of(redis_url, config_file) as redis:
        return await queue_status(redis)


async def _retry(
    ids: list[str], redis_url: str | None, database_url: str | None, config_file: Path | None
) -> dict[str, str]:
    """Return id -> what became of it. The back-off ends first: a worker would only put the candidate aside again."""
    async with redis_of(redis_url, config_file) as redis, database_of(database_url, config_file) as database:
        letters, guards = _letters(redis), Guards(database)
        found = {one: await letters.get(one) for one in ids} or {
            letter.id: letter for letter in reversed(await letters.newest(MOST_LETTERS))
        }
        outcomes = {}
        for letter_id, letter in found.items():
            if letter is None:
                outcomes[letter_id] = "unknown"
                continue
            if letter.candidate is not None:
                await guards.clear_back_off(letter.candidate.position)
            outcomes[letter_id] = (await letters.retry(letter)).value
        return outcomes


def _letters(redis: Redis) -> DeadLetters:
    return DeadLetters(redis, CandidateProducer(redis, dedupe_seconds=MARKER_SECONDS, maxlen=STREAM_LIMIT))


def _chosen(ids: list[str] | None, every: bool) -> list[str]:
    """Return the ids that were named; none of them stands for all letters."""
    if bool(ids) == every:
        raise typer.BadParameter("name the ids of dead letters, or --all; `liquidation-engine dlq list` shows them")
    return [parse_id(one) for one in ids or []]


def _tell(outcomes: dict[str, str], as_json: bool, *, good: set[str]) -> None:
    if as_json:
        print_json({"dead_letters": outcomes})
    else:
        print_table(f"{len(outcomes):,} dead letters", ("id", "outcome"), outcomes.items())
    bad = [letter_id for letter_id, outcome in outcomes.items() if outcome not in good]
    if bad:
        not_done("; ".join(_next_step(letter_id, outcomes[letter_id]) for letter_id in bad))


def _next_step(letter_id: str, outcome: str) -> str:
    match outcome:
        case Retried.NO_ROOM.value:
            return f"{letter_id} found no room on {CANDIDATES}: try again when `liquidation-engine queue status` shows less"
        case Retried.MALFORMED.value:
            return f"{letter_id} is no candidate of this release: look with `liquidation-engine dlq show`, then drop it"
        case _:
            return _unknown(letter_id)


def _unknown(letter_id: str) -> str:
    return f"there is no dead letter {letter_id}: `liquidation-engine dlq list` shows those there are"
