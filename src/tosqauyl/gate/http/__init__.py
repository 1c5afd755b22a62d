"""The HTTP side of the gate: the same engine for switches that cannot be redirected, and what operators need to watch it."""
