"""Lending protocols, one module each: which accounts to watch, what their bytes say, how to liquidate.

Between `chain/` (which moves bytes) and `execute/` (which decides): nothing here connects to anything.
"""
