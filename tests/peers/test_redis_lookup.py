"""Look-ups in a real redis-server: every format, what a missing key means, what goes wrong, and how fast it is."""

import asyncio
import hmac
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from server import free_port

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed, Whereabouts
from tosqauyl.networks.redis_lookup import RedisBackend
from tosqauyl.networks.redis_options import RedisFiles, RedisOptions

pytestmark = pytest.mark.peers("redis-server")
NOW = 1_800_000_000.0
ME = "+77010000001"


class Server:
    """A redis-server on a free port, and a client to fill it."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.port = free_port(kind=socket.SOCK_STREAM)
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*command, "--dir", str(folder), *more], stdout=subprocess.DEVNULL)
        self.client = Redis(port=self.port, protocol=2)
        self.options = RedisOptions(url=f"redis://127.0.0.1:{self.port}/0", read_timeout=2.0, connect_timeout=2.0)
        end = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                assert time.monotonic() < end, "redis-server did not come up"
                assert self.process.poll() is None, "redis-server ended"
                os.sched_yield()

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    it = Server(tmp_path_factory.mktemp("redis"))
    yield it
    it.stop()


@pytest.fixture
def options(server: Server) -> RedisOptions:
    server.client.flushall()
    return server.options


async def _ask(options: RedisOptions, numbers: tuple[str, ...]) -> list[Whereabouts | str]:
    backend = RedisBackend(options, lambda: NOW)
    async with asyncio.timeout(20):
        found = await asyncio.gather(*map(backend.whereabouts, numbers), return_exceptions=True)
        await backend.close()
    assert all(isinstance(one, AskFailed | Whereabouts) for one in found), found
    return [one.kind if isinstance(one, AskFailed) else one for one in found]


def look_up(options: RedisOptions, *numbers: str) -> list[Whereabouts | str]:
    return asyncio.run(_ask(options, numbers or (ME,)))


UPDATED = "roaming:updated_at"


@pytest.mark.parametrize(
    ("value", "updated", "said"),
    [
        ("abroad", None, Whereabouts("abroad", NOW)),
        ("abroad", NOW - 60, Whereabouts("abroad", NOW - 60)),
        ("abroad 1799999000", None, Whereabouts("abroad", 1_799_999_000.0)),
        ("home 1799999000", None, Whereabouts("home", 1_799_999_000.0)),
        ("home 1799999000", NOW - 60, Whereabouts("home", NOW - 60)),
        ("home", None, Whereabouts("unknown", 0.0)),
        ("home", NOW - 301, Whereabouts("unknown", 0.0)),
        ("home", NOW + 301, Whereabouts("unknown", 0.0)),
        ("home", NOW - 60, Whereabouts("home", NOW - 60)),
        ("unknown", NOW - 60, Whereabouts("unknown", NOW - 60)),
        ('{"roaming": true, "at": 1799999000, "country": "TR"}', None, Whereabouts("abroad", 1_799_999_000.0, "TR")),
        ('{"roaming": false, "at": 1799999000.5}', None, Whereabouts("home", 1_799_999_000.5)),
        ('{"roaming": false}', None, Whereabouts("unknown", 0.0)),
        ('{"roaming": false}', NOW - 1, Whereabouts("home", NOW - 1)),
        (None, None, Whereabouts("unknown", 0.0)),
        (None, NOW - 1, Whereabouts("unknown", NOW - 1)),
        *((value, None, "malformed") for value in (
            "", "Abroad", "1", "home soon", "home nan", "home -5", "abroad inf", "\xff", "{}", '{"roaming": 1}', '{"roaming": true',
            '{"roaming": true, "at": "x"}', '{"roaming": true, "at": -1}',
        )),
        ("abroad", "yesterday", "malformed"),
    ],
)  # fmt: skip
def test_what_a_value_means(server, options, value, updated, said):
    if value is not None:
        server.client.set(f"roaming:{ME}", value)
    if updated is not None:
        server.client.set(UPDATED, updated)
    assert look_up(replace(options, updated=UPDATED)) == [said]


@pytest.mark.parametrize(
    ("updated", "said"),
    [(NOW - 1, "home"), (NOW - 299, "home"), (NOW - 301, "unknown"), (NOW + 301, "unknown"), (None, "unknown")],
)
def test_a_missing_number_is_at_home_only_where_that_is_promised_and_fresh(server, options, updated, said):
    if updated is not None:
        server.client.set(UPDATED, updated)
    server.client.set("roaming:+2", "unknown")
    found, _ = look_up(replace(options, updated=UPDATED, missing="home"), ME, "+2")
    assert found.state == said


def test_where_no_number_was_ever_found_a_missing_one_is_not_at_home(server, options):
    server.client.mset({UPDATED: NOW, "roaming:+1": "abroad"})
    wrong = replace(options, updated=UPDATED, missing="home", key="roaming-{number}")
    assert [one.state for one in look_up(wrong, "+1", "+2")] == ["unknown", "unknown"]


def test_a_key_of_another_type_is_never_taken_for_a_missing_one(server, options):
    server.client.set(UPDATED, NOW)
    server.client.hset("roaming:+1", "abroad", "yes")
    server.client.set("roaming:+2", "abroad")
    found = look_up(replace(options, updated=UPDATED, missing="home"), "+1", "+2", "+3")
    assert [one.state for one in found] == ["unknown", "abroad", "unknown"]
    server.client.delete("roaming:+1")
    found = look_up(replace(options, updated=UPDATED, missing="home"), "+1", "+2", "+3")
    assert [one.state for one in found] == ["home", "abroad", "home"]


def test_one_bad_value_spoils_no_other(server, options):
    server.client.mset({"roaming:+1": "abroad 5", "roaming:+2": "nonsense", "roaming:+3": "home 6"})
    assert look_up(options, "+1", "+2", "+3") == [Whereabouts("abroad", 5.0), "malformed", Whereabouts("home", 6.0)]


def test_tokens_and_digits_in_place_of_numbers(server, options, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    key.chmod(0o600)
    token = hmac.new(b"0123456789abcdef0123456789abcdef", ME.encode(), "sha256").hexdigest()
    server.client.mset({f"r:{token}:x": "abroad 5", f"d:{ME[1:]}": "abroad 6"})
    assert look_up(replace(options, key="r:{token}:x", files=RedisFiles(token_key=str(key)))) == [
        Whereabouts("abroad", 5)
    ]
    assert look_up(replace(options, key="d:{digits}")) == [Whereabouts("abroad", 6)]
    key.chmod(0o644)
    with pytest.raises(TosqauylError, match="others may read"):
        RedisBackend(replace(options, key="{token}", files=RedisFiles(token_key=str(key))), lambda: NOW)


@pytest.mark.parametrize(
    "wrong",
    [{"key": "roaming"}, {"key": "{name}"}, {"key": "{number}{number}"}, {"key": "{token}"}, {"missing": "abroad"},
     {"missing": "home"}, {"url": "http://x"}, {"url": "redis://me:secret@x"}],
)  # fmt: skip
def test_options_that_cannot_work_are_refused(options, wrong):
    with pytest.raises(TosqauylError) as told:
        RedisBackend(replace(options, **wrong), lambda: NOW)
    assert "secret" not in str(told.value)


def test_a_password_from_a_file_and_what_is_refused(tmp_path):
    server = Server(tmp_path, "--requirepass", "open sesame")
    try:
        (tmp_path / "right").write_text("open sesame\n")
        (tmp_path / "wrong").write_text("hello\n")
        for name in ("right", "wrong"):
            (tmp_path / name).chmod(0o600)
        answers = {
            name: look_up(replace(server.options, files=RedisFiles(password=str(tmp_path / name) if name else "")))
            for name in ("right", "wrong", "")
        }
        assert answers == {"right": [Whereabouts("unknown", 0.0)], "wrong": ["refused"], "": ["refused"]}
    finally:
        server.stop()


def test_a_server_that_went_away_is_down_and_found_again(tmp_path):
    async def scenario():
        server = Server(tmp_path)
        backend = RedisBackend(replace(server.options, connect_timeout=0.2), lambda: NOW)
        assert await backend.whereabouts(ME) == Whereabouts("unknown", 0.0)
        server.client.client_kill_filter(_type="normal", skipme=True)
        assert await backend.whereabouts(ME) == Whereabouts("unknown", 0.0), "the connection is made anew"
        server.stop()
        with pytest.raises(AskFailed, match="down"):
            await backend.whereabouts(ME)
        await backend.close()

    asyncio.run(scenario())


def test_a_server_that_stands_still_is_down_after_the_timeout(tmp_path):
    async def scenario():
        server = Server(tmp_path)
        backend = RedisBackend(replace(server.options, read_timeout=0.1), lambda: NOW)
        try:
            server.client.execute_command("CLIENT", "PAUSE", "5000", "ALL")
            began = time.monotonic()
            with pytest.raises(AskFailed, match="down"):
                await backend.whereabouts(ME)
            assert time.monotonic() - began < 3.0
        finally:
            await backend.close()
            server.stop()

    asyncio.run(scenario())


def test_look_ups_of_one_moment_go_out_together(server, options):
    async def scenario():
        server.client.mset({f"roaming:+{place}": f"abroad {place + 1}" for place in range(1000)})
        backend = RedisBackend(options, lambda: NOW)
        found = await asyncio.gather(*(backend.whereabouts(f"+{place}") for place in range(1000)))
        assert [one.at for one in found] == [place + 1 for place in range(1000)]
        assert (backend.looked_up, backend.batches) == (1000, 4)
        one, two = await asyncio.gather(backend.whereabouts("+1"), backend.whereabouts("+1"))
        assert one == two
        assert backend.looked_up == 1001
        await backend.close()
        pending = asyncio.create_task(backend.whereabouts("+1"))
        await asyncio.sleep(0)
        await backend.close()
        with pytest.raises(AskFailed, match="down"):
            await asyncio.wait_for(pending, 5)

    asyncio.run(scenario())


def test_an_asker_that_gave_up_disturbs_nobody(server, options):
    async def scenario():
        backend = RedisBackend(options, lambda: NOW)
        gone, stays = (asyncio.create_task(backend.whereabouts(number)) for number in ("+1", "+2"))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == Whereabouts("unknown", 0.0)
        await backend.close()

    asyncio.run(scenario())
