"""Who can be asked about a caller: home networks (is this subscriber abroad?) and the origination ledgers of their
operators (did you start this call?). I/O lives here; what an answer means for a call is policy."""
