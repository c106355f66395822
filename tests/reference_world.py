"""A small market in a Solana VM of its own, for tests of the reference program: real SPL Token, real instructions.

`World` makes mints, oracles, funds and reserves by the program's own instructions, and people with tokens; `ok` demands
that an instruction succeeds, `refusal` that it fails and names why.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata
from solders.transaction_status import InstructionErrorCustom, TransactionErrorInstructionError

from liquidation_engine.protocols.reference import (
    PROGRAM_ID,
    REFUSALS,
    TOKEN_PROGRAM_ID,
    InsuranceFundAccount,
    MarketAccount,
    OracleAccount,
    Pair,
    PositionAccount,
    ReserveAccount,
    ReserveConfig,
    addresses,
    instructions,
    tokens,
)

COMMITTED = Path(__file__).resolve().parents[1] / "python/liquidation_engine/localnet/program/reference_lending.so"
PROGRAM_FILE = Path(os.environ.get("REFERENCE_PROGRAM", COMMITTED))  # a fresh build can be tried before it is committed
EVERYTHING = 2**64 - 1

CONFIG = ReserveConfig(
    ltv_bps=7_500,
    liquidation_threshold_bps=8_000,
    borrow_factor_bps=10_000,
    min_bonus_bps=200,
    max_bonus_bps=1_000,
    close_factor_bps=5_000,
    protocol_fee_bps=1_000,
    max_confidence_bps=200,
    interest_rate_bps=0,
    max_oracle_age_slots=1_000,
    dust_limit_micro_usd=0,
)


@cache
def _program() -> bytes:
    return PROGRAM_FILE.read_bytes()


@dataclass(frozen=True)
class Asset:
    """A mint with its oracle, fund and reserve."""

    mint: Pubkey
    oracle: Pubkey
    reserve: Pubkey
    vault: Pubkey
    fund: Pubkey
    fund_vault: Pubkey

    @property
    def pair(self) -> Pair:
        """The reserve and its oracle."""
        return Pair(self.reserve, self.oracle)


@dataclass
class Person:
    """Somebody with a key, lamports and a token account of every mint."""

    keypair: Keypair
    accounts: dict[Pubkey, Pubkey] = field(default_factory=dict)

    @property
    def key(self) -> Pubkey:
        """The public key."""
        return self.keypair.pubkey()


class World:
    """One VM with the program, a market and its owner (who is oracle and insurance authority, too)."""

    def __init__(self, program: Pubkey = PROGRAM_ID) -> None:
        self.svm = LiteSVM()
        self.program = program
        self.svm.add_program(program, _program())
        self.svm.warp_to_slot(1_000)
        self.mints: list[Pubkey] = []
        self.people: list[Person] = []
        self.owner = self.person()
        self.market, _ = addresses.market(self.owner.key, 1, program=program)
        self.ok(instructions.init_market(self.owner.key, 1, self.owner.key, program=program), self.owner)

    # people and tokens

    def person(self) -> Person:
        """Return somebody new."""
        person = Person(Keypair())
        self.svm.airdrop(person.key, 100 * 10**9)
        for mint in self.mints:
            self.open_token_account(person, mint)
        self.people.append(person)
        return person

    def mint(self, decimals: int = 6) -> Pubkey:
        """Return a new mint, of which everybody has an empty account."""
        mint = Pubkey.new_unique()
        self.svm.set_account(mint, Account(10**7, tokens.pack_mint(self.owner.key, 0, decimals), TOKEN_PROGRAM_ID))
        self.mints.append(mint)
        for person in self.people:
            self.open_token_account(person, mint)
        return mint

    def open_token_account(self, person: Person, mint: Pubkey) -> Pubkey:
        """Return a new empty token account."""
        address = Pubkey.new_unique()
        data = tokens.pack_token_account(mint, person.key, 0)
        self.svm.set_account(address, Account(10**7, data, TOKEN_PROGRAM_ID))
        person.accounts[mint] = address
        return address

    def give(self, person: Person, mint: Pubkey, amount: int) -> None:
        """Add tokens to somebody's account."""
        address = person.accounts[mint]
        data = tokens.pack_token_account(mint, person.key, self.balance(address) + amount)
        self.svm.set_account(address, Account(10**7, data, TOKEN_PROGRAM_ID))

    def balance(self, token_account: Pubkey) -> int:
        """Return a token account's balance."""
        return tokens.token_amount(bytes(self._account(token_account).data))

    def held(self, person: Person, asset: Asset) -> int:
        """Return somebody's tokens of an asset."""
        return self.balance(person.accounts[asset.mint])

    # the market

    def asset(
        self, *, price: int, exponent: int = -6, decimals: int = 6, config: ReserveConfig = CONFIG, **changes: Any
    ) -> Asset:
        """Make a mint with oracle, fund and reserve, by the program's own instructions."""
        mint, owner = self.mint(decimals), self.owner.key
        program = self.program
        self.ok(instructions.init_oracle(owner, mint, exponent, program=program), self.owner)
        oracle, _ = addresses.oracle(owner, mint, program=program)
        self.ok(instructions.set_price(owner, oracle, price, 0, program=program), self.owner)
        self.ok(instructions.init_insurance_fund(owner, self.market, mint, program=program), self.owner)
        config = replace(config, **changes)
        self.ok(instructions.init_reserve(owner, self.market, mint, oracle, config, program=program), self.owner)
        return self.known(mint, oracle)

    def known(self, mint: Pubkey, oracle: Pubkey) -> Asset:
        """Return the addresses of a mint in this market."""
        reserve, _ = addresses.reserve(self.market, mint, program=self.program)
        return Asset(
            mint=mint,
            oracle=oracle,
            reserve=reserve,
            vault=addresses.vault(reserve, program=self.program)[0],
            fund=addresses.insurance_fund(mint, program=self.program)[0],
            fund_vault=addresses.insurance_vault(mint, program=self.program)[0],
        )

    def set_price(self, asset: Asset, price: int, confidence: int = 0) -> None:
        """Set an asset's price."""
        self.ok(
            instructions.set_price(self.owner.key, asset.oracle, price, confidence, program=self.program), self.owner
        )

    def configure(self, asset: Asset, **changes: Any) -> None:
        """Change an asset's configuration."""
        config = replace(self.reserve(asset).config, **changes)
        self.ok(
            instructions.update_reserve(
                self.owner.key, self.market, asset.reserve, asset.oracle, config, program=self.program
            ),
            self.owner,
        )

    def pause(self, paused: bool = True) -> None:
        """Pause or resume the market."""
        owner = self.owner.key
        self.ok(
            instructions.update_market(
                owner, self.market, insurance_authority=owner, paused=paused, program=self.program
            ),
            self.owner,
        )

    def position(self, person: Person, number: int = 0) -> Pubkey:
        """Make a position and return its address."""
        self.ok(instructions.init_position(person.key, self.market, number, program=self.program), person)
        return addresses.position(self.market, person.key, number, program=self.program)[0]

    def others(self, position: Pubkey, assets: Sequence[Asset], *named: Asset) -> list[Pair]:
        """Return the pairs of a position's legs that the instruction does not name."""
        held = {leg.reserve for leg in self.state(position).legs} - {asset.reserve for asset in named}
        return [asset.pair for asset in assets if asset.reserve in held]

    # what people do

    def deposit(self, person: Person, position: Pubkey, asset: Asset, amount: int) -> Instruction:
        """Return the instruction."""
        return instructions.deposit(
            person.key,
            self.market,
            position,
            person.accounts[asset.mint],
            asset.reserve,
            amount,
            program=self.program,
        )

    def withdraw(
        self, person: Person, position: Pubkey, asset: Asset, amount: int, others: Sequence[Pair] = ()
    ) -> Instruction:
        """Return the instruction."""
        account = person.accounts[asset.mint]
        return instructions.withdraw(
            person.key, self.market, position, account, asset.pair, amount, others, program=self.program
        )

    def borrow(
        self, person: Person, position: Pubkey, asset: Asset, amount: int, others: Sequence[Pair] = ()
    ) -> Instruction:
        """Return the instruction."""
        account = person.accounts[asset.mint]
        return instructions.borrow(
            person.key, self.market, position, account, asset.pair, amount, others, program=self.program
        )

    def repay(self, person: Person, position: Pubkey, asset: Asset, amount: int) -> Instruction:
        """Return the instruction."""
        account = person.accounts[asset.mint]
        return instructions.repay(
            person.key, self.market, position, account, asset.reserve, amount, program=self.program
        )

    def liquidate(
        self,
        person: Person,
        position: Pubkey,
        debt: Asset,
        collateral: Asset,
        amount: int = EVERYTHING,
        *,
        min_seize: int = 0,
        version: int | None = None,
        others: Sequence[Pair] = (),
    ) -> Instruction:
        """Return the instruction."""
        return instructions.liquidate(
            person.key,
            self.market,
            position,
            debt=debt.pair,
            collateral=collateral.pair,
            collateral_mint=collateral.mint,
            source=person.accounts[debt.mint],
            destination=person.accounts[collateral.mint],
            amount=amount,
            min_seize=min_seize,
            expected_version=self.state(position).version if version is None else version,
            others=others,
            program=self.program,
        )

    def write_off(self, person: Person, position: Pubkey, asset: Asset) -> Instruction:
        """Return the instruction."""
        return instructions.write_off(person.key, self.market, position, asset.reserve, program=self.program)

    def contribute(self, person: Person, asset: Asset, amount: int) -> Instruction:
        """Return the instruction."""
        source = person.accounts[asset.mint]
        return instructions.contribute_to_insurance(person.key, asset.mint, source, amount, program=self.program)

    def cover(self, asset: Asset, amount: int) -> Instruction:
        """Return the instruction, of the owner as insurance authority."""
        return instructions.cover_bad_debt(
            self.owner.key, self.market, asset.reserve, asset.mint, amount, program=self.program
        )

    # sending

    def send(
        self, instruction: Instruction | Sequence[Instruction], *signers: Person
    ) -> TransactionMetadata | FailedTransactionMetadata:
        """Execute one transaction, which the first signer pays for."""
        batch = [instruction] if isinstance(instruction, Instruction) else list(instruction)
        self.svm.expire_blockhash()
        message = Message(batch, signers[0].key)
        keys = {person.key: person.keypair for person in signers}
        return self.svm.send_transaction(Transaction(list(keys.values()), message, self.svm.latest_blockhash()))

    def ok(self, instruction: Instruction | Sequence[Instruction], *signers: Person) -> TransactionMetadata:
        """Execute a transaction that must succeed."""
        result = self.send(instruction, *signers)
        assert isinstance(result, TransactionMetadata), (refusal_of(result), result.meta().logs())
        return result

    def refusal(self, instruction: Instruction | Sequence[Instruction], *signers: Person) -> str:
        """Execute a transaction that must fail; return the refusal's name, or the error as the VM writes it."""
        result = self.send(instruction, *signers)
        assert isinstance(result, FailedTransactionMetadata), result.logs()
        return refusal_of(result)

    # reading

    def _account(self, address: Pubkey) -> Account:
        account = self.svm.get_account(address)
        assert account is not None, f"{address} does not exist"
        return account

    def data(self, address: Pubkey) -> bytes:
        """Return an account's bytes."""
        return bytes(self._account(address).data)

    def state(self, position: Pubkey) -> PositionAccount:
        """Return a position."""
        return PositionAccount.decode(self.data(position))

    def reserve(self, asset: Asset) -> ReserveAccount:
        """Return an asset's reserve."""
        return ReserveAccount.decode(self.data(asset.reserve))

    def oracle(self, asset: Asset) -> OracleAccount:
        """Return an asset's oracle."""
        return OracleAccount.decode(self.data(asset.oracle))

    def fund(self, asset: Asset) -> InsuranceFundAccount:
        """Return an asset's insurance fund."""
        return InsuranceFundAccount.decode(self.data(asset.fund))

    def market_state(self) -> MarketAccount:
        """Return the market."""
        return MarketAccount.decode(self.data(self.market))

    def change(self, address: Pubkey, data: bytes, *, owner: Pubkey | None = None) -> None:
        """Overwrite an account, as no instruction could."""
        old = self.svm.get_account(address)
        lamports = old.lamports if old else 10**7
        self.svm.set_account(address, Account(lamports, data, owner or (old.owner if old else self.program)))


def refusal_of(result: FailedTransactionMetadata) -> str:
    """Return the name of the program's refusal, or the error as the VM writes it."""
    error = result.err()
    if not isinstance(error, TransactionErrorInstructionError):
        return str(error)
    code = refusal_code(result)
    return str(error.err) if code == -1 else REFUSALS.get(code, f"Custom({code})")


def refusal_code(result: FailedTransactionMetadata) -> int:
    """Return the failed instruction's custom code, -1 for any other error."""
    error = result.err()
    if isinstance(error, TransactionErrorInstructionError) and isinstance(error.err, InstructionErrorCustom):
        return error.err.code
    return -1


def replaced(instruction: Instruction, place: int, key: Pubkey, **flags: bool) -> Instruction:
    """Return the instruction with another account in one place."""
    accounts = list(instruction.accounts)
    old = accounts[place]
    accounts[place] = AccountMeta(key, flags.get("is_signer", old.is_signer), flags.get("is_writable", old.is_writable))
    return Instruction(instruction.program_id, bytes(instruction.data), accounts)
