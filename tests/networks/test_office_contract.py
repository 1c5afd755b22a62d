"""Both ways to hear the office keep the same contract; what each has beside it."""

import asyncio
import gzip
import os
from pathlib import Path

import pytest
from aiohttp import web
from camara_desk import raw_server, run
from office_desk import LIST, NOW, OTHER, TOKEN, FakeOffice, changes_text, hearing, serving

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.office import client as client_module
from tosqauyl.networks.office import folder as folder_module
from tosqauyl.networks.office.client import OfficeClient
from tosqauyl.networks.office.folder import OfficeFolder
from tosqauyl.networks.office.list_text import ListReader
from tosqauyl.networks.office.terms import ListChanged, OfficeOptions

WAYS = ("office", "folder")
MANY = [f"+7701{place:07d}" for place in range(30)]


def office_with(count=3, list_id=LIST):
    office = FakeOffice(list_id)
    for number in MANY[:count]:
        office.publish(number)
    return office


async def whole(office):
    reader = ListReader()
    await office.fetch(reader.take)
    return reader.finish()


def asked(way, tmp_path, office, ask, first=1):
    """What one question gives in one of the two ways."""

    async def test():
        if way == "folder":
            office.write(tmp_path, first)
        async with hearing(office, tmp_path, way) as client:
            return await ask(client)

    return run(test())


@pytest.mark.parametrize("way", WAYS)
def test_the_whole_list_comes_as_it_is(way, tmp_path):
    listed = asked(way, tmp_path, office_with(30), whole)
    assert (listed.list_id, listed.seq, listed.packed.size) == (LIST, 30, 30)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_changes_after_any_number_come_in_their_order(way, after, tmp_path):
    told = asked(way, tmp_path, office_with(), lambda client: client.changes(LIST, after, 0))
    assert (told.list_id, told.after, told.last) == (LIST, after, 3)
    assert [(row.seq, row.number) for row in told.rows] == [(at + 1, MANY[at]) for at in range(after, 3)]
    assert told.heard == NOW


@pytest.mark.parametrize("way", WAYS)
def test_nothing_new_is_an_answer_without_rows(way, tmp_path):
    told = asked(way, tmp_path, office_with(), lambda client: client.changes(LIST, 3, 0))
    assert (told.after, told.last, told.rows, told.heard) == (3, 3, (), NOW)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("list_id", "after"), [(OTHER, 0), (LIST, 4), ("0" * 32, 0)])
def test_another_list_and_one_that_went_back_are_told(way, list_id, after, tmp_path):
    with pytest.raises(ListChanged):
        asked(way, tmp_path, office_with(), lambda client: client.changes(list_id, after, 0))


@pytest.mark.parametrize("way", WAYS)
def test_changes_that_are_no_longer_kept_are_told(way, tmp_path):
    office = office_with()
    office.kept = 2
    with pytest.raises(ListChanged):
        asked(way, tmp_path, office, lambda client: client.changes(LIST, 1, 0), first=3)
    assert asked(way, tmp_path, office, lambda client: client.changes(LIST, 2, 0), first=3).last == 3


@pytest.mark.parametrize("way", WAYS)
def test_what_is_published_while_somebody_waits_comes_at_once(way, tmp_path):
    office = office_with()

    async def test():
        office.write(tmp_path)
        async with hearing(office, tmp_path, way) as client:
            waiting = asyncio.create_task(client.changes(LIST, 3, 25))
            while way == "office" and not office.asked:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
            office.publish("7111", "mark")
            office.write(tmp_path)
            began = asyncio.get_running_loop().time()
            told = await waiting
            assert asyncio.get_running_loop().time() - began < 5.0
            return told

    told = run(test())
    assert [(row.seq, row.number, row.listing) for row in told.rows] == [(4, "7111", "mark")]


SPOILS = {
    "cut off": lambda data: data[:-20],
    "tampered": lambda data: data.replace(b"\tblock\t", b"\tallow\t", 1),
    "torn": lambda data: data[: len(data) // 2] + bytes(10) + data[len(data) // 2 + 10 :],
    "junk": lambda data: b"<html>busy</html>\n",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spoil", SPOILS)
def test_a_spoiled_answer_is_refused_whole(way, spoil, tmp_path):
    office = office_with()
    office.spoil = SPOILS[spoil]
    with pytest.raises(AskFailed, match="malformed"):
        asked(way, tmp_path, office, lambda client: client.changes(LIST, 1, 0))
    with pytest.raises(TosqauylError):
        asked(way, tmp_path, office, whole)


@pytest.mark.parametrize("way", WAYS)
def test_changes_of_another_list_are_refused(way, tmp_path):
    office = office_with()
    real = office.since

    def of_another(after, most=10_000):
        return real(after, most).replace(LIST.encode(), OTHER.encode())

    office.since = lambda after, most=10_000: changes_text(office.history[after:], after, OTHER)
    with pytest.raises(AskFailed, match="wrong"):
        asked(way, tmp_path, office, lambda client: client.changes(LIST, 1, 0))
    office.since = of_another  # and one whose digest tells
    with pytest.raises(AskFailed, match="malformed"):
        asked(way, tmp_path, office, lambda client: client.changes(LIST, 1, 0))


@pytest.mark.parametrize("way", WAYS)
def test_where_nobody_is_the_office_is_down(way, tmp_path):
    async def test():
        token = tmp_path / "token"
        token.write_text(TOKEN)
        nowhere = OfficeFolder(str(tmp_path / "nowhere"), lambda: NOW)
        client = (
            nowhere if way == "folder" else OfficeClient(OfficeOptions("http://127.0.0.1:1", str(token)), lambda: NOW)
        )
        for ask in (lambda: client.changes(LIST, 1, 0), lambda: client.fetch(lambda data: None)):
            with pytest.raises(AskFailed) as caught:
                await ask()
            assert caught.value.kind == "down"
        await client.close()

    run(test())


@pytest.mark.parametrize("way", WAYS)
def test_what_the_sink_refuses_ends_the_list(way, tmp_path):
    async def ask(client):
        def refuse(data):
            raise TosqauylError("enough")

        await client.fetch(refuse)

    with pytest.raises(TosqauylError, match="enough"):
        asked(way, tmp_path, office_with(), ask)


# -- over HTTP ------------------------------------------------------------------------------------------------------------


def over_http(tmp_path, office, ask):
    async def test():
        async with hearing(office, tmp_path, "office") as client:
            return await ask(client)

    return run(test())


@pytest.mark.parametrize(
    ("status", "kind", "wait"),
    [
        (401, "refused", 0),
        (403, "refused", 0),
        (429, "limited", 7),
        (500, "down", 0),
        (503, "down", 9),
        (302, "wrong", 0),
    ],
)
def test_a_status_that_is_no_answer_has_its_meaning(status, kind, wait, tmp_path):
    office = office_with()
    office.answer = web.Response(status=status, headers={"Retry-After": str(wait), "Location": "http://127.0.0.1:2/"})
    with pytest.raises(AskFailed) as caught:
        over_http(tmp_path, office, lambda client: client.changes(LIST, 1, 0))
    assert (caught.value.kind, caught.value.retry_after) == (kind, wait if status in (429, 500, 503) else 0.0)


def test_a_conflict_about_the_whole_list_is_no_answer(tmp_path):
    office = office_with()
    office.answer = web.Response(status=409)
    with pytest.raises(AskFailed, match="wrong"):
        over_http(tmp_path, office, whole)


@pytest.mark.parametrize(("length", "kind"), [("text/html", "malformed"), ("application/json", "malformed")])
def test_an_answer_of_another_type_is_refused(length, kind, tmp_path):
    office = office_with()
    office.answer = web.Response(body=office.since(1), headers={"Content-Type": length})
    with pytest.raises(AskFailed, match=kind):
        over_http(tmp_path, office, lambda client: client.changes(LIST, 1, 0))


def test_the_clock_of_the_office_is_told(tmp_path):
    office = office_with()
    office.answer = web.Response(
        body=office.since(1), headers={"Content-Type": "text/plain", "Date": "Mon, 21 Sep 2026 14:13:20 GMT"}
    )
    assert over_http(tmp_path, office, lambda client: client.changes(LIST, 1, 0)).said == NOW


def test_a_new_token_is_used_without_a_restart(tmp_path):
    office = office_with()
    office.token = "tqk_new"

    async def ask(client):
        with pytest.raises(AskFailed) as caught:
            await client.changes(LIST, 1, 0)
        assert caught.value.kind == "refused"
        (tmp_path / "token").write_text("tqk_new\n")
        return await client.changes(LIST, 1, 0)

    assert over_http(tmp_path, office, ask).last == 3


@pytest.mark.parametrize("text", ["", "two\nlines", "with space", "ключ"])
def test_a_file_that_holds_no_token_is_refused_and_never_quoted(text, tmp_path):
    token = tmp_path / "token"
    token.write_text(text)
    with pytest.raises(TosqauylError) as caught:
        OfficeClient(OfficeOptions("http://127.0.0.1:1", str(token)), lambda: NOW)
    assert not text or text not in str(caught.value)


def test_plain_http_to_another_machine_is_refused(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    with pytest.raises(TosqauylError, match="https"):
        OfficeClient(OfficeOptions("http://office.example", str(tmp_path / "token")), lambda: NOW)


def packed_answer(data):
    return web.Response(body=data, headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    "pack",
    [
        lambda data: gzip.compress(data)[:-5],
        lambda data: gzip.compress(data) + b"more",
        lambda data: gzip.compress(data)[:30] + b"junk" + gzip.compress(data)[34:],
        lambda data: data,
    ],
    ids=["cut off", "more behind", "spoiled", "not packed"],
)
def test_a_packed_list_that_is_torn_is_refused(pack, tmp_path):
    office = office_with(30)
    office.answer = packed_answer(pack(office.whole()))
    with pytest.raises((AskFailed, TosqauylError)):
        over_http(tmp_path, office, whole)


def test_a_list_that_unpacks_without_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "MOST_BYTES", 1 << 20)
    office, sizes = office_with(), []
    office.answer = packed_answer(gzip.compress(bytes(50 << 20)))
    with pytest.raises(AskFailed, match="too large"):
        over_http(tmp_path, office, lambda client: client.fetch(lambda data: sizes.append(len(data))))
    assert max(sizes) <= client_module.PIECE
    assert sum(sizes) <= 1 << 20


def test_an_answer_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "MOST_CHANGES_BYTES", 1000)
    office = office_with()
    office.answer = web.Response(body=b"x" * 2000, headers={"Content-Type": "text/plain"})
    with pytest.raises(AskFailed, match="does not end"):
        over_http(tmp_path, office, lambda client: client.changes(LIST, 1, 0))


def test_an_office_that_holds_its_answer_back_for_ever_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "LATE_SECONDS", 0.05)

    async def test():
        (tmp_path / "token").write_text(TOKEN)
        never = asyncio.Event()

        async def silent(request):
            await never.wait()

        office = office_with()
        office.handle = silent
        async with serving(office) as url:
            client = OfficeClient(OfficeOptions(url, str(tmp_path / "token")), lambda: NOW)
            with pytest.raises(AskFailed, match="down"):
                await client.changes(LIST, 1, 0)
            await client.close()

    run(test())


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\ntosqauyl-changes 1 ",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_what_is_no_http_or_breaks_off_is_refused(sent, tmp_path):
    async def test():
        (tmp_path / "token").write_text(TOKEN)
        async with raw_server(lambda: sent) as url:
            client = OfficeClient(OfficeOptions(url, str(tmp_path / "token")), lambda: NOW)
            for ask in (client.changes(LIST, 1, 0), client.fetch(lambda data: None)):
                with pytest.raises(AskFailed):
                    await ask
            await client.close()

    run(test())


# -- from a folder --------------------------------------------------------------------------------------------------------


def look(tmp_path, after=3, list_id=LIST):
    return run(OfficeFolder(str(tmp_path), lambda: NOW).changes(list_id, after, 0))


def test_changes_go_on_from_file_to_file(tmp_path):
    office = office_with(10)
    office.write(tmp_path)
    office.put(tmp_path / "calls.changes.1", changes_text(office.history[:4]))
    office.put(tmp_path / "calls.changes.5", changes_text(office.history[4:7], 4))
    office.put(tmp_path / "calls.changes.8", changes_text(office.history[7:], 7))
    client = OfficeFolder(str(tmp_path), lambda: NOW)

    async def all_of():
        after, seen = 2, []
        while rows := (await client.changes(LIST, after, 0)).rows:
            seen += [row.seq for row in rows]
            after = seen[-1]
        return seen

    assert run(all_of()) == list(range(3, 11))


def test_a_list_that_was_carried_before_its_changes_is_taken_whole(tmp_path):
    office_with(5).write(tmp_path, first=9)
    with pytest.raises(ListChanged):
        look(tmp_path)


def test_changes_that_were_carried_before_the_list_are_taken(tmp_path):
    office = office_with(3)
    office.write(tmp_path)
    office.publish("7111")
    office.put(tmp_path / "calls.changes.1", office.since(0))
    assert look(tmp_path).last == 4


def test_a_gap_between_the_files_is_told(tmp_path):
    office = office_with(3)
    office.write(tmp_path)
    office.put(tmp_path / "calls.changes.9", changes_text([("7111", "block", "-", "a")], 8))
    with pytest.raises(ListChanged):
        look(tmp_path)


def test_a_file_with_another_ones_name_is_refused(tmp_path):
    office = office_with(3)
    office.write(tmp_path)
    (tmp_path / "calls.changes.1").rename(tmp_path / "calls.changes.2")
    with pytest.raises(AskFailed, match="wrong"):
        look(tmp_path)


def test_the_folder_is_as_old_as_its_newest_file(tmp_path):
    office = office_with(3)
    office.write(tmp_path, at=NOW - 5_000.0)
    assert look(tmp_path).heard == NOW - 5_000.0
    os.utime(tmp_path / "calls.list", (NOW - 60.0, NOW - 60.0))
    assert look(tmp_path).heard == NOW - 60.0
    os.utime(tmp_path / "calls.changes.1", (NOW + 900.0, NOW + 900.0))
    assert look(tmp_path).heard == NOW, "nobody was heard in the future"


def test_a_file_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    office_with(3).write(tmp_path)
    client, count = OfficeFolder(str(tmp_path), lambda: NOW), []
    real = folder_module.parsed
    monkeypatch.setattr(folder_module, "parsed", lambda text: count.append(1) or real(text))

    async def test():
        for _ in range(5):
            assert not (await client.changes(LIST, 3, 0)).rows

    run(test())
    assert len(count) == 1


def test_what_is_no_file_and_other_names_are_left_alone(tmp_path):
    office_with(3).write(tmp_path)
    for name in ("calls.changes.01", "calls.changes.4.draft", "calls.changes.", "notes.txt", ".calls.list.x"):
        (tmp_path / name).write_text("junk")
    assert look(tmp_path).last == 3
    os.mkfifo(tmp_path / "calls.changes.4")
    with pytest.raises(AskFailed, match="down"):
        look(tmp_path)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "MOST_FILES", 3)
    office = office_with(3)
    office.write(tmp_path)
    for first in range(4, 9):
        office.put(tmp_path / f"calls.changes.{first}", b"")
    with pytest.raises(AskFailed, match="more than 3"):
        look(tmp_path)


def test_the_folder_of_a_path_is_used(tmp_path: Path):
    office_with(3).write(tmp_path)
    assert look(tmp_path, 0).last == 3
