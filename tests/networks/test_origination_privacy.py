"""What somebody learns who holds the whole store of a node, and keys, but not the key of one pair.

The strongest attacker is taken: he knows the called number and the ten seconds, so that only the caller has to be found, and tries all
of them. Here a million numbers, among them the right one; at night all mobile numbers of the country (19 codes, 1.9 * 10^8).
Measured: a million numbers under one key take 1.1 s on one core of a busy machine, so all of them under the two keys that the night
tries take about 3.5 minutes on two cores (extrapolated).
"""

import hashlib
import multiprocessing
import struct
from math import floor

import pytest
from origination_desk import CALLED, CALLER, KEYS, OPTIONS, START, Desk, pair

from tosqauyl.networks.origination.ledger import doubt
from tosqauyl.networks.origination.store import MemoryStore
from tosqauyl.networks.origination.terms import LedgerOptions
from tosqauyl.networks.origination.tokens import BUCKET, Keys, token
from tosqauyl.numbers.plan import load_plan

BUCKET_OF_CALL = floor((START + 21.15) / BUCKET)
BLOCK = 1_000_000
AS_SHIPPED = LedgerOptions("kcell", switches=OPTIONS.switches)
"""A node that was told nothing else writes each call for the operator of the called number, and for nobody else."""


def tokens_of(desk: Desk) -> frozenset[bytes]:
    """The whole store."""
    assert isinstance(desk.store, MemoryStore)
    return frozenset(one for kept in desk.store._tokens.values() for one in kept)


def node(options: LedgerOptions, keys: Keys = KEYS) -> Desk:
    """A node after the call from CALLER to CALLED, and some of others."""
    desk = Desk(options, keys).synced()
    assert floor(desk.wall / BUCKET) == BUCKET_OF_CALL
    desk.report()
    for number in range(50):
        desk.report(caller=f"+7701900{number:04}", called="+77001112233")
    return desk


def callers(secret: bytes, code: str, first: int, count: int, stolen: frozenset[bytes]) -> list[str]:
    """Which of so many numbers of a code have a token in the store, under this key: called number and time are known."""
    base = hashlib.blake2b(digest_size=16, key=secret, person=b"tosqauyl-origin")
    head, tail, copy = struct.pack(">qH", BUCKET_OF_CALL, 12) + f"+7{code}".encode(), CALLED.encode(), base.copy
    found = []
    for number in range(first, first + count):
        state = copy()
        state.update(b"%b%07d%b" % (head, number, tail))
        if state.digest() in stolen:
            found.append(f"+7{code}{number:07}")
    return found


def test_the_attack_makes_the_tokens_that_the_node_makes() -> None:
    secret = KEYS.of("beeline")[0].secret
    right = token(secret, CALLER, CALLED, BUCKET_OF_CALL)
    assert callers(secret, "701", 0, 10, frozenset((right,))) == [CALLER]


def test_without_the_key_of_the_pair_a_million_callers_give_nothing_and_with_it_they_give_the_call() -> None:
    stolen = tokens_of(node(AS_SHIPPED))
    assert len(stolen) == 51
    for other in (KEYS.of("t2")[0].secret, pair("beeline", salt="guess").secret):
        assert callers(other, "701", 0, BLOCK // 2, stolen) == []
    assert callers(KEYS.of("beeline")[0].secret, "701", 0, BLOCK, stolen) == [CALLER]


def test_a_node_that_writes_each_call_for_all_members_shows_it_to_a_member_that_steals_the_store() -> None:
    """Why a node writes for more members only where it was told so: `receives`."""
    stolen = tokens_of(node(OPTIONS))
    assert callers(KEYS.of("t2")[0].secret, "701", 0, 10, stolen) == [CALLER]


def test_a_plain_hash_would_be_undone() -> None:
    plain = hashlib.blake2b(digest_size=16, person=b"tosqauyl-origin")
    told = struct.pack(">qH", BUCKET_OF_CALL, 12) + CALLER.encode() + CALLED.encode()
    plain.update(told)
    assert callers(b"", "701", 0, 10, frozenset((plain.digest(),))) == [CALLER]


def test_the_doubt_about_a_refused_report_is_as_random_as_its_token() -> None:
    one = token(KEYS.of("beeline")[0].secret, CALLER, CALLED, BUCKET_OF_CALL)
    assert doubt(doubt(one)) == one
    desk = Desk(AS_SHIPPED, KEYS, {CALLER: "t2"}).synced()
    assert desk.report() == "foreign"
    assert tokens_of(desk) == {doubt(one)}
    assert callers(KEYS.of("beeline")[0].secret, "701", 0, 10, tokens_of(desk)) == []


def test_neither_store_nor_state_nor_counters_hold_a_number() -> None:
    desk = node(OPTIONS)
    desk.ask()
    shown = repr((vars(desk.store), desk.ledger.state(), desk.ledger.counters))
    for number in (CALLER, CALLED, "7019000001", "77001112233"):
        assert number.lstrip("+") not in shown


_STOLEN: frozenset[bytes] = frozenset()


def _take(stolen: frozenset[bytes]) -> None:
    global _STOLEN
    _STOLEN = stolen


def _try_block(work: tuple[bytes, str, int]) -> list[str]:
    secret, code, first = work
    return callers(secret, code, first, BLOCK, _STOLEN)


@pytest.mark.nightly
def test_without_the_key_of_the_pair_all_mobile_numbers_of_the_country_give_nothing() -> None:
    codes = load_plan().mobile_codes
    assert len(codes) == 19
    stolen = tokens_of(node(AS_SHIPPED))
    with multiprocessing.get_context("fork").Pool(2, _take, (stolen,)) as pool:
        for peer, expected in (("t2", []), ("beeline", [CALLER])):
            secret = KEYS.of(peer)[0].secret
            work = [(secret, code, first) for code in codes for first in range(0, 10**7, BLOCK)]
            found = [caller for block in pool.imap_unordered(_try_block, work) for caller in block]
            assert found == expected
