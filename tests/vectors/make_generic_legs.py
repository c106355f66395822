"""Write generic_legs.txt: legs of generic markets with their exact values, by plain Python's integers and fractions."""

import random
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

FILE = Path(__file__).parent / "generic_legs.txt"


def value(amount: int, mantissa: int, weight: int, exponent: int, decimals: int, debt: bool) -> int:
    exact = amount * mantissa * weight * Fraction(10) ** (exponent - decimals + 18) / 10**4
    return ceil(exact) if debt else floor(exact)


def lines() -> list[str]:
    """Return `decimals exponent mantissa weight amount debt value`, one leg a line."""
    source, found = random.Random(20), []
    for number in range(400):
        decimals, exponent = source.choice(
            [(6, -8), (9, -8), (9, -5), (18, -18), (0, 0), (0, 127), (255, -128), (40, -2)]
        )
        mantissa = source.choice([0, 1, 99_999_999, source.randrange(2**40), source.randrange(2**63)])
        weight = source.choice([0, 1, 8_000, 10_000, source.randrange(2**32)])
        amount = source.choice([0, 1, 10**6, source.randrange(2**40), source.randrange(2**64)])
        leg = (decimals, exponent, mantissa, weight, amount, number % 2)
        found.append(" ".join(map(str, (*leg, value(amount, mantissa, weight, exponent, decimals, bool(number % 2))))))
    return found


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n")
