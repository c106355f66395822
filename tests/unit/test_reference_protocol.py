"""The reference program's addresses, accounts and instructions as Python reads and writes them."""

from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.reference import (
    ACCOUNT_FILTERS,
    PROGRAM_ID,
    SOL_MINT,
    Account,
    InsuranceFundAccount,
    Leg,
    LiquidationResult,
    MarketAccount,
    OracleAccount,
    Pair,
    PositionAccount,
    ReserveAccount,
    ReserveConfig,
    Side,
    addresses,
    decode,
    decode_instruction,
    decode_liquidation,
    instructions,
    refusal_name,
    tokens,
)


def key(number: int) -> Pubkey:
    return Pubkey(bytes([number]) * 32)


CONFIG = ReserveConfig(
    ltv_bps=1,
    liquidation_threshold_bps=2,
    borrow_factor_bps=3,
    min_bonus_bps=4,
    max_bonus_bps=5,
    close_factor_bps=6,
    protocol_fee_bps=7,
    max_confidence_bps=8,
    interest_rate_bps=9,
    max_oracle_age_slots=10,
    dust_limit_micro_usd=11,
)
MARKET = MarketAccount(
    owner=key(1), insurance_authority=key(2), creator=key(3), id=4, reserve_count=5, paused=True, bump=6
)
RESERVE = ReserveAccount(
    market=key(1),
    mint=key(2),
    vault=key(3),
    oracle=key(4),
    decimals=9,
    config=CONFIG,
    total_deposits=5,
    total_debt_shares=6,
    borrow_index=2**127,
    accrued_slot=7,
    bad_debt_total=8,
    bad_debt_covered=9,
    liquidations=10,
    bump=11,
)
ORACLE = OracleAccount(authority=key(1), mint=key(2), exponent=-8, price=3, confidence=4, slot=5, updates=6, bump=7)
POSITION = PositionAccount(
    market=key(1),
    owner=key(2),
    id=3,
    legs=(Leg(key(4), Side.COLLATERAL, 5), Leg(key(6), Side.DEBT, 7)),
    version=8,
    last_update_slot=9,
    bump=10,
)
FUND = InsuranceFundAccount(mint=key(1), vault=key(2), market=key(3), contributed=4, fees=5, covered=6, bump=7)
ACCOUNTS: list[Account] = [MARKET, RESERVE, ORACLE, POSITION, FUND]


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.NAME)
def test_an_account_comes_back_as_it_was_packed(account: Account) -> None:
    data = account.pack()
    assert len(data) == account.SIZE
    assert decode(data) == account
    assert data[:8] == ACCOUNT_FILTERS[account.NAME].discriminator


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.NAME)
def test_a_cut_or_foreign_account_is_refused(account: Account) -> None:
    data = account.pack()
    for damaged in (data[:-1], data + b"\0", b"\0" * 8 + data[8:], data[:8] + b"\2" + data[9:], b""):
        with pytest.raises(DecodeError):
            decode(damaged)


@pytest.mark.parametrize(
    ("offset", "value", "says"),
    [(10, 9, "9 legs"), (104 + 40, 3, "side 3"), (104 + 32, 0, "with 0"), (104, None, "two legs of one reserve")],
)
def test_a_position_with_an_impossible_leg_is_refused(offset: int, value: int | None, says: str) -> None:
    data = bytearray(POSITION.pack())
    if value is None:
        data[offset : offset + 32] = bytes(key(6))
    else:
        data[offset] = value
    with pytest.raises(DecodeError, match=says):
        decode(bytes(data))


def test_an_index_below_one_is_refused() -> None:
    with pytest.raises(DecodeError, match="borrow index"):
        decode(replace(RESERVE, borrow_index=10**18 - 1).pack())


def test_fields_lie_where_the_contract_says() -> None:
    reserve, position = RESERVE.pack(), POSITION.pack()
    assert reserve[144:184] == CONFIG.pack()
    assert int.from_bytes(reserve[164:168], "little") == CONFIG.interest_rate_bps
    assert int.from_bytes(reserve[200:216], "little") == 2**127
    assert int.from_bytes(reserve[240:248], "little") == 10
    assert position[88:96] == (8).to_bytes(8, "little")
    assert position[152:184] == bytes(key(6))
    assert position[184:193] == (7).to_bytes(8, "little") + b"\2"
    assert ORACLE.pack()[12:16] == (-8).to_bytes(4, "little", signed=True)
    assert FUND.pack()[104:136] == bytes(key(3))
    assert MARKET.pack()[96:128] == bytes(key(3))


def test_addresses_come_from_their_seeds() -> None:
    market, mint = key(1), key(2)
    expected = Pubkey.find_program_address([b"reserve", bytes(market), bytes(mint)], PROGRAM_ID)
    assert addresses.reserve(market, mint) == expected
    assert addresses.insurance_fund(SOL_MINT) == Pubkey.find_program_address([b"insurance_fund"], PROGRAM_ID)
    assert addresses.insurance_fund(mint) == Pubkey.find_program_address([b"insurance_fund", bytes(mint)], PROGRAM_ID)
    elsewhere = key(9)
    assert addresses.vault(market, program=elsewhere) == Pubkey.find_program_address(
        [b"vault", bytes(market)], elsewhere
    )


def test_a_liquidation_lists_its_accounts_in_the_contracts_order() -> None:
    debt, collateral, other = Pair(key(10), key(11)), Pair(key(12), key(13)), Pair(key(14), key(15))
    instruction = instructions.liquidate(
        key(1),
        key(2),
        key(3),
        debt=debt,
        collateral=collateral,
        collateral_mint=key(16),
        source=key(4),
        destination=key(5),
        amount=6,
        min_seize=7,
        expected_version=8,
        others=[other],
    )
    assert [meta.pubkey for meta in instruction.accounts] == [
        key(1),
        key(2),
        key(3),
        key(4),
        addresses.vault(debt.reserve)[0],
        addresses.vault(collateral.reserve)[0],
        key(5),
        addresses.insurance_fund(key(16))[0],
        addresses.insurance_vault(key(16))[0],
        addresses.TOKEN_PROGRAM_ID,
        *debt,
        *collateral,
        *other,
    ]
    assert [meta.is_signer for meta in instruction.accounts] == [True] + [False] * 15
    writable = [place for place, meta in enumerate(instruction.accounts) if meta.is_writable]
    assert writable == [2, 3, 4, 5, 6, 7, 8, 10, 12]
    decoded = decode_instruction(bytes(instruction.data))
    assert decoded.name == "liquidate"
    assert decoded.arguments == {"amount": 6, "min_seize": 7, "expected_version": 8}


def test_arguments_of_every_kind_come_back() -> None:
    made = [
        (instructions.init_oracle(key(1), key(2), -8), {"exponent": -8}),
        (instructions.init_market(key(1), 5, key(2)), {"id": 5, "insurance_authority": key(2)}),
        (instructions.update_reserve(key(1), key(2), key(3), key(4), CONFIG), {"config": CONFIG}),
        (
            instructions.update_market(key(1), key(2), insurance_authority=key(3), paused=True),
            {"owner": key(1), "insurance_authority": key(3), "paused": 1},
        ),
    ]
    for instruction, expected in made:
        assert decode_instruction(bytes(instruction.data)).arguments == expected


def test_data_that_is_no_instruction_is_refused() -> None:
    data = bytes(instructions.set_price(key(1), key(2), 3, 4).data)
    for damaged in (b"", data[:-1], data + b"\0", b"\0" * 24):
        with pytest.raises(DecodeError):
            decode_instruction(damaged)


def test_what_a_liquidation_returned_is_read_even_with_its_trailing_zeros_cut_off() -> None:
    data = b"".join(number.to_bytes(8, "little") for number in (1, 2, 3, 4, 5, 0))
    result = LiquidationResult(repaid=1, received=2, fee=3, bonus_bps=4, version=5, debt_left=0)
    assert decode_liquidation(data) == decode_liquidation(data.rstrip(b"\0")) == result
    with pytest.raises(DecodeError):
        decode_liquidation(data + b"\0")


def test_filters_select_a_kind_and_a_market() -> None:
    filters = ACCOUNT_FILTERS["Position"].rpc(market=key(1))
    assert filters[0] == {"dataSize": 488}
    encoded = Pubkey(ACCOUNT_FILTERS["Position"].discriminator + b"\0" * 24)
    assert len(filters[1]["memcmp"]["bytes"]) < len(str(encoded))
    assert filters[2] == {"memcmp": {"offset": 16, "bytes": str(key(1))}}
    assert len(ACCOUNT_FILTERS["Oracle"].rpc(market=key(1))) == 2  # an oracle names no market


def test_refusals_have_names() -> None:
    assert refusal_name(6010) == "VersionMismatch"
    assert refusal_name(1) is None


def test_a_token_account_says_its_balance() -> None:
    assert tokens.token_amount(tokens.pack_token_account(key(1), key(2), 2**64 - 1)) == 2**64 - 1
    with pytest.raises(DecodeError):
        tokens.token_amount(b"")
