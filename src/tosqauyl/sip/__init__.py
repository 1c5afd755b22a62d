"""Bytes to SIP messages and back. Knows nothing of fraud and does no I/O; time is an argument."""
