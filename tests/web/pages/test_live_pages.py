"""Pages of gates now, carriers, displacement and figures of calls: whom they are shown to, what they show, and what they never do."""

import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from call_ledger import DAY, FIRST, LAST, RULE, write_ledger

from tosqauyl.texts import LANGUAGES
from tosqauyl.web import ledger_desk
from tosqauyl.web.live.reading import Reading
from tosqauyl.web.live.watch import Live
from tosqauyl.web.pages import charts
from tosqauyl.web.pages.assets import content
from tosqauyl.web.pages.stacked import stacked

DAYS = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
PAGES = ["/office/live", "/office/live/now", "/office/carriers", "/office/displacement", "/office/calls/figures"]
LEDGER_PAGES = PAGES[2:]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_ledger(tmp_path_factory.mktemp("calls") / "ledger")


@pytest.fixture
def ledger(office, folder):
    office.calls = replace(office.calls, ledger=folder, memory_mb=256)


@pytest.fixture
def watched(office, clock):
    """Two gates, one of which is down; tells what the first one counts, two seconds later."""
    seconds = [0.0]
    office.live = Live(("gate-1", f"gate{SCRIPT}"), list, lambda: clock[0], lambda: seconds[0])

    def look(*counts: Reading | str) -> None:
        seconds[0] += 2
        clock[0] += 2_000
        office.live.take(counts)

    known = {"snapshot": "abcdef0123456789", "version": "1.2.3", "age": 30.0, "shed": {"http_shed": (1,)}}
    look(Reading((100, 0, 0, 0, 0), rules={SCRIPT: (0, 0, 0)}, **known), "unreached")
    counted = {"rules": {SCRIPT: (40, 40, 0)}, "reasons": {"burst": (40, 0, 0, 0)}, "failed_open": 3}
    look(Reading((160, 0, 0, 0, 40), **known | counted), "unreached")
    return look


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("role", "organisation", "status"),
    [
        ("analyst", "centre", 200), ("auditor", "centre", 200), ("admin", "centre", 403), ("operator", "kcell", 403),
    ],
)  # fmt: skip
def test_calls_are_shown_to_the_centre_only(staff, ledger, path, role, organisation, status):
    staff(role, organisation).see(path, status)


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_is_sent_to_sign_in(citizen, path):
    got = citizen.get(f"/en{path}")
    assert got.status_code == 303
    assert "/office/sign-in" in got.headers["location"]


def test_gates_are_shown_with_what_they_do_and_who_is_down(staff, watched):
    text = staff("analyst").see("/office/live")
    for there in (
        "gate-1",
        "abcdef012345",
        "1.2.3",
        "it does not answer",
        "far too many calls at once",
        "50.0",
        "20.0",
    ):
        assert there in text, there
    assert re.search(r'id="live-said" role="status" class="note bad"[^>]*>Does not answer: gate', text)
    assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "3 since its start" in text


def test_the_part_that_is_fetched_is_the_part_of_the_page(staff, watched):
    aida = staff("analyst")
    whole, part = aida.see("/office/live"), aida.see("/office/live/now")
    assert part.lstrip().startswith('<div id="live-now" aria-live="off"')
    assert part.strip() in whole
    assert "<html" not in part
    assert 'data-from="/en/office/live/now"' in part


def test_the_live_view_can_be_used_without_its_script_and_paused_with_it(staff, watched):
    text = staff("analyst").see("/office/live")
    assert re.search(r'<script src="/static/[0-9a-f]{16}/live.js" defer></script>', text)
    assert re.search(r'<a id="live-refresh" href="/en/office/live">', text)
    assert re.search(r'<button type="button"[^>]*id="live-pause" hidden', text)


def test_the_chart_says_what_it_shows_and_its_figures_stand_in_a_table(staff, watched):
    text = staff("analyst").see("/office/live")
    assert re.search(r'<svg class="live-chart" role="img" aria-labelledby="live-chart-title"', text)
    assert '<title id="live-chart-title">' in text
    assert len(re.findall(r'<polygon class="band \w+"', text)) == 5
    assert "mean of each minute" in text


def test_gates_that_judge_by_different_snapshots_are_told(office, staff, clock):
    office.live = Live(("one", "two"), list, lambda: clock[0], lambda: 0.0)
    office.live.take([Reading((1, 0, 0, 0, 0), snapshot="a"), Reading((1, 0, 0, 0, 0), snapshot="b")])
    assert "Gates judge by different snapshots." in staff("analyst").see("/office/live")


def test_without_gates_the_page_says_what_to_set(staff):
    assert "[[gate]]" in staff("analyst").see("/office/live")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_every_language(staff, ledger, watched, path):
    aida = staff("analyst")
    for language in LANGUAGES:
        aida.language = language
        text = aida.see(path, rule=RULE, weeks="1")
        assert text.count("<h1>") == (0 if path.endswith("/now") else 1)


@pytest.mark.parametrize("path", LEDGER_PAGES)
def test_without_a_ledger_the_page_says_what_to_set(staff, path):
    assert "ledger.folder" in staff("analyst").see(path)


def test_figures_of_the_last_week_are_shown_unless_others_are_asked_for(staff, ledger):
    text = staff("analyst").see("/office/calls/figures")
    assert f'value="{(LAST - timedelta(6)).isoformat()}"' in text
    assert "Stopped attempts: day" in text
    assert f"<title>{DAY.isoformat()}: 8</title>" in text, "the chart"
    assert "gate:almaty" in text
    assert "SELECT count(*)" in text.replace("&#34;", '"')
    assert "Attempts are not people and not crimes" in text


@pytest.mark.parametrize("by", ["day", "hour", "reason", "rule", "trunk", "carrier", "country", "operator"])
def test_a_figure_is_broken_down_with_its_parts_in_a_table(staff, ledger, by):
    text = staff("analyst").see("/office/calls/figures", figure="attempts", by=by, **DAYS)
    if by == "operator":
        assert "not computable" in text, "it was not recorded"
        return
    assert 'class="chart' in text
    assert "<caption>Call attempts, call attempts</caption>" in text
    assert "north<b>" not in text
    assert ("north&lt;b&gt;" in text) == (by == "carrier")


def test_shares_are_drawn_and_written_in_percent(staff, ledger):
    text = staff("analyst").see("/office/calls/figures", figure="stopped-share", by="carrier", **DAYS)
    assert "28.57 %" in text


@pytest.mark.parametrize(
    "query",
    [
        {"first": "yesterday"}, {"first": LAST.isoformat(), "last": FIRST.isoformat()}, {"figure": "stopped-per-day", "by": "day"},
        {"by": "hour", "first": "2026-01-01", "last": "2026-12-31"},
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_told_above_the_form(staff, ledger, query):
    text = staff("analyst").see("/office/calls/figures", 422, **query)
    assert 'role="alert"' in text
    assert 'id="f-first"' in text


def test_a_question_that_gets_no_turn_is_told_with_the_form(staff, ledger, monkeypatch):
    aida = staff("analyst")
    monkeypatch.setattr(ledger_desk, "WAIT_SECONDS", 0.05)
    taken = [ledger_desk._turns.acquire(timeout=1) for _ in range(ledger_desk.AT_ONCE)]
    try:
        text = aida.see("/office/carriers", 429)
        assert 'id="f-first"' in text
    finally:
        for _ in taken:
            ledger_desk._turns.release()


def test_carriers_stand_worst_first_and_their_columns_are_explained(staff, ledger):
    aida = staff("analyst")
    text = aida.see("/office/carriers", **DAYS)
    assert text.index('<th scope="row">west') < text.index('<th scope="row">north&lt;b&gt;')
    assert "The order is by this share" in text
    assert "t-west" in staff("auditor").see("/office/carriers", by="trunk", **DAYS)
    assert "callers per called</th>" not in text
    assert "callers per called</th>" in aida.see("/office/carriers", every_call="yes", **DAYS)


def test_displacement_is_asked_by_a_rule_that_is_offered(staff, ledger):
    aida = staff("analyst")
    assert f'<option value="{RULE}">' in aida.see("/office/displacement")
    assert f'?rule={RULE}">{RULE}</a>' in aida.see("/office/displacement")
    text = aida.see("/office/displacement", rule=RULE, weeks="1")
    assert "Displaced: attempts with foreign numbers went from 5 to 15 a day" in text
    assert f"live since {DAY.isoformat()}" in text
    assert "Not proof that the same callers changed their numbers" in text
    assert 'class="chart' in text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"rule": SCRIPT}, 404), ({"rule": RULE, "day": "2026-11-16"}, 422), ({"day": "16.11."}, 422),
        ({"rule": RULE, "weeks": "99"}, 422), ({"rule": RULE, "weeks": SCRIPT}, 422),
    ],
)  # fmt: skip
def test_a_refused_displacement_comes_back_with_what_was_typed(staff, ledger, query, status):
    text = staff("analyst").see("/office/displacement", status, **query)
    assert 'role="alert"' in text
    assert SCRIPT not in text
    if query.get("rule") == RULE:
        assert f'name="rule" list="rules" autocomplete="off" value="{RULE}"' in text


def test_calls_that_a_program_made_are_marked_on_top(office, staff, tmp_path):
    office.calls = replace(office.calls, ledger=write_ledger(tmp_path / "made", "generated:story"))
    aida = staff("analyst")
    for path in ("/office/calls/figures", "/office/carriers", "/office/displacement"):
        text = aida.see(path, rule=RULE, weeks="1")
        assert '<p class="note warn">These calls were generated by a program.' in text, path


def test_bands_lie_one_upon_the_other_and_break_where_nothing_was_heard():
    at = [0, 2_000, 60_000, 62_000]
    made = stacked(at, {"stopped": [1.0] * 4, "passed": [3.0] * 4}, (0, 62_000), str)
    low, high = made.bands
    assert [len(one.areas) for one in made.bands] == [2, 2]
    first = [tuple(map(int, point.split(","))) for point in low.areas[0].split()]
    assert first[0] == (made.left, charts.TOP + charts.TALL * 3 // 4), "one of four"
    assert first[-1] == (made.left, made.floor)
    assert len(first) == 4
    assert high.areas[0].split()[-1] == low.areas[0].split()[0], "the second begins where the first ends"
    assert stacked([], {"stopped": []}, (0, 1), str).bands[0].areas == ()


def test_the_script_stops_when_nobody_looks_and_loads_nothing_else():
    source = content("live.js").decode()
    assert "visibilitychange" in source
    assert "innerHTML" not in source
    assert "http" not in source


NODE = r"""
const fs = require("fs"), vm = require("vm");
const listeners = {}, timers = [], fetches = [];
function element(id, dataset) {
  return {id, dataset, hidden: false, textContent: "", listeners: {}, contains: () => false, querySelectorAll: () => [], replaceWith(made) { elements["live-now"] = made; },
    addEventListener(name, call) { this.listeners[name] = call; }, focus() {}};
}
const elements = {
  "live-now": element("live-now", {from: "/en/office/live/now", every: "2.0", say: ""}),
  "live-pause": element("live-pause", {pause: "Pause", resume: "Go on"}),
  "live-said": element("live-said", {lost: "lost", over: "over"}),
};
let answer = {ok: true, type: "basic", status: 200, text: async () => "one down"};
const document = {
  hidden: false, activeElement: null, getElementById: (id) => elements[id] || null, getSelection: () => ({isCollapsed: true}),
  addEventListener(name, call) { listeners[name] = call; },
};
class DOMParser { parseFromString(text) {
  return {getElementById: () => element("live-now", {from: "/en/office/live/now", every: "2.0", say: text})}; } }
const context = {document, DOMParser, Array, AbortController, Number, Math, Boolean, Error,
  setTimeout: (call, after) => { timers.push({call, after}); return timers.length; },
  clearTimeout: (place) => { if (place) { timers[place - 1] = null; } },
  fetch: async (url, options) => { fetches.push({url, options}); if (answer instanceof Error) { throw answer; } return answer; }};
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), context);
const due = () => timers.filter((one) => one && one.after < 10000);
async function tick() {
  const found = due();
  for (const one of found) { timers[timers.indexOf(one)] = null; await one.call(); }
  return found.length;
}
function check(what, good) { if (!good) { console.error(what); process.exit(1); } }
(async () => {
  check("it begins by itself", due().length === 1 && due()[0].after === 2000 && !elements["live-pause"].hidden);
  await tick();
  check("it fetched the part", fetches[0].url === "/en/office/live/now" && fetches[0].options.redirect === "manual");
  check("it says who is down", elements["live-said"].textContent === "one down");
  elements["live-pause"].listeners.click();
  check("paused", due().length === 0 && elements["live-pause"].textContent === "Go on");
  document.hidden = true; listeners.visibilitychange(); document.hidden = false; listeners.visibilitychange();
  check("still paused", due().length === 0);
  elements["live-pause"].listeners.click();
  check("it goes on at once", due().length === 1 && due()[0].after === 0 && elements["live-pause"].textContent === "Pause");
  document.hidden = true; listeners.visibilitychange();
  check("nobody looks", due().length === 0);
  document.hidden = false; listeners.visibilitychange();
  answer = new Error("gone"); await tick();
  check("it says that the office is gone and tries again", elements["live-said"].textContent === "lost" && due().length === 1);
  answer = {ok: false, type: "opaqueredirect", status: 0}; await tick();
  check("the session is over", elements["live-said"].textContent === "over" && due().length === 0 && elements["live-pause"].hidden);
})();
"""


@pytest.mark.peers("node")
def test_the_script_fetches_pauses_rests_and_ends_with_the_session(tmp_path):
    (tmp_path / "live.js").write_bytes(content("live.js"))
    (tmp_path / "run.js").write_text(NODE, "utf-8")
    done = subprocess.run(
        ["node", str(tmp_path / "run.js"), str(tmp_path / "live.js")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
