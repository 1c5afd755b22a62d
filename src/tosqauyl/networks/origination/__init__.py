"""The origination ledger: each operator's own answer to "did one of your subscribers start this call?", in tokens only.

tokens: what records and questions are made of; ledger: the judgement, without I/O; sync: when a `no` may be said; store: where
tokens are kept. docs/origination.md tells the protocol and what it is safe against.
"""
