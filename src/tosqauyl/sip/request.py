"""What a message is once it was read: Request, Response or Unreadable."""

from dataclasses import dataclass

from tosqauyl.errors import Fault
from tosqauyl.sip.address import NameAddr, name_addr
from tosqauyl.sip.fields import Fields, fields_of
from tosqauyl.sip.via import Via


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that get no answer. fault.kind: keepalive, not_sip, too_long, unanswerable, bad_response."""

    fault: Fault


class Request:
    """A SIP request that can be answered. Read-only by agreement (a frozen class would cost 2 us a call).

    uri: Request-URI as sent. via: one entry a hop. from_, to, cseq: raw values. from_display, from_uri: From read, the
    URI '' where it is malformed; to_is_sound: whether To is well-formed. max_forwards: 70 where missing. key: server
    transaction of RFC 3261 17.2.3. fault: why it is refused: malformed (400), version (505), scheme (416), too_long
    (513). An ACK with a fault is still never answered.

    asserted: values of P-Asserted-Identity, None without one. user_agent: its first value, '' without one. has_rare:
    some header of scan.RARE is there. hops, length: text of Max-Forwards and Content-Length, None without one.
    """

    __slots__ = (
        "_fields", "_head", "asserted", "body", "branch", "call_id", "cseq", "cseq_method", "cseq_number", "fault",
        "from_", "from_display", "from_uri", "has_rare", "hops", "key", "length", "max_forwards", "method", "sent_by", "to",
        "to_has_tag", "to_is_sound", "top_via", "uri", "user_agent", "via",
    )  # fmt: skip

    method: str
    uri: str
    body: bytes
    fault: Fault | None
    via: list[str]
    top_via: Via
    from_: str
    from_display: str
    from_uri: str
    to: str
    to_is_sound: bool
    to_has_tag: bool
    call_id: str
    cseq: str
    cseq_number: int
    cseq_method: str
    hops: str | None
    max_forwards: int
    length: str | None
    asserted: list[str] | None
    user_agent: str
    has_rare: bool
    branch: str
    sent_by: str
    key: str

    def __init__(self, head: str, fields: Fields | None) -> None:
        """fields: of the header section where they were read; else head, from which they are when they are asked for."""
        self._head = head
        self._fields = fields
        self.via = []
        self.asserted = self.hops = self.length = None
        self.user_agent = ""
        self.has_rare = False

    @property
    def fields(self) -> Fields:
        """Values by long lower-case name, unfolded and stripped, in order; Via is one entry a hop.

        Made when first asked for: what a call needs is in the attributes.
        """
        if self._fields is None:
            self._fields = fields_of(self._head)
        self._fields["via"] = self.via
        return self._fields

    @property
    def from_address(self) -> NameAddr | None:
        """From read; None where malformed."""
        return name_addr(self.from_)

    @property
    def to_address(self) -> NameAddr | None:
        """To read; None where malformed."""
        return name_addr(self.to)

    @property
    def invite_key(self) -> str:
        """Key of the INVITE transaction that a CANCEL means (RFC 3261 9.2)."""
        return self.key[: -len(self.method)] + "INVITE" if self.method == "CANCEL" else self.key

    def first(self, name: str) -> str:
        """First value of a header by its long lower-case name, '' where it is missing."""
        values = self.fields.get(name)
        return values[0] if values else ""


@dataclass(frozen=True, slots=True)
class Response:
    """A SIP response, fields as in Request. A redirect server sends no requests, so the gate only counts these."""

    status: int
    reason: str
    fields: Fields
    body: bytes


Message = Request | Response | Unreadable
