"""The ledger: decisions as columns, what became of the calls, statistics, and what a rule would have done.

On the office side: it reads the gates' journal segments by their documented format (docs/journal.md) and never runs in a gate.
"""
