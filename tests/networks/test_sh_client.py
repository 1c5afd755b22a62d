"""The connection to an HSS: many questions on one, watchdog, farewell, loss and return, and what bad networks come to."""

import asyncio
import random
import ssl

import pytest
from certificates import make_authority, make_certificate
from diameter.message.commands import CapabilitiesExchangeAnswer
from hypothesis import given, settings
from hypothesis import strategies as st
from sh_desk import (
    ABROAD,
    HOME,
    NOBODY,
    NOW,
    ScriptedPeer,
    answer_to,
    asking,
    kind_of,
    make_network,
    make_options,
    scripted,
    simulated_hss,
)

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import FAILURES, AskFailed, Whereabouts
from tosqauyl.networks.sh import messages, simulator
from tosqauyl.networks.sh.client import ShBackend, ShTls
from tosqauyl.networks.sh.frames import ERROR, Header, Ids, read_header
from tosqauyl.networks.sh.peer import open_peer
from tosqauyl.networks.sh.watchdog import Watchdog
from tosqauyl.networks.simulated import BEHAVIOURS


def run(test):
    asyncio.run(test())


@pytest.mark.parametrize("changes", [{}, {"domain": "ps"}, {"identity": "tel"}, {"active": True}], ids=str)
def test_the_hss_tells_where_subscribers_are(changes):
    async def test():
        async with simulated_hss(make_network()) as port, asking(port, **changes) as backend:
            assert await backend.whereabouts(HOME) == Whereabouts("home", NOW - 60, "KZ")
            assert await backend.whereabouts(ABROAD) == Whereabouts("abroad", NOW - 60, "TR")
            assert await backend.whereabouts(NOBODY) == Whereabouts("unknown", NOW)
            assert await backend.whereabouts("101") == Whereabouts("unknown", NOW)
            assert (backend.tally.asked, backend.tally.connects) == (3, 1)

    run(test)


COMES_TO = {
    "right": {""}, "slow": {""}, "wrong": {"wrong"}, "flapping": {"", "refused"}, "down": {"down"}, "malformed": {"malformed"},
}  # fmt: skip


async def reconnected(backend: ShBackend) -> None:
    while not backend.connected:
        await asyncio.sleep(0)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_bad_network_comes_to_its_kind_of_failure(behaviour):
    async def test():
        network = make_network(slow_seconds=0.0)
        async with simulated_hss(network) as port, asking(port) as backend:
            assert await kind_of(backend.whereabouts(HOME)) == ""
            kinds = set()
            network.behaviour = behaviour
            for _ in range(30):
                kinds.add(await kind_of(backend.whereabouts(HOME)))
                if behaviour == "malformed":  # what is no Diameter costs the connection
                    await reconnected(backend)
            assert kinds == COMES_TO[behaviour]
            network.behaviour = "right"
            await reconnected(backend)
            assert await kind_of(backend.whereabouts(HOME)) == ""

    run(test)


def test_answers_find_their_questions_in_any_order():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            numbers = [HOME, ABROAD] * 20
            asked = [asyncio.create_task(backend.whereabouts(number)) for number in numbers]
            frames = [await peer.frames.get() for _ in numbers]
            assert backend.in_flight == len(numbers)
            random.Random(3).shuffle(frames)
            peer.send(b"".join(answer_to(frame) for frame in frames))
            assert [found.state for found in await asyncio.gather(*asked)] == ["home", "abroad"] * 20
            assert backend.in_flight == 0

    run(test)


def test_a_cancelled_question_is_forgotten_and_its_late_answer_counted():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            first = asyncio.create_task(backend.whereabouts(ABROAD))
            late = await peer.frames.get()
            first.cancel()
            await asyncio.wait((first,))
            assert first.cancelled()
            assert backend.in_flight == 0
            second = asyncio.create_task(backend.whereabouts(HOME))
            peer.send(answer_to(late) + answer_to(await peer.frames.get()))
            assert (await second).state == "home"
            assert backend.tally.late == 1

    run(test)


def test_questions_beyond_the_limit_fail_at_once():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port, in_flight=2) as backend:
            asked = [asyncio.create_task(backend.whereabouts(HOME)) for _ in range(2)]
            frames = [await peer.frames.get() for _ in asked]
            assert await kind_of(backend.whereabouts(HOME)) == "limited"
            for frame in frames:
                peer.send(answer_to(frame))
            await asyncio.gather(*asked)

    run(test)


def test_nobody_there_is_down_and_does_not_hold_up_questions():
    async def test():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        async with asking(port, backoff_least=60.0) as backend:
            assert [await kind_of(backend.whereabouts(HOME)) for _ in range(3)] == ["down"] * 3
            assert not backend.connected

    run(test)


def capabilities(result: int, applications: list[int]) -> bytes:
    answer = CapabilitiesExchangeAnswer()
    answer.result_code, answer.auth_application_id = result, applications
    answer.origin_host, answer.origin_realm = b"hss.example.kz", b"example.kz"
    return messages.to_bytes(answer, Ids(1, 1))


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (capabilities(5010, []), "refused"),
        (capabilities(2001, [4]), "refused"),
        (capabilities(2001, [0xFFFFFFFF]), ""),
        (messages.plain_answer(make_options(), Header(20, 0x80, messages.WATCHDOG, 0, Ids(1, 1)), 2001), "wrong"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "malformed"),
    ],
    ids=["no", "other applications", "a relay", "another message", "no Diameter"],
)
def test_the_peer_must_speak_sh(first, kind):
    async def test():
        peer = ScriptedPeer(first)
        async with scripted(peer) as port, asking(port, backoff_least=60.0) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            if not kind:
                peer.send(answer_to(await peer.frames.get()))
            assert await asked == kind

    run(test)


def test_a_lost_connection_fails_its_questions_and_comes_back():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            await peer.frames.get()
            peer.hang_up()
            assert await asked == "down"
            await peer.ended.get()
            await reconnected(backend)
            again = asyncio.create_task(backend.whereabouts(HOME))
            peer.send(answer_to(await peer.frames.get()))
            assert (await again).state == "home"
            assert (backend.tally.connects, backend.tally.lost) == (2, 1)

    run(test)


def test_a_mistake_of_ours_while_connecting_does_not_end_connecting(monkeypatch):
    async def test():
        peer, opened = ScriptedPeer(), []

        async def opening(*arguments):
            opened.append(arguments)
            if len(opened) == 1:
                raise UnicodeError("a name that is none")  # as of a host 'hss..example.kz'
            return await open_peer(*arguments)

        monkeypatch.setattr("tosqauyl.networks.sh.client.open_peer", opening)
        async with scripted(peer) as port, asking(port) as backend:
            assert await kind_of(backend.whereabouts(HOME)) == "bug"
            await reconnected(backend)
            asked = asyncio.create_task(backend.whereabouts(HOME))
            peer.send(answer_to(await peer.frames.get()))
            assert (await asked).state == "home"

    run(test)


def test_a_peer_that_asks_and_does_not_read_is_left_and_holds_nobody_up():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            await peer.frames.get()
            connection, most, turns = backend._peer, 0, 0
            connection._writer.transport.get_write_buffer_size = lambda: most
            request, served = messages.watchdog_request(make_options(), Ids(5, 6)), connection._serve

            def serve(header):
                nonlocal turns
                turns += 1
                served(header)

            connection._serve = serve
            peer.send(request * 50)
            while not turns:
                await asyncio.sleep(0)
            assert turns < 50, "other work has its turn in between"
            most = 2 << 20
            assert await asked == "down"

    run(test)


def test_a_stream_that_lost_its_place_is_malformed_for_all_who_wait():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            asked = [asyncio.create_task(kind_of(backend.whereabouts(HOME))) for _ in range(3)]
            for _ in asked:
                await peer.frames.get()
            peer.send(b"\0" * 20)
            assert await asyncio.gather(*asked) == ["malformed"] * 3

    run(test)


def test_one_unreadable_answer_hurts_one_question():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            asked = [asyncio.create_task(kind_of(backend.whereabouts(HOME))) for _ in range(2)]
            first = bytearray(answer_to(await peer.frames.get()))
            first[25:28] = b"\0\0\1"
            peer.send(bytes(first) + answer_to(await peer.frames.get()))
            assert await asyncio.gather(*asked) == ["malformed", ""]
            assert backend.connected

    run(test)


def test_the_peers_watchdog_is_answered_and_its_pushes_are_not_served():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port) as backend:
            asked = asyncio.create_task(backend.whereabouts(HOME))
            question = await peer.frames.get()
            peer.send(messages.watchdog_request(make_options(), Ids(5, 6)))
            answer = messages.receive(await peer.frames.get())
            assert (answer.header.command, answer.header.flags, answer.header.ids) == (280, 0, Ids(5, 6))
            assert answer.number(268) == 2001
            push = bytes((1, 0, 0, 20, 0xC0, 0, 1, 0x35)) + bytes(12)  # Push-Notification-Request, 309
            peer.send(push)
            refused = read_header(await peer.frames.get())
            assert (refused.command, refused.flags & ERROR) == (309, ERROR)
            assert backend.tally.refused_requests == 1
            peer.send(answer_to(question))
            await asked

    run(test)


def test_a_silent_peer_is_asked_suspected_and_left():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port, watchdog_seconds=0.03) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            frames = [read_header(await peer.frames.get()).command for _ in range(2)]
            assert frames == [messages.USER_DATA, messages.WATCHDOG]
            assert await asked == "down"
            await peer.ended.get()
            assert backend.tally.watchdogs >= 1

    run(test)


def test_a_peer_that_answers_watchdogs_is_kept():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port, watchdog_seconds=0.03) as backend:
            asked = asyncio.create_task(backend.whereabouts(HOME))
            question = await peer.frames.get()
            for _ in range(4):
                dog = read_header(await peer.frames.get())
                peer.send(messages.plain_answer(make_options(), dog, 2001))
            peer.send(answer_to(question))
            assert (await asked).state == "home"
            assert backend.tally.connects == 1

    run(test)


def test_after_the_peers_farewell_no_question_is_sent():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port, close_seconds=0.03) as backend:
            asked = asyncio.create_task(backend.whereabouts(HOME))
            peer.send(answer_to(await peer.frames.get()))
            await asked
            peer.send(messages.disconnect_request(make_options(), Ids(5, 6)))
            answer = messages.receive(await peer.frames.get())
            assert (answer.header.command, answer.number(268)) == (282, 2001)
            assert await kind_of(backend.whereabouts(HOME)) == "down"
            await peer.ended.get()  # the peer did not close: we do

    run(test)


def test_closing_says_farewell_and_ends_questions():
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port, close_seconds=0.03) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            await peer.frames.get()
            await backend.close()
            assert read_header(await peer.frames.get()).command == messages.DISCONNECT
            assert await asked == "down"
            assert await kind_of(backend.whereabouts(HOME)) == "down"
            await backend.close()

    run(test)


def test_closing_while_connecting_ends_at_once():
    async def test():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with asking(server.sockets[0].getsockname()[1], connect_seconds=60.0) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            await asyncio.sleep(0)
            await backend.close()
            assert await asked == "down"
        server.close()

    run(test)


def test_tls_goes_before_the_first_message(tmp_path):
    authority = make_authority(tmp_path)
    ours = make_certificate(tmp_path, authority, "hss", "DNS:hss.example.kz")
    stranger = make_authority(tmp_path, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.certificate, ours.key)

    async def ask(tls: ShTls) -> str:
        peer = ScriptedPeer()
        async with scripted(peer, context) as port, asking(port, tls=tls, backoff_least=60.0) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            answered = asyncio.create_task(peer.frames.get())
            await asyncio.wait((asked, answered), return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                peer.send(answer_to(answered.result()))
            answered.cancel()
            return await asked

    async def test():
        assert await ask(ShTls(str(authority.certificate), name="hss.example.kz")) == ""
        assert await ask(ShTls(str(authority.certificate), name="other.example.kz")) == "down"
        assert await ask(ShTls(str(stranger.certificate), name="hss.example.kz")) == "down"

    run(test)


def test_tls_files_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(TosqauylError, match=r"missing\.pem"):
        ShBackend(make_options(tls=ShTls(str(tmp_path / "missing.pem"))))


def test_the_simulator_tells_of_countries_that_have_numbers():
    for country in ("KZ", "RU", "TR", "US", "CA", "AE", "UZ", "GB"):
        assert simulator.node_number(country).isdigit()

    async def test():
        with pytest.raises(TosqauylError, match="XX"):
            await simulator.serve_hss(make_network(country="XX"), "127.0.0.1", 0)

    run(test)


WATCHDOG_CASES = {
    "silence": ("ttt", ["ask", "suspect", "close"]),
    "answers": ("tatata", ["ask", "ask", "ask"]),
    "traffic but no answer": ("tmt", ["ask", "suspect"]),
    "suspect, then traffic": ("ttmt", ["ask", "suspect", "suspect"]),
    "suspect, then the answer": ("ttat", ["ask", "suspect", "ask"]),
}


@pytest.mark.parametrize(("events", "actions"), WATCHDOG_CASES.values(), ids=WATCHDOG_CASES.keys())
def test_the_watchdog_is_that_of_rfc_3539(events, actions):
    dog, now, done = Watchdog(30.0, 0.0, random.Random(1)), 0.0, []
    for event in events:
        if event == "t":
            assert 28.0 <= dog.due - now <= 32.0
            now = dog.due
            done.append(dog.expired(now))
        else:
            dog.heard(now, answer=event == "a")
    assert done == actions


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=80), max_size=4), st.booleans())
def test_whatever_comes_back_a_question_ends(pieces, hang_up):
    async def test():
        peer = ScriptedPeer()
        async with scripted(peer) as port, asking(port, backoff_least=60.0) as backend:
            asked = asyncio.create_task(kind_of(backend.whereabouts(HOME)))
            question = await peer.frames.get()
            for piece in pieces:
                header = question[:1] + (20 + (len(piece) & ~3)).to_bytes(3) + b"\0" + question[5:20]
                peer.send(piece if hang_up else header + piece[: len(piece) & ~3])
            peer.hang_up() if hang_up else peer.send(answer_to(question))
            assert await asked in ("", *FAILURES)

    run(test)


@pytest.mark.parametrize("behaviour", ["wrong", "flapping", "malformed", "down"])
def test_no_failure_names_the_number(behaviour):
    async def test():
        async with simulated_hss(make_network(behaviour=behaviour)) as port, asking(port) as backend:
            with pytest.raises(AskFailed) as raised:
                await backend.whereabouts(HOME)
            assert HOME[1:] not in str(raised.value)

    run(test)
