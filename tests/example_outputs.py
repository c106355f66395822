"""What the examples print, wherever they run."""

WATCH = [
    "SOL 141: liquidate 1, short of 2.00 USD",
    "SOL 142: 1 is safe again",
    "SOL 120: liquidate 1, short of 170.00 USD",
    "SOL 120: liquidate 2, short of 150.00 USD",
    "next: 0 at SOL 112.50",
    "SOL at -30 %: 3 to liquidate, 3140.00 USD at risk, 620.00 USD of it uncovered",
]
