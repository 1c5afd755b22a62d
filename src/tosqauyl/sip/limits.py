"""Every limit of the SIP room, each with the precedent it rests on (the same table is in docs/sip.md)."""

from typing import Final

MAX_DATAGRAM: Final = 65_535
"""Bytes of one message. RFC 3261 18.1.1 demands 65,535 with the IP header; BUF_SIZE of Kamailio and OpenSIPS."""

MAX_HEAD: Final = 32_768
"""Bytes of start line and headers: half a datagram. pjsip's whole packet is 4,000 by default, 6,000 in Asterisk."""

MAX_HEADER_LINES: Final = 256
"""Lines of the header section. Asterisk's chan_sip holds 64 headers (SIP_MAX_HEADERS); RFC 4475 3.1.1.7 has 48."""

MAX_VIAS: Final = 70
"""Via values. RFC 3261 8.1.1.6: Max-Forwards starts at 70, so a request that kept the rules passed at most 70 hops."""

MAX_CALL_ID: Final = 512
"""Characters of Call-ID. RFC 4475 3.1.1.7 has one of 141."""

MAX_BRANCH: Final = 512
"""Characters of the top Via's branch. pjsip's PJSIP_MAX_TSX_KEY_LEN is 512; RFC 4475 3.1.1.7 has one of 215."""

MAX_URI: Final = 1_024
"""Characters of the Request-URI. MAX_URI_SIZE of SER and Kamailio; pjsip has 256, Asterisk 512."""

MAX_CSEQ: Final = 2**31 - 1
"""Largest CSeq number (RFC 3261 8.1.1.5: less than 2**31)."""

MAX_FORWARDS: Final = 255
"""Largest Max-Forwards (RFC 3261 20.22: 0 to 255)."""

DEFAULT_FORWARDS: Final = 70
"""Max-Forwards of a request without one (RFC 3261 16.6 step 3, 8.1.1.6)."""

MAX_ADDRESS_VALUES: Final = 16
"""Values read of one list of addresses (P-Asserted-Identity, Diversion, History-Info): more than any forwarding chain has."""
