"""Builders for tests of localnet: keys with money, transactions, tokens."""

from collections.abc import Sequence

from solders.account import Account
from solders.compute_budget import set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from liquidation_engine.localnet import Chain, LocalnetSettings
from liquidation_engine.localnet.tokens import TOKEN_PROGRAM

SOL = 10**9
SYSTEM = Pubkey.default()


def stepped(**changes: object) -> LocalnetSettings:
    """Settings of a chain that a test moves by hand, the same at every run."""
    known: dict[str, object] = {"stepped": True, "seed": 7, "genesis_unix_time": 1_700_000_000}
    return LocalnetSettings(**{**known, **changes})  # type: ignore[arg-type]


def key(number: int) -> Keypair:
    """The test's n-th key."""
    return Keypair.from_seed(number.to_bytes(32, "big"))


def funded(chain: Chain, number: int, lamports: int = 100 * SOL) -> Keypair:
    """The test's n-th key, with money."""
    chain.set_account(key(number).pubkey(), account(lamports))
    return key(number)


def account(lamports: int, data: bytes = b"", owner: Pubkey = SYSTEM) -> Account:
    """An account as it is put on the chain by hand."""
    return Account(lamports, data, owner, False, 2**64 - 1)


def pay(sender: Keypair, to: Pubkey, lamports: int) -> Instruction:
    """A transfer of SOL."""
    return transfer(TransferParams(from_pubkey=sender.pubkey(), to_pubkey=to, lamports=lamports))


def signed(
    payer: Keypair, instructions: Sequence[Instruction], blockhash: Hash, *others: Keypair, bid: int | None = None
) -> VersionedTransaction:
    """A transaction of `payer`, bidding micro-lamports per compute unit."""
    bids = [] if bid is None else [set_compute_unit_price(bid)]
    message = MessageV0.try_compile(payer.pubkey(), [*bids, *instructions], [], blockhash)
    return VersionedTransaction(message, [payer, *others])


def payment(chain: Chain, payer: Keypair, to: Pubkey, lamports: int, bid: int | None = None) -> bytes:
    """The bytes of a transfer on the newest blockhash."""
    return bytes(signed(payer, [pay(payer, to, lamports)], chain.latest_blockhash, bid=bid))


def add_mint(chain: Chain, number: int, decimals: int, supply: int, authority: Pubkey) -> Pubkey:
    """A mint on the chain."""
    mint = key(number).pubkey()
    data = (
        (1).to_bytes(4, "little") + bytes(authority) + supply.to_bytes(8, "little") + bytes([decimals, 1]) + bytes(36)
    )
    chain.set_account(mint, account(chain.vm.minimum_balance(82), data, TOKEN_PROGRAM))
    return mint


def add_tokens(chain: Chain, number: int, mint: Pubkey, holder: Pubkey, amount: int) -> Pubkey:
    """A token account with a balance."""
    pubkey = key(number).pubkey()
    data = bytes(mint) + bytes(holder) + amount.to_bytes(8, "little") + bytes(36) + b"\1" + bytes(56)
    chain.set_account(pubkey, account(chain.vm.minimum_balance(165), data, TOKEN_PROGRAM))
    return pubkey


def move_tokens(source: Pubkey, to: Pubkey, holder: Pubkey, amount: int) -> Instruction:
    """SPL Token's Transfer."""
    metas = [AccountMeta(source, False, True), AccountMeta(to, False, True), AccountMeta(holder, True, False)]
    return Instruction(TOKEN_PROGRAM, b"\3" + amount.to_bytes(8, "little"), metas)


def create_token_account(payer: Pubkey, holder: Pubkey, mint: Pubkey) -> Instruction:
    """The associated token program's Create, which calls the token and the system program."""
    program = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
    place, _ = Pubkey.find_program_address([bytes(holder), bytes(TOKEN_PROGRAM), bytes(mint)], program)
    metas = [AccountMeta(payer, True, True), AccountMeta(place, False, True)]
    metas += [AccountMeta(one, False, False) for one in (holder, mint, SYSTEM, TOKEN_PROGRAM)]
    return Instruction(program, b"", metas)
