"""A new key is written for its owner alone."""

import stat
from pathlib import Path

from liquidation_engine.chain import Wallet


def test_a_new_wallet_can_be_read_back_and_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    made = Wallet.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Wallet.from_file(path).pubkey == made.pubkey
    assert Wallet.create(path).pubkey != made.pubkey
