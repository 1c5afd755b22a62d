"""Ids sort by time; tickets survive being typed by people."""

from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry.ids import new_id, new_ticket, plain_ticket

MOMENTS = st.integers(0, (1 << 48) - 1)


@given(MOMENTS, MOMENTS)
def test_ids_sort_by_the_moment_they_were_made(first: int, second: int) -> None:
    if first != second:
        assert (new_id(first) < new_id(second)) == (first < second)


@given(MOMENTS)
def test_an_id_is_a_version_7_uuid(now: int) -> None:
    made = new_id(now)
    assert made.version == 7
    assert made.int >> 80 == now


def test_a_ticket_has_128_bits_and_reads_back_as_people_type_it() -> None:
    tickets = {new_ticket() for _ in range(100)}
    assert len(tickets) == 100
    for ticket in tickets:
        assert len(ticket.replace("-", "")) == 26
        assert plain_ticket(ticket.lower().replace("-", " ").replace("0", "O").replace("1", "l")) == ticket


@given(st.text(max_size=40))
def test_any_text_is_a_ticket_or_nothing(text: str) -> None:
    ticket = plain_ticket(text)
    assert ticket == "" or plain_ticket(ticket) == ticket
