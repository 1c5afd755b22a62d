"""What tests of a gate in a process of its own share: its way in, its token, and how it is asked over HTTP."""

import hashlib
import json
import urllib.request
from typing import Any

TOKEN = "tq_of-the-test"
WAYS_IN = f"""
[http]
listen = "127.0.0.1:0"
[[trunk]]
id = "one"
listen = "udp:127.0.0.1:0"
from = ["127.0.0.0/8"]
direction = "international"
[[client]]
id = "test"
token = "sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"
scopes = ["metrics", "reload"]
"""
"""Tables of a configuration: one trunk from abroad and HTTP on free ports, and a client that may reload."""


def ask(ready: list[str], path: str, method: str = "GET") -> dict[str, Any]:
    """What a gate answers over HTTP. ready: the words of its ready line."""
    url = f"http://{ready[2].removeprefix('http:')}{path}"
    asked = urllib.request.Request(url, method=method, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")
