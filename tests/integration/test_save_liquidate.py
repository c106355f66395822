"""`liquidate` and `explain` against the deployed Save program on a localnet; runs where LIQ_PROGRAMS names a folder with `solend.so`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from solders.pubkey import Pubkey

from liquidation_engine.chain import Wallet
from liquidation_engine.localnet import Localnet, LocalnetSettings
from one_command import Ended, command
from save_market import BINARY, SaveMarket

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BINARY.is_file(), reason="LIQ_PROGRAMS names no folder with solend.so"),
]
SOL_PRICE = "150000000"


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[SaveMarket, str]]:
    """Serve a market with a liquidatable and a healthy obligation, and return it with its RPC URL."""
    wallet = Wallet.create(folder / "wallet.json")
    localnet = Localnet(LocalnetSettings(slot_milliseconds=60, finalized_lag=8))
    market = SaveMarket(localnet, Pubkey.from_string(wallet.pubkey))
    market.borrower(lent=market.sol, value_cents=1_000_000, health_percent=98)
    market.borrower(lent=market.eth, value_cents=1_000_000, health_percent=120)
    for asset in market.assets:
        market.fund(asset, 10**12 if asset is market.usdc else 0)
    async with localnet:
        yield market, localnet.url


async def liquidate(folder: Path, market: SaveMarket, url: str, which: int, *options: str, **settings: str) -> Ended:
    given = ("--protocol", "save", "--position", str(market.obligations[which]), "--rpc-url", url)
    keypair = ("--keypair", str(folder / "wallet.json"))
    given_settings = {"SOL_PRICE_MICRO_USD": SOL_PRICE, **settings}
    return await command(folder, "liquidate", *given, *keypair, *options, "--json", **given_settings)


@pytest.mark.parametrize("funds", ["--own-funds", "--flash-loan"])
async def test_one_obligation_is_shown_and_with_live_liquidated_as_planned(tmp_path: Path, funds: str) -> None:
    async with served(tmp_path) as (market, url):
        shown = await liquidate(tmp_path, market, url, 0, funds)
        assert shown.code == 0, shown.message
        assert (shown.json["simulation"], shown.json["outcome"]) == ("succeeds", None)
        assert (market.balance(market.usdc.mint), market.balance(market.sol.mint)) == (10**12, 0)

        done = await liquidate(tmp_path, market, url, 0, funds, "--live")
        assert (done.code, done.json["outcome"]) == (0, "landed"), done.message + done.out
        paid, got = 10**12 - market.balance(market.usdc.mint), market.balance(market.sol.mint)
        plan = done.json["plan"]
        steps = plan["profit_waterfall_micro_usd"]
        loan_fee = -steps["flash_loan_fee"]  # a USDC's unit is a micro-USD
        assert (loan_fee > 10**6) == (funds == "--flash-loan")
        assert paid - plan["repaid"] == pytest.approx(loan_fee, abs=3)  # the fresh read is of a later slot
        assert got == pytest.approx(plan["seized"], rel=1e-6)
        by_mint = {entry["mint"]: entry["amount"] for entry in done.json["wallet"]}
        assert (by_mint[str(market.usdc.mint)], by_mint[str(market.sol.mint)]) == (-paid, got)

        again = await liquidate(tmp_path, market, url, 0, funds, "--live")
        assert (again.code, again.json["outcome"]) == (1, None)
        assert "the position is healthy" in again.json["message"]


async def test_what_a_large_liquidation_lacks_is_made_and_then_it_lands(tmp_path: Path) -> None:
    async with served(tmp_path) as (market, url):
        lent = [market.sol, market.eth, *market.others]
        market.wide_borrower(lent, 100_000, 98)
        for asset in market.assets:
            market.remove(market.tokens_of(asset.shares))
        too_large = await liquidate(tmp_path, market, url, 2, "--flash-loan")
        assert (too_large.code, "no token account" in too_large.json["message"]) == (1, True)

        given = (
            "--protocol",
            "save",
            "--position",
            str(market.obligations[2]),
            "--rpc-url",
            url,
            "--flash-loan",
            "--json",
        )
        prepare = ("prepare", *given, "--keypair", str(tmp_path / "wallet.json"))
        lacking = (await command(tmp_path, *prepare)).json
        assert (lacking["accounts"], lacking["table"], lacking["signatures"]) == (len(lent), None, [])
        assert lacking["addresses"] > 20
        done = await command(tmp_path, *prepare, "--live")
        assert done.code == 0, done.message
        assert len(done.json["signatures"]) > 2
        too_large = await liquidate(tmp_path, market, url, 2, "--flash-loan", "--live")
        assert (too_large.code, "a lookup table makes it smaller" in too_large.json["message"]) == (1, True)
        table = {"LOOKUP_TABLES": done.json["table"]}
        landed = await liquidate(tmp_path, market, url, 2, "--flash-loan", "--live", **table)
        assert (landed.code, landed.json["outcome"]) == (0, "landed"), landed.message + landed.out
        nothing = (await command(tmp_path, *prepare, "--live", **table)).json
        assert (nothing["accounts"], nothing["addresses"], nothing["signatures"]) == (0, 0, [])


async def test_a_healthy_obligation_is_explained_and_left_alone(tmp_path: Path) -> None:
    async with served(tmp_path) as (market, url):
        found = await liquidate(tmp_path, market, url, 1, "--live")
        assert (found.code, found.json["health"]["reason"]) == (1, "healthy")
        given = ("--protocol", "save", "--position", str(market.obligations[1]), "--rpc-url", url)
        explained = (await command(tmp_path, "explain", *given, "--json")).json
        names = {term["name"].split()[-1] for term in explained["terms"]}
        assert names >= {"price", "value", "rate", "amount", "distance"}
        unpriced = await liquidate(tmp_path, market, url, 0, SOL_PRICE_MICRO_USD="")
        assert (unpriced.code, "set SOL_PRICE_MICRO_USD" in unpriced.message) == (2, True)
        other = await command(tmp_path, "explain", *given[2:], "--json")  # the reference program by default
        assert (other.code, "check --position" in other.message) == (2, True)


async def test_a_missing_token_account_is_named_before_anything_is_signed(tmp_path: Path) -> None:
    async with served(tmp_path) as (market, url):
        lost = market.tokens_of(market.sol.shares)
        market.remove(lost)
        found = await liquidate(tmp_path, market, url, 0, "--live")
        assert (found.code, found.json["outcome"]) == (1, None)
        assert f"no token account {lost} of" in found.json["message"]
