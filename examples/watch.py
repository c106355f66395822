"""Watch a market of your own: print who became liquidatable at each price, at which price the next one would, what if.

python examples/watch.py
"""

import numpy as np

from liquidation_engine import PositionBook

SOL, USDC = 0, 1
PRICES = (150, 141, 139, 142, 120)


def main() -> None:
    book = PositionBook(["SOL", "USDC"], np.array([9, 6], np.uint8), np.array([-8, -8], np.int8))
    book.set_weights(np.array([8_000, 9_000], np.uint32), np.array([10_000, 10_000], np.uint32))
    legs = [[(2 * SOL, 10 * 10**9), (2 * USDC + 1, debt * 10**6)] for debt in (900, 1_130, 1_110)]  # 10 SOL each
    book.set_positions(
        np.arange(len(legs), dtype=np.uint64),
        np.arange(0, 2 * len(legs) + 1, 2, dtype=np.uint32),
        np.array([slot for position in legs for slot, _ in position], np.uint16),
        np.array([amount for position in legs for _, amount in position], np.uint64),
    )
    for slot, dollars in enumerate(PRICES):
        crossed, recovered = book.tick(np.array([dollars * 10**8, 10**8]), slot, 1_700_000_000 + slot)
        for position in crossed.tolist():
            collateral, debt = book.health_exact(position)
            print(f"SOL {dollars}: liquidate {position}, short of {(debt - collateral) / 1e18:.2f} USD")
        for position in recovered.tolist():
            print(f"SOL {dollars}: {position} is safe again")
    safest = int(book.nearest(len(legs))[-1])
    print(f"next: {safest} at SOL {book.liquidation_price(safest, SOL) / 1e8:.2f}")
    counts, debt, shortfall = book.scenario(np.array([[-0.3, 0.0]]))
    print(f"SOL at -30 %: {counts[0]} to liquidate, {debt[0]:.2f} USD at risk, {shortfall[0]:.2f} USD of it uncovered")


if __name__ == "__main__":
    main()
