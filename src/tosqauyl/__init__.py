"""Tosqauyl: an open anti-fraud shield. The gate screens every call from abroad, live, over real SIP."""

__version__ = "0.1.0"
