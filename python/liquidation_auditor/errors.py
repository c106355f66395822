"""The one error of the auditor that is not a verdict."""


class BadInput(Exception):
    """What was given cannot be judged; the message says what was found and what was expected."""
