"""From a verdict to the SIP answer, by trunk profile and class of reason (docs/answers.md), and its JSON twin."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from tosqauyl.facts import Call, Verdict
from tosqauyl.screen.decision import Decision
from tosqauyl.sip.answer import answer
from tosqauyl.sip.message import Request
from tosqauyl.sip.via import split_host

PASS_CODES = (302, 404, 503)
STOP_CODES = ("603", "603+", "607", "608")
CLASSES = ("deterministic", "analytic", "identity")
TEMPLATES_KEPT = 4096

_PASS: Final = Verdict.PASS  # a look-up in an enum costs 0.06 us
_PHRASES = {
    302: "Moved Temporarily", 404: "Not Found", 503: "Service Unavailable",
    603: "Decline", 607: "Unwanted", 608: "Rejected",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """How one kind of SBC wants to be answered.

    pass_code: 302 with a Contact, or 404/503 for switches that route on when told "not found" / "not here". stop: the
    code for each class of reason. redress_*: where a wrongly stopped caller can turn; 603+ (ATIS-1000099 section 4)
    needs one of them, 608 the URL of a signed jCard (RFC 8688 section 3.1); without it the plain 603 is used. label:
    display name for marked calls.
    """

    name: str = "default"
    pass_code: int = 302
    deterministic: str = "603"
    analytic: str = "603+"
    identity: str = "603"
    redress_url: str = ""
    redress_tel: str = ""
    redress_email: str = ""
    jcard_url: str = ""
    label: str = "Unverified caller"
    templates: dict[Decision, "Template"] = field(default_factory=dict, repr=False)

    def stop_code(self, klass: str) -> str:
        """The code for a class of reason; 603 where the wanted one needs a contact that is not configured."""
        wanted = {"deterministic": self.deterministic, "analytic": self.analytic, "identity": self.identity}
        code = wanted.get(klass, self.deterministic)
        lacks = {"603+": not (self.redress_url or self.redress_tel or self.redress_email), "608": not self.jcard_url}
        return "603" if lacks.get(code) else code


@dataclass(frozen=True, slots=True)
class Template:
    """The part of an answer that depends on decision and profile alone: made once, used for every such call."""

    status: int
    phrase: str
    extra: str
    redirects: bool


def template(decision: Decision, profile: Profile) -> Template:
    """The answer's status and fixed headers; remembered in the profile, by identity of the decision."""
    found = profile.templates.get(decision)
    if found is None:
        if len(profile.templates) >= TEMPLATES_KEPT:
            profile.templates.clear()
        found = profile.templates[decision] = _make(decision, profile)
    return found


def _make(decision: Decision, profile: Profile) -> Template:
    if decision.verdict is Verdict.STOP:
        return _stop(decision, profile)
    if decision.verdict in (Verdict.MARK, Verdict.WITHHOLD, Verdict.DIVERT):
        return Template(302, _PHRASES[302], f"Reason: SIP;cause=302;text={_quoted(decision.reason.value)}\r\n", True)
    extra = _monitor_reason(decision)
    if profile.pass_code == 302:
        return Template(302, _PHRASES[302], extra, True)
    extra = extra or 'Reason: SIP;cause=302;text="no-fraud-detected"\r\n'
    return Template(profile.pass_code, _PHRASES[profile.pass_code], extra, False)


def _monitor_reason(decision: Decision) -> str:
    if decision.would_verdict is decision.verdict:
        return ""
    text = f"monitor: would {decision.would_verdict.value}, {decision.would_reason.value}, rule {decision.would_rule}"
    cause = 603 if decision.would_verdict is Verdict.STOP else 302
    return f"Reason: SIP;cause={cause};text={_quoted(text)}\r\n"


def _stop(decision: Decision, profile: Profile) -> Template:
    code = profile.stop_code(decision.klass)
    if code == "603+":
        contacts = (("url", profile.redress_url), ("tel", profile.redress_tel), ("email", profile.redress_email))
        text = ";".join(["v=analytics1", *(f"{name}={value}" for name, value in contacts if value)])
        return Template(603, "Network Blocked", f"Reason: SIP;cause=603;text={_quoted(text)};location=TN\r\n", False)
    extra = f"Reason: Q.850;cause=21;text={_quoted(decision.reason.value)}\r\n"
    if code == "608":
        extra += f"Call-Info: <{profile.jcard_url}>;purpose=jwscard\r\n"
    return Template(int(code), _PHRASES[int(code)], extra, False)


Route = tuple[tuple[str, int], str, str]
"""Where an answer goes and what it points at: source address, To tag, next hop ('host:port' or ''). A plain tuple,
because one is made for every call."""


def compose(request: Request, decision: Decision, call: Call, profile: Profile, route: Route) -> tuple[int, bytes]:
    """The whole final answer to an INVITE: its status and its bytes."""
    made = template(decision, profile)
    source, tag, next_hop = route
    if not made.redirects:
        return made.status, answer(request, made.status, made.phrase, source, tag, made.extra)
    status, phrase, extra = made.status, made.phrase, made.extra
    contact = contact_uri(request.uri, decision.divert_to or next_hop)
    if contact:
        extra = f"Contact: <{contact}>\r\n{extra}"
    else:
        # RFC 3261 8.3: never redirect to the Request-URI. Nowhere else to send it means "route on".
        status, phrase = 404, "Not Found"
    if decision.verdict is not _PASS:
        extra += header_changes(decision, call, profile)
    return status, answer(request, status, phrase, source, tag, extra)


def contact_uri(request_uri: str, target: str) -> str:
    """The Contact of a passing 302: the called user at the target; '' where there is no target or it is the Request-URI.

    target: 'host', 'host:port' or a whole sip:/sips: URI (kept as it is). 'host:port;transport=tcp' says the transport too,
    and the one in the Request-URI, which was for the way to the gate, is left out.
    """
    if not target or target[:4] == "sip:" or target[:5] == "sips:":
        return "" if target == request_uri else target
    if request_uri.startswith("sip:") and ";" not in target:  # what follows, where it is usual
        begin = max(request_uri.rfind("@"), 3) + 1
        end = request_uri.find(";", begin)
        end = len(request_uri) if end < 0 else end
        same = _same_place(request_uri[begin:end], target)
        return "" if same else f"{request_uri[:begin]}{target}{request_uri[end:]}"
    scheme, _, rest = request_uri.partition(":")
    if scheme != "sip" and scheme.lower() == "tel":
        return f"sip:{rest.partition(';')[0]}@{target};user=phone"
    user, at, where = rest.rpartition("@")
    host, semicolon, params = where.partition(";")
    if ";" in target:
        target, _, own = target.partition(";")
        if scheme.lower() == "sips":
            own = ""  # a sips URI says TLS by itself (RFC 3261 26.2.2), on every hop
        kept = [part for part in params.split(";") if part and not part.lower().startswith("transport=")]
        semicolon, params = ";" if own or kept else "", ";".join([own, *kept] if own else kept)
    return "" if _same_place(host, target) else f"{scheme}:{user}{at}{target}{semicolon}{params}"


def stream_sender(request: Request, host: str, transport: str) -> str:
    """Where the SBC that sent this over TCP or TLS takes calls: 'host:port;transport=tcp'.

    The port its connection came from takes none. Its host is the one it really came from; the port is the one that it
    says it listens on in its own Via (RFC 3261 18.1.1 wants it to), else 5060, or 5061 for TLS.
    """
    port = split_host(request.sent_by)[1]
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        port = "5061" if transport == "tls" else "5060"
    return f"[{host}]:{port};transport={transport}" if ":" in host else f"{host}:{port};transport={transport}"


@lru_cache(maxsize=4096)
def _same_place(host: str, target: str) -> bool:
    """Whether two host[:port] are one, 5060 being the default. Remembered: a border link has few of either."""
    mine, theirs = (text.lower().removesuffix(":5060") for text in (host, target))
    return mine == theirs


def changes(decision: Decision, call: Call, profile: Profile) -> dict[str, str]:
    """What the switch must change in the call: the same values in JSON and as headers of the 302.

    label: display name; identity: the number to show ('anonymous' when withheld); privacy: value of Privacy; verstat:
    3GPP TS 24.229 7.2A.20.
    """
    if decision.verdict is Verdict.MARK:
        verstat = "TN-Validation-Failed" if decision.klass == "deterministic" else "No-TN-Validation"
        return {"label": profile.label, "identity": call.caller, "verstat": verstat}
    if decision.verdict is Verdict.WITHHOLD:
        return {"label": "Anonymous", "identity": "anonymous", "privacy": "id"}
    return {}


def header_changes(decision: Decision, call: Call, profile: Profile) -> str:
    """`changes` as header lines of the 302: P-Asserted-Identity with the label and verstat, and Privacy."""
    todo = changes(decision, call, profile)
    if not todo:
        return ""
    if "privacy" in todo:
        return 'P-Asserted-Identity: "Anonymous" <sip:anonymous@anonymous.invalid>\r\nPrivacy: id\r\n'
    user = call.caller if call.caller.lstrip("+").isascii() and call.caller.lstrip("+").isdigit() else "anonymous"
    return (
        f"P-Asserted-Identity: {_quoted(todo['label'])} <sip:{user};verstat={todo['verstat']}@invalid;user=phone>\r\n"
    )


def _quoted(text: str) -> str:
    """A quoted-string (RFC 3261 25.1)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
