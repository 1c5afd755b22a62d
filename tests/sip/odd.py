"""Hypothesis strategies: valid requests in plain spelling, and the same requests spelt as oddly as RFC 3261 allows."""

from hypothesis import strategies as st

HOSTS = st.sampled_from(["192.0.2.1", "host.example.com", "[2001:db8::1]", "198.51.100.7:5070"])
TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
USERS = st.sampled_from(["+77011234567", "alice", "102", "a;b=c", "%2B7701", "", "+7(701)123-45-67"])
DISPLAYS = st.sampled_from(["", '"Қазақ, <банк>"', "Bob", '"say \\"hi\\""', "Каспи Банк", '"a;tag=b"'])
VALUES = st.text(
    st.characters(min_codepoint=33, max_codepoint=1200, blacklist_categories=["Cc", "Zs", "Zl", "Zp", "Cs"]),
    max_size=30,
)

COMPACT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l", "Contact": "m", "Subject": "s"}


@st.composite
def addresses(draw: st.DrawFn, tag: bool) -> str:
    user = draw(USERS)
    address = f"{draw(DISPLAYS)}<sip:{user}{'@' if user else ''}{draw(HOSTS)}>"
    return address + (f";tag={draw(TOKENS)}" if tag else "")


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]], bytes]:
    """Request line, headers in order, body."""
    method = draw(st.sampled_from(["INVITE", "ACK", "OPTIONS", "CANCEL", "FOO"]))
    vias = draw(st.lists(st.tuples(HOSTS, TOKENS), min_size=1, max_size=4))
    headers = [("Via", f"SIP/2.0/UDP {host};branch=z9hG4bK{branch};rport") for host, branch in vias]
    headers += [
        ("From", draw(addresses(tag=True))),
        ("To", draw(addresses(tag=False))),
        ("Call-ID", draw(TOKENS)),
        ("CSeq", f"{draw(st.integers(0, 2**31 - 1))} {method}"),
    ]
    if draw(st.booleans()):
        headers.append(("Max-Forwards", str(draw(st.integers(0, 255)))))
    headers += [("Contact", value) for value in draw(st.lists(addresses(tag=False), max_size=2))]
    headers += draw(st.lists(st.tuples(st.sampled_from(["Subject", "X-Odd", "User-Agent"]), VALUES), max_size=3))
    body = draw(st.binary(max_size=60))
    if body or draw(st.booleans()):
        headers.append(("Content-Length", str(len(body))))
    return f"{method} sip:{draw(USERS) or 'u'}@{draw(HOSTS)} SIP/2.0", headers, body


def plain(request: tuple[str, list[tuple[str, str]], bytes]) -> bytes:
    line, headers, body = request
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{line}\r\n{head}\r\n".encode() + body


@st.composite
def spelt(draw: st.DrawFn, request: tuple[str, list[tuple[str, str]], bytes]) -> bytes:
    """The same request: other case, compact names, blanks around the colon, folds, Vias on one line, leading CRLFs."""
    line, headers, body = request
    lines = [line]
    for name, value in headers:
        name = draw(
            st.sampled_from(
                [name, name.lower(), name.upper(), COMPACT.get(name, name), COMPACT.get(name, name).upper()]
            )
        )
        blanks = st.sampled_from(["", " ", "\t", "  "])
        folds = st.sampled_from(["", " ", "\r\n ", " \r\n\t "])
        end = draw(st.sampled_from(["", " ", "\r\n "])) if value else ""
        if name.lower() in ("v", "via") and draw(st.booleans()):
            value = value.replace(";", draw(blanks) + ";" + draw(folds)).replace(
                "SIP/2.0/UDP ", "SIP / 2.0\r\n / UDP  "
            )
        if name.lower() in ("v", "via") and lines[-1][:4].lower().strip(" :\t") in ("v", "via") and draw(st.booleans()):
            lines[-1] += draw(blanks) + "," + draw(folds) + value + end
        else:
            lines.append(name + draw(blanks) + ":" + draw(folds) + value + end)
    lead = draw(st.sampled_from(["", "\r\n", "\r\n\r\n"]))
    return (lead + "\r\n".join(lines) + "\r\n\r\n").encode() + body
