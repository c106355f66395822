"""Where an instruction's accounts and arguments come from, in one line of text each.

position   position.market   debt   debt.vault   collateral.config.fee   other.oracle   wallet
plan.amount   plan.min_received   7
ata(wallet, debt.mint)                      the associated token account
pda("vault", debt)                          derived by the program from texts and addresses
find(InsuranceFund, mint = collateral.mint) the account of this kind whose field is that; .vault behind it is a field
"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
"""

import re
from dataclasses import dataclass

from liquidation_engine.errors import ConfigError

_TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<number>\d+)|(?P<sign>[(),=.]))')
ROOTS = {"position", "debt", "collateral", "other", "wallet", "plan"}
PLAN_FIELDS = {"amount", "min_received"}


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source: what it begins with, its parts, and the field behind it."""

    call: str  # "field", "ata", "pda", "find", "text", "number"
    head: str = ""
    path: str = ""
    parts: tuple["Source", ...] = ()


def parse_source(text: object, place: str) -> Source:
    """Return the source that a text says; ConfigError says where it stops making sense."""
    if isinstance(text, int) and not isinstance(text, bool):
        return Source("number", str(text))
    if not isinstance(text, str):
        raise ConfigError(f"{place}: found {text!r}, expected a source such as position.market")
    parser = _Parser(text, place)
    source = parser.source()
    parser.end()
    return source


class _Parser:
    def __init__(self, text: str, place: str) -> None:
        self._text, self._place, self._at = text, place, 0

    def source(self) -> Source:
        kind, word = self._next("an account or a value")
        if kind == "text":
            return Source("text", word[1:-1])
        if kind == "number":
            return Source("number", word)
        if kind == "name" and self._peek() == "(":
            return self._call(word)
        if kind == "name":
            head, _, path = word.partition(".")
            if head not in ROOTS:
                raise self._wrong(head, f"one of {', '.join(sorted(ROOTS))}")
            if head == "plan" and path not in PLAN_FIELDS:
                raise self._wrong(word, "plan.amount or plan.min_received")
            return Source("field", head, path)
        raise self._wrong(word, "an account or a value")

    def _call(self, word: str) -> Source:
        self._demand("(")
        if word == "find":
            _, account = self._next("a kind of account")
            self._demand(",")
            _, field = self._next("a field")
            self._demand("=")
            wanted = self.source()
            self._demand(")")
            return Source("find", account, self._path(), (Source("text", field), wanted))
        if word not in ("ata", "pda"):
            raise self._wrong(word, "ata, pda or find")
        parts = [self.source()]
        while self._peek() == ",":
            self._demand(",")
            parts.append(self.source())
        self._demand(")")
        if word == "ata" and len(parts) != 2:
            raise self._wrong(self._text, "ata(owner, mint)")
        return Source(word, "", "", tuple(parts))

    def _path(self) -> str:
        if self._peek() != ".":
            return ""
        self._demand(".")
        return self._next("a field")[1]

    def end(self) -> None:
        if self._text[self._at :].strip():
            raise self._wrong(self._text[self._at :].strip(), "nothing more")

    def _peek(self) -> str:
        return self._text[self._at :].lstrip()[:1]

    def _demand(self, sign: str) -> None:
        _, word = self._next(sign)
        if word != sign:
            raise self._wrong(word, sign)

    def _next(self, expected: str) -> tuple[str, str]:
        found = _TOKEN.match(self._text, self._at)
        if not found or not found.lastgroup:
            raise self._wrong(self._text[self._at :] or "the end", expected)
        self._at = found.end()
        return found.lastgroup, found.group(found.lastgroup)

    def _wrong(self, found: str, expected: str) -> ConfigError:
        return ConfigError(f"{self._place}: in {self._text!r} found {found!r}, expected {expected}")
