"""Messages to bytes: one spelling for all that mean the same; rendering what was rendered changes nothing."""

from tosqauyl.sip.message import Fields, Request, Response
from tosqauyl.sip.names import usual


def render(message: Request | Response) -> bytes:
    """The message with long header names, one line a value, Content-Length as counted. One name's lines stay together."""
    if isinstance(message, Request):
        start = f"{message.method} {message.uri} SIP/2.0"
    else:
        start = f"SIP/2.0 {message.status} {message.reason}"
    head = start + "\r\n" + _header(message.fields) + f"Content-Length: {len(message.body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + message.body


def _header(fields: Fields) -> str:
    return "".join(
        f"{usual(name)}: {value}\r\n" for name, values in fields.items() if name != "content-length" for value in values
    )
