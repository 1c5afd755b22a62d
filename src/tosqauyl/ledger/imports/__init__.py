"""Calls and outcomes from elsewhere: files of other systems become rows of the ledger, with the facts the gate would have made.

`run.Importer` takes a file; `mapping` says what its columns mean; what cannot be taken is listed (`rejects`), never dropped.
"""
