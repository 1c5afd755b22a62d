"""What a batch of look-ups does with values and replies that nobody should have written, without a server."""

import asyncio

import pytest

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.redis_lookup import RedisBackend
from tosqauyl.networks.redis_options import RedisOptions

NOW = 1_800_000_000.0
DEEP = b'{"roaming":true,"x":' + b"[" * 200_000


async def _kinds(reply):
    """What two numbers of one batch come to; reply: instead of reading from a server."""
    backend = RedisBackend(RedisOptions(), lambda: NOW)
    backend._read = reply
    async with asyncio.timeout(10):
        found = await asyncio.gather(*map(backend.whereabouts, ("+1", "+2")), return_exceptions=True)
    await backend.close()
    return [one.kind if isinstance(one, AskFailed) else one.state for one in found]


def test_a_value_nested_without_end_hurts_its_own_number_only():
    async def reply(keys):
        return [DEEP, b"abroad"], "unknown", 0.0

    assert asyncio.run(_kinds(reply)) == ["malformed", "abroad"]


def test_a_mistake_of_ours_ends_every_question_of_the_batch():
    async def reply(keys):
        raise ZeroDivisionError

    assert asyncio.run(_kinds(reply)) == ["bug", "bug"]


@pytest.mark.parametrize("more", ["?ssl_cert_reqs=none", "?password=secret", "?decode_responses=true&db=1"])
def test_an_address_that_would_change_more_than_the_place_is_refused(more):
    with pytest.raises(TosqauylError, match=r"redis\.url"):
        RedisBackend(RedisOptions("rediss://127.0.0.1:6379/0" + more), lambda: NOW)


def test_an_address_that_is_none_is_told_as_a_mistake():
    with pytest.raises(TosqauylError, match=r"redis\.url"):
        RedisBackend(RedisOptions("redis://[::1"), lambda: NOW)


def test_a_socket_may_name_its_database():
    RedisBackend(RedisOptions("unix:///run/redis.sock?db=1"), lambda: NOW)
