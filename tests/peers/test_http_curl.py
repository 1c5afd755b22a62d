"""The examples of docs/http.md do what the page says: each curl command is run against a server, its answer compared."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from desk import trunk_entry
from http_desk import TOKENS, make_http_desk

from tosqauyl.gate.http.options import Http, Limits
from tosqauyl.gate.http.server import HttpServer, listen

pytestmark = pytest.mark.peers("curl")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text("utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_of_commands_is_followed_by_its_answer():
    assert len(EXAMPLES) == PAGE.count("```sh\n") >= 5


@pytest.mark.parametrize(
    ("command", "answer"), EXAMPLES, ids=[command.split("$GATE")[1][:20] for command, _ in EXAMPLES]
)
def test_an_example_is_answered_as_the_page_says(tmp_path, command, answer):
    entries = (trunk_entry("from-abroad", "international", "198.51.100.0/24"),)
    http = make_http_desk(tmp_path, entries=entries, complete=False)

    async def run():
        tcp = listen(Http(("127.0.0.1", 0)), ())
        server = HttpServer(http.app, tcp, None, Limits(), http.desk.session.counters)
        server.start()
        environment = {name.upper(): token for name, token in TOKENS.items()}
        environment |= {"GATE": f"http://127.0.0.1:{tcp.getsockname()[1]}", "PATH": "/usr/bin:/bin:/usr/local/bin"}
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", command, cwd=tmp_path, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said = await asyncio.wait_for(shell.communicate(), 20)
        await server.stop()
        return shell.returncode, *said

    code, out, told = asyncio.run(run())
    assert (code, told) == (0, b"")
    said = json.loads(out)
    shown = json.loads(answer)
    assert {name: said[name] for name in shown} == shown
