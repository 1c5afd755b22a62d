"""`tosqauyl token`: a new token for an HTTP client, shown once, and the lines that let it in."""

import argparse
import json
import re
import secrets
import sys
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.http.access import SCOPES, TOKEN_BYTES, hashed, new_token
from tosqauyl.texts import ENGLISH, Texts

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `token`."""
    about = t(
        "Make a token for an HTTP client. It is shown once and stored nowhere; the gate's configuration holds its hash."
    )
    parser = subparsers.add_parser("token", help=t("make a token for an HTTP client"), description=about)
    parser.add_argument(
        "--id", metavar="NAME", default="client-1", help=t("name of the client, shown in status and metrics")
    )
    parser.add_argument(
        "--scope", action="append", choices=SCOPES, required=True, help=t("what the client may do; may be repeated")
    )
    parser.add_argument("--operator", metavar="NAME", help=t("whose subscribers it reports (scope feed)"))
    parser.add_argument(
        "--trunk",
        metavar="ID",
        action="append",
        help=t("a trunk it may screen calls for (default: all); may be repeated"),
    )
    parser.set_defaults(run=run, texts=t)


def run(options: argparse.Namespace) -> int:
    """Print token and configuration on standard output, what to do with them on standard error."""
    for flag, value in (("--id", options.id), ("--operator", options.operator)):
        if value is not None and not _NAME.fullmatch(value):
            raise TosqauylError(f"{value!r} is no name", flag, "letters, digits, '.', '_' and '-', at most 64")
    if "feed" in options.scope and not options.operator:
        raise TosqauylError(
            "a feed speaks for one operator's subscribers", "--operator", "for example --operator kcell"
        )
    token = new_token(secrets.token_bytes(TOKEN_BYTES))
    t: Texts = options.texts
    print(
        t("The token, shown this once. Give it to the client: Authorization: Bearer <token>"),
        file=sys.stderr,
        flush=True,
    )
    print(token, flush=True)
    print(t("Into the gate's configuration:"), file=sys.stderr, flush=True)
    print(client_lines(options, hashed(token)))
    return 0


def client_lines(options: argparse.Namespace, token: str) -> str:
    """The [[client]] table (TOML) of a client with this hashed token."""
    values = {
        "id": options.id, "token": token, "scopes": list(dict.fromkeys(options.scope)),
        "operator": options.operator, "trunks": options.trunk,
    }  # fmt: skip
    # A JSON string or list of strings is the same in TOML.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=True)}" for name, value in values.items() if value]
    return "\n".join(["[[client]]", *lines])
