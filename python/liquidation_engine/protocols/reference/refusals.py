"""What the program answers when it refuses: `Custom(code)` and its name."""

REFUSALS: dict[int, str] = {
    6000 + place: name
    for place, name in enumerate(
        (
            "InvalidInstruction",
            "InvalidAccount",
            "InvalidOwner",
            "MissingSigner",
            "InvalidAddress",
            "InvalidMint",
            "InvalidConfig",
            "Overflow",
            "AlreadyInitialized",
            "Paused",
            "VersionMismatch",
            "Healthy",
            "StalePrice",
            "UncertainPrice",
            "SeizeBelowMinimum",
            "AmountTooSmall",
            "DustLeft",
            "ExceedsLtv",
            "TooManyLegs",
            "LegNotFound",
            "WrongSide",
            "StillCollateralised",
            "NothingToCover",
            "PositionNotEmpty",
        )
    )
}


def refusal_name(code: int) -> str | None:
    """Return the name of a refusal, or None for a code that is not the program's."""
    return REFUSALS.get(code)
