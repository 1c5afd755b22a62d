"""Pages of cases: found, opened, worked on, put aside, merged, closed; what belongs together as a graph and as a table."""

import re

import pytest
from sqlalchemy import select

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Account, Action, Incident
from tosqauyl.web.pages.graph import MOST, MOST_TEXT, Node, draw

NUMBER, MASKED, IBAN = "+77011234567", "+7701***4567", "KZ86125KZT5004100100"
SCRIPT = '<script>alert("x")</script>'
PLACE = r"/office/incidents/[0-9a-f-]{36}"
REPORT = r"/office/reports/[0-9a-f-]{36}"


def case(person, **more: str) -> str:
    """Where the case is that somebody opened."""
    return person.done("/office/incidents/new", {"title": "One"} | more).removeprefix("/en").partition("?")[0]


def reported(person, *values: str, **more: str) -> str:
    form = {"reporter": "police", "channel": "call", "values": "\n".join(values)} | more
    return re.search(REPORT, person.submit("/office/reports/new", form).text)[0]


def version(person, place: str) -> str:
    return re.search(r'name="version" value="(\d+)"', person.see(place))[1]


def act(person, place: str, what: str, **more: object) -> str:
    return person.done(f"{place}/{what}", {"version": version(person, place)} | more)


def row(registry, place: str) -> Incident:
    with registry.read(SYSTEM) as work:
        found = work.db.scalars(select(Incident)).all()
        one = next(one for one in found if str(one.id) == place.rpartition("/")[2])
        work.db.expunge(one)
        return one


@pytest.mark.parametrize(
    ("role", "organisation", "listing", "new"),
    [
        ("analyst", "centre", 200, 200), ("supervisor", "centre", 200, 200), ("auditor", "centre", 200, 403),
        ("police", "police", 200, 403), ("bank", "halyk", 403, 403), ("operator", "kcell", 403, 403),
        ("admin", "centre", 403, 403),
    ],
)  # fmt: skip
def test_pages_are_shown_to_whom_the_api_would_answer(staff, role, organisation, listing, new):
    person = staff(role, organisation)
    person.see("/office/incidents", listing)
    person.see("/office/incidents/new", new)
    assert person.submit("/office/incidents/new", {"title": "One"}).status_code == (303 if new == 200 else 403)
    menu = person.see("/office").partition("<header")[2].partition("</header>")[0]
    assert ('/office/incidents"' in menu) == (listing == 200)


def test_who_only_reads_sees_no_buttons_and_another_organisation_nothing(staff):
    aida = staff("analyst")
    place = case(aida)
    act(aida, place, "add-observables", values=NUMBER)
    auditor, police = staff("auditor"), staff("police", "police")
    text = auditor.see(place)
    assert MASKED in text
    assert "You may not read the text" in text
    for what in ("amend", "assign", "move", "close", "snooze", "comment", "add-observables", "request", "merge/look"):
        assert f"{place}/{what}" not in text, what
        assert auditor.submit(f"{place}/{what}", {"version": "1"}).status_code == 403
    assert not re.search(PLACE, police.see("/office/incidents"))
    police.see(place, 404)


def test_a_case_from_its_opening_to_its_end(staff, registry):
    aida = staff("analyst")
    place = case(aida, scheme="safe-account", region="75", amount="2 000 000", victims="3")
    assert "2,000,000" in aida.see(place)
    with registry.read(SYSTEM) as work:
        own = work.db.scalars(select(Account.id).where(Account.login == aida.login)).one()
    act(aida, place, "assign", account=str(own))
    assert aida.login in aida.see("/office/incidents", mine="yes")
    act(aida, place, "move", state="investigating", move_why="begun")
    act(aida, place, "comment", text=f"Ivan told us more {SCRIPT}")
    text = aida.see(place)
    assert "Ivan told us more &lt;script&gt;" in text
    assert SCRIPT not in text
    act(aida, place, "snooze", until="2026-12-05T10:00", snooze_why="the bank's answer is awaited")
    assert row(registry, place).state == "snoozed"
    act(aida, place, "move", state="investigating")
    act(aida, place, "close", outcome="confirmed_risk", close_why="it is clear")
    found = row(registry, place)
    assert (found.state, found.outcome, found.amount, found.victims) == ("closed", "confirmed_risk", 200_000_000, 3)
    text = aida.see(place)
    assert f"{place}/amend" not in text
    assert "it is clear" in text
    act(aida, place, "move", state="investigating")
    assert row(registry, place).state == "investigating"


def test_a_case_is_given_to_colleagues_who_may_work_on_it(staff, registry):
    aida, bolat, auditor = staff("analyst"), staff("analyst", login="bolat"), staff("auditor")
    place = case(aida)
    names = re.findall(
        r"<option value=\"([0-9a-f-]{36})\"[^>]*>([^<]+)<", aida.see(place).partition('id="f-account"')[2]
    )
    workers = {login: which for which, login in names}
    assert set(workers) == {aida.login, bolat.login}
    act(aida, place, "assign", account=workers["bolat"])
    assert "bolat" in auditor.see(place)
    assert place in bolat.see("/office/incidents", mine="yes")
    assert place not in aida.see("/office/incidents", mine="yes")
    act(bolat, place, "assign", account="")
    assert row(registry, place).assigned is None


def test_cases_are_filtered(staff, clock):
    aida = staff("analyst")
    one, other = case(aida, scheme="safe-account"), case(aida, region="75")
    act(aida, other, "close", outcome="false_positive")
    for query, found in (
        ({"scheme": "safe-account"}, {one}), ({"state": "closed"}, {other}), ({"region": "75"}, {other}), ({"late": "yes"}, set()),
        ({"state": "<script>"}, {one, other}),
    ):  # fmt: skip
        assert set(re.findall(PLACE, aida.see("/office/incidents", **query))) == found, query
    clock[0] += 10 * 86_400_000
    assert set(re.findall(PLACE, staff("analyst", login="later").see("/office/incidents", late="yes"))) == {one}


def test_what_belongs_together_is_drawn_and_stands_in_a_table(staff):
    aida = staff("analyst")
    first, second = reported(aida, NUMBER, IBAN), reported(aida, IBAN, "+77017654321", external_id="b")
    place = aida.done(first + "/case", {"incident": ""}).removeprefix("/en").partition("?")[0]
    aida.submit(second + "/case", {"incident": place.rpartition("/")[2]})
    text = aida.see(place)
    picture = re.search(r"<svg.*?</svg>", text, re.DOTALL)[0]
    assert 'role="img"' in picture
    assert "<title" in picture
    assert picture.count('class="edge"') == 4
    assert picture.count('class="report"') == 2
    assert picture.count('class="node') == 3
    assert picture.count("shared") == 1, "the account joins both"
    assert MASKED in picture
    assert NUMBER not in text
    assert "style=" not in picture
    table = text.partition("Numbers, links and accounts of the case")[2].partition("</table>")[0]
    assert table.count('href="#report-1"') == 2
    assert table.count('href="#report-2"') == 2
    assert 'id="report-2"' in text


def test_reports_and_observables_are_taken_out_again(staff, registry):
    aida = staff("analyst")
    report = reported(aida, NUMBER)
    place = aida.done(report + "/case", {"incident": ""}).removeprefix("/en").partition("?")[0]
    which = report.rpartition("/")[2]
    got = aida.submit(place + "/remove-reports", {"version": version(aida, place)})
    assert got.status_code == 422, "nothing was ticked"
    act(aida, place, "remove-reports", report=which)
    assert row(registry, place).reports == 0
    observable = re.search(r'name="observable" value="([0-9a-f-]{36})"', aida.see(place))[1]
    act(aida, place, "remove-observables", observable=observable)
    assert MASKED not in aida.see(place)
    assert "<svg" not in aida.see(place)


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("close", {"outcome": "", "close_why": SCRIPT}), ("snooze", {"until": "", "snooze_why": SCRIPT}),
        ("snooze", {"until": "2020-01-01T00:00", "snooze_why": SCRIPT}), ("move", {"state": "x", "move_why": SCRIPT}),
        ("add-observables", {"values": f"12 {SCRIPT}"}), ("amend", {"title": SCRIPT, "amount": "much"}),
        ("amend", {"title": f"{SCRIPT} {NUMBER}"}), ("comment", {"text": " "}),
        ("request", {"to": "nobody", "action": "suspend", "legal_basis": SCRIPT}),
        ("assign", {"account": "x"}),
    ],
)  # fmt: skip
def test_a_refused_form_comes_back_with_what_was_typed(staff, registry, what, form):
    aida = staff("analyst")
    place = case(aida)
    act(aida, place, "move", state="investigating")
    act(aida, place, "add-observables", values=NUMBER)
    before = row(registry, place).version
    got = aida.submit(f"{place}/{what}", {"version": str(before)} | form)
    assert got.status_code == 422, got.text
    assert SCRIPT not in got.text
    assert ("&lt;script&gt;" in got.text) == any(SCRIPT in value for value in form.values())
    assert row(registry, place).version == before


def test_a_refused_new_case_comes_back(staff):
    got = staff("analyst").submit("/office/incidents/new", {"title": f"{SCRIPT} 8 701 123 45 67", "amount": "5"})
    assert got.status_code == 422
    assert "&lt;script&gt;" in got.text
    assert 'value="5"' in got.text


def test_the_second_of_two_is_told_what_the_first_did_and_overwrites_nothing(staff, registry):
    aida, bolat = staff("analyst"), staff("analyst", login="bolat")
    place = case(aida)
    seen = version(bolat, place)
    act(aida, place, "amend", title="Calls in the name of a bank")
    got = bolat.submit(place + "/amend", {"version": seen, "title": "Another"})
    assert got.status_code == 409
    assert "amended it" in got.text
    again = re.search(r'action="[^"]*/amend".*?name="version" value="(\d+)"', got.text, re.DOTALL)[1]
    assert again == seen, "sent again it is refused again"
    assert row(registry, place).title == "Calls in the name of a bank"


def test_a_sum_with_tiyn_survives_a_change_of_the_title(staff, registry):
    aida = staff("analyst")
    place = case(aida)
    with registry.work(SYSTEM) as work:
        work.db.get(Incident, row(registry, place).id).amount = 150_050
    was = re.search(r'name="amount_was" value="(\d+)"', aida.see(place))[1]
    act(aida, place, "amend", title="Two", amount=was, amount_was=was)
    assert (row(registry, place).amount, row(registry, place).title) == (150_050, "Two")
    act(aida, place, "amend", title="Two", amount="7", amount_was=was)
    assert row(registry, place).amount == 700


def test_an_organisation_is_asked_to_act_and_sees_it(staff, registry):
    aida, kim, other = staff("analyst"), staff("operator", "kcell"), staff("operator", "beeline")
    place = case(aida)
    act(aida, place, "add-observables", values=NUMBER)
    which = re.search(r'name="observable" value="([0-9a-f-]{36})"', aida.see(place))[1]
    act(aida, place, "request", to="kcell", action="suspend", observable_id=which, legal_basis="Rules, order 171")
    with registry.read(SYSTEM) as work:
        action = work.db.scalars(select(Action)).one()
        assert (action.to, action.kind, str(action.incident)) == ("kcell", "suspend", place.rpartition("/")[2])
        where = str(action.id)
    assert f"/office/requested-actions/{where}" in aida.see(place)
    assert f"/office/actions/{where}" in kim.see("/office/actions")
    assert place not in kim.see(f"/office/actions/{where}"), "a case of another organisation stays there"
    assert where not in other.see("/office/actions")


def test_two_cases_become_one_after_both_were_seen(staff, registry):
    aida = staff("analyst")
    one, other = case(aida, amount="100"), case(aida, title="Two", amount="50")
    address = f"https://office.test/en{other}?done=saved"
    text = aida.submit(one + "/merge/look", {"other": address}).text
    assert "Two" in text
    form = dict(re.findall(r'name="(version|other|other_version)" value="([^"]+)"', text))
    assert row(registry, other).state == "pending", "looking changes nothing"
    aida.done(one + "/merge", form)
    assert (row(registry, one).amount, str(row(registry, other).merged_into)) == (15_000, one.rpartition("/")[2])
    assert one in aida.see(other)
    assert f"{other}/move" not in aida.see(other)
    for wrong in ("", "x", "00000000-0000-0000-0000-000000000000"):
        assert aida.submit(one + "/merge/look", {"other": wrong}).status_code == 404
    assert aida.submit(one + "/merge", form).status_code in (409, 422)


def test_a_case_that_is_not_there_is_not_there(staff):
    aida = staff("analyst")
    for wrong in ("x", "00000000-0000-0000-0000-000000000000", "..%2f"):
        assert aida.get(f"/en/office/incidents/{wrong}").status_code == 404


def test_a_graph_puts_together_what_belongs_together():
    left, middle = [Node("a", "A"), Node("b", "B")], [Node("1", "1"), Node("2", "2")]
    made = draw([left, middle], [("a", "2"), ("b", "1")])
    at = {one.text: one.y for column in made.columns for one in column}
    assert at["A"] == at["2"], "lines do not cross"
    assert at["B"] == at["1"]
    assert len(made.lines) == 2
    assert made == draw([left, middle], [("a", "2"), ("b", "1")]), "the same picture each time"


def test_a_graph_has_all_its_nodes_within_it_and_no_two_in_one_place():
    columns = [[Node(f"{side} {place}", "x" * place) for place in range(30)] for side in range(3)]
    edges = [(f"0 {place}", f"1 {place * 7 % 30}") for place in range(30)] + [
        ("1 0", f"2 {place}") for place in range(9)
    ]
    made = draw(columns, [*edges, *edges])
    spots = [one for column in made.columns for one in column]
    assert len({(one.x, one.y) for one in spots}) == len(spots) == 90
    assert all(0 < one.x < made.width and 0 < one.y < made.height for one in spots)
    assert len(made.lines) == len(set(edges))
    assert all(len(one.text) <= MOST_TEXT for one in spots)
    assert [one.is_whole for one in spots].count(False) == 3 * (29 - MOST_TEXT)
    assert (sum(one.lines for one in spots), made.left_out) == (2 * len(edges), 0)


def test_a_graph_leaves_out_those_with_the_fewest_lines():
    many = [Node(f"n{place}", str(place)) for place in range(MOST + 5)]
    made = draw([many, [Node("r", "1")]], [(f"n{place}", "r") for place in range(10, MOST + 5)])
    assert made.left_out == 5
    assert len(made.lines) == MOST - 5
    assert {one.text for one in made.columns[0]} >= {str(place) for place in range(10, MOST + 5)}


def test_an_empty_graph_is_a_graph():
    assert draw([[], []], []).lines == ()
