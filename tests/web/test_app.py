"""The rim of the application: what every request meets before its route, and what it gets when something fails."""

import json
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends, UploadFile
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.testclient import TestClient

from tosqauyl.registry.errors import Invalid, TooMany, Unavailable
from tosqauyl.web import app as app_module
from tosqauyl.web.app import MODULES, build
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.problems import KINDS, MEDIA_TYPE, problems
from tosqauyl.web.texts import is_plain, plain
from tosqauyl.web.times import LAST, GivenMoment, Moment, RequiredMoment, moment_of, text_of

SECRET = "Асель Ахметова 870101300123"


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, plain(20, min_length=1)] = "x"
    story: Annotated[str, plain(1000, multiline=True)] = ""
    which: UUID | None = None
    count: int = 0
    at: GivenMoment = 0
    inner: dict[Annotated[str, plain(100)], object] = {}


class Out(BaseModel):
    title: str
    at: Moment


router = APIRouter()


@router.post("/v1/trial", response_model=Out, responses=problems())
def try_values(body: In, caller: Annotated[Caller, Depends(needs("cases:write"))]) -> Out:
    """Try values."""
    return Out(title=body.title, at=body.at)


@router.get("/v1/trial", response_model=Out, responses=problems())
def read_trial(caller: Annotated[Caller, Depends(needs("cases:read"))], limit: int = 1) -> Out:
    """Read the trial."""
    return Out(title=caller.language, at=0)


@router.get("/v1/trial/{what}", response_model=Out, responses=problems())
def fail(what: str, caller: Annotated[Caller, Depends(needs(PUBLIC))]) -> Out:
    """Fail in some way."""
    if what == "bug":
        raise ValueError(SECRET)
    raise {"many": TooMany("slowly", retry_after=7), "down": Unavailable("no", SECRET), "bad": Invalid("no", "value")}[
        what
    ]


@router.post("/v1/trial/file", response_model=Out, responses=problems())
def take_file(file: UploadFile, caller: Annotated[Caller, Depends(needs("cases:write"))]) -> Out:
    """Take a file."""
    return Out(title=str(len(file.file.read())), at=0)


@router.post("/v1/trial/stream", response_model=Out, responses=problems(),
             openapi_extra={"requestBody": {"content": {"text/csv": {"schema": {"type": "string"}}}, "required": True}})  # fmt: skip
async def take_stream(request: Request, caller: Annotated[Caller, Depends(needs("cases:write"))]) -> Out:
    """Take a stream."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return Out(title=str(size), at=0)


@pytest.fixture
def trial(office, monkeypatch):
    """An application with the routes of this file only, and small limits."""

    class Modules:
        pass

    def imported(name):
        made = Modules()
        made.router = router
        return made

    monkeypatch.setattr(app_module, "import_module", imported)
    office.limits = type(office.limits)(body_bytes=1000, upload_bytes=5000)
    return build(office, ("trial",))


@pytest.fixture
def analyst_of(trial):
    return TestClient(trial, base_url="https://office.test", headers={"x-test-actor": "analyst@centre"})


def problem(answer, slug):
    """The answer is this problem."""
    assert answer.headers["content-type"] == MEDIA_TYPE
    told = answer.json()
    assert (told["type"], told["status"]) == (f"urn:tosqauyl:problem:{slug}", answer.status_code) == (
        f"urn:tosqauyl:problem:{slug}", KINDS[slug].status)  # fmt: skip
    return told


def test_every_answer_has_the_headers_of_the_house(analyst_of):
    for answer in (analyst_of.get("/v1/trial"), analyst_of.get("/nothing"), analyst_of.get("/v1/trial/bug")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "max-age" in answer.headers["strict-transport-security"]
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_without_tls_no_browser_is_told_to_insist_on_it(trial):
    answer = TestClient(trial, base_url="http://office.test").get("/v1/trial")
    assert "strict-transport-security" not in answer.headers


def test_a_bug_is_a_500_that_tells_nothing_of_what_was_asked(analyst_of, office):
    told = problem(analyst_of.get("/v1/trial/bug"), "failed")
    assert SECRET not in json.dumps(told)
    assert office.counters["failed"] == 1
    assert len(office.alarm.told) == 1
    assert "ValueError at test_app.py:" in office.alarm.told[0]
    assert SECRET not in office.alarm.told[0]


def test_what_the_registry_refuses_is_its_problem(analyst_of):
    many = analyst_of.get("/v1/trial/many")
    problem(many, "too-many")
    assert many.headers["retry-after"] == "7"
    down = analyst_of.get("/v1/trial/down")
    assert SECRET not in json.dumps(problem(down, "unavailable"), ensure_ascii=False)
    assert int(down.headers["retry-after"]) > 0
    assert problem(analyst_of.get("/v1/trial/bad"), "invalid")["fields"] == [{"where": "/value", "what": "no"}]


def test_an_unknown_path_and_an_unknown_method_are_problems(analyst_of):
    problem(analyst_of.get("/nothing"), "not-found")
    problem(analyst_of.get("/v1/trial/"), "not-found")
    answer = analyst_of.delete("/v1/trial")
    problem(answer, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


def test_nobody_and_somebody_without_the_scope_are_told_apart(trial):
    nobody = TestClient(trial).get("/v1/trial")
    problem(nobody, "no-caller")
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    bank = TestClient(trial, headers={"x-test-actor": "bank@halyk"})
    assert "cases:read" in problem(bank.get("/v1/trial"), "forbidden")["detail"]


def test_an_expired_session_and_a_forged_token_are_refused_plainly(trial, office):
    office.access.refused = {"analyst@centre": "no-caller", "analyst@centre/half": "second-factor"}
    problem(TestClient(trial, headers={"x-test-actor": "analyst@centre"}).get("/v1/trial"), "no-caller")
    problem(TestClient(trial, headers={"x-test-actor": "analyst@centre/half"}).get("/v1/trial"), "second-factor")


def test_values_that_cannot_be_are_named_by_pointer_and_never_repeated(analyst_of):
    body = {"title": "x" * 21, "which": SECRET, "count": SECRET, "at": SECRET, SECRET: 1, "story": "\x00"}
    told = problem(analyst_of.post("/v1/trial", json=body), "invalid")
    assert {one["where"] for one in told["fields"]} == {"/title", "/which", "/count", "/at", "/", "/story"}
    assert SECRET not in json.dumps(told, ensure_ascii=False)
    query = problem(analyst_of.get("/v1/trial?limit=Асель-Ахметова"), "invalid")
    assert [one["where"] for one in query["fields"]] == ["query:limit"]
    assert "Асель" not in json.dumps(query, ensure_ascii=False)


@pytest.mark.parametrize("body", [
    b"{", b"nonsense", b"", b"[]", b"null", b"1", b'"x"', b'{"title": "\\ud800"}', b'{"title": "\\u0000"}', b'\xff\xfe{"title": 1}',
    b'{"title": "\xff"}', b'{"count": 1e999}', b'{"count": NaN}', b'{"count": ' + b"9" * 900 + b"}", b'{"count": 1.5}',
    b'{"inner": {"a": ' + b"[" * 490 + b"]" * 490 + b"}}", b"[" * 999, b'{"at": 1796022000}', b'{"at": "9999-12-31T23:59:59-23:59"}',
    b'{"title": "\\u202eevil"}', b'{"which": {}}', b'{"title": ["x"]}',
])  # fmt: skip
def test_bodies_that_are_not_what_they_should_be_never_fail_the_office(analyst_of, office, body):
    answer = analyst_of.post("/v1/trial", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422) or body.startswith((b'{"count": 999', b'{"inner"'))
    assert answer.status_code < 500
    assert office.alarm.told == []


def test_deep_json_within_the_limits_of_size_is_refused(office, trial):
    office.limits = type(office.limits)()
    client = TestClient(trial, headers={"x-test-actor": "analyst@centre"})
    answer = client.post("/v1/trial", content=b"[" * 900_000, headers={"content-type": "application/json"})
    problem(answer, "malformed")
    number = client.post(
        "/v1/trial", content=b'{"count": ' + b"9" * 900_000 + b"}", headers={"content-type": "application/json"}
    )
    problem(number, "malformed")
    assert office.alarm.told == []


def pieces(*sizes):
    for size in sizes:
        yield b"x" * size


def test_a_body_over_the_limit_is_refused_by_its_announced_and_by_its_real_length(analyst_of):
    headers = {"content-type": "application/json"}
    problem(analyst_of.post("/v1/trial", content=b"x" * 1001, headers=headers), "too-large")
    problem(analyst_of.post("/v1/trial", content=pieces(600, 600), headers=headers), "too-large")
    lying = {**headers, "content-length": "5"}
    assert analyst_of.post("/v1/trial", content=pieces(600, 600), headers=lying).status_code == 413


def test_a_file_has_its_own_limit(analyst_of):
    assert analyst_of.post("/v1/trial/file", files={"file": b"x" * 3000}).json()["title"] == "3000"
    problem(analyst_of.post("/v1/trial/file", files={"file": b"x" * 5000}), "too-large")
    headers = {"content-type": "text/csv"}
    assert analyst_of.post("/v1/trial/stream", content=pieces(2000, 2000), headers=headers).json()["title"] == "4000"
    problem(analyst_of.post("/v1/trial/stream", content=pieces(3000, 3000), headers=headers), "too-large")


def test_no_file_of_somebody_unknown_is_read(trial):
    read = []

    def watched():
        read.append(1)
        yield b"x"

    headers = {"content-type": "text/csv", "content-length": "1"}
    nobody = TestClient(trial)
    problem(nobody.post("/v1/trial/stream", content=b"x", headers=headers), "no-caller")
    bank = TestClient(trial, headers={"x-test-actor": "bank@halyk"})
    problem(bank.post("/v1/trial/stream", content=b"x", headers=headers), "forbidden")


@pytest.mark.parametrize("headers", [
    {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}, {"content-type": ""},
    {"content-type": "application/json", "content-encoding": "gzip"},
])  # fmt: skip
def test_another_content_type_is_refused(analyst_of, headers):
    problem(analyst_of.post("/v1/trial", content=b"{}", headers=headers), "wrong-type")
    problem(analyst_of.post("/v1/trial/file", content=b"{}", headers=headers), "wrong-type")


def test_json_with_a_charset_is_json(analyst_of):
    headers = {"content-type": "application/json; charset=utf-8"}
    assert analyst_of.post("/v1/trial", content=b"{}", headers=headers).status_code == 200


def test_moments_are_text_outside(analyst_of):
    assert (
        analyst_of.post("/v1/trial", json={"at": "2026-11-30T12:00:00+05:00"}).json()["at"]
        == "2026-11-30T07:00:00.000Z"
    )
    assert analyst_of.post("/v1/trial", json={"at": None}).json()["at"] is None
    assert analyst_of.post("/v1/trial", json={}).json()["at"] is None


@given(st.integers(1, LAST))
def test_a_moment_survives_being_written_and_read(at):
    assert moment_of(text_of(at)) == at


@pytest.mark.parametrize("text", [
    "", "2026-11-30", "2026-11-30 07:00:00Z", "2026-11-30T07:00:00", "1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "20261130T070000Z",
    "2026-11-30T07:00:60Z", "0000-01-01T00:00:00Z", "٢٠٢٦-11-30T07:00:00Z", "2026-11-30T07:00:00Z\n", "2026-11-30T07:00:00+99:00",
])  # fmt: skip
def test_what_is_no_moment_by_rfc_3339_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        moment_of(text)
    for kind in (Moment, GivenMoment, RequiredMoment):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(text)


def test_only_answers_are_made_with_numbers():
    assert TypeAdapter(Moment).validate_python(5) == 5
    assert TypeAdapter(GivenMoment).validate_python(None) == 0
    for kind, value in ((GivenMoment, 5), (RequiredMoment, 5), (RequiredMoment, None), (Moment, -1), (Moment, True)):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\x7f", "\x85", "\ud800", "\u202e", "\u2066", "\u2069"])
def test_harmful_characters_are_refused_in_lines_and_in_one_line(bad):
    assert not is_plain("a" + bad)
    assert not is_plain("a" + bad, multiline=True)


@settings(max_examples=200)
@given(st.text())
def test_a_text_is_taken_as_the_schema_says(text):
    import re

    for multiline in (False, True):
        adapter = TypeAdapter(Annotated[str, plain(10, min_length=2, multiline=multiline)])
        schema = adapter.json_schema()
        fits = 2 <= len(text) <= 10 and re.fullmatch(schema["pattern"].rstrip("$"), text) is not None
        try:
            taken = adapter.validate_python(text) == text
        except ValidationError:
            taken = False
        assert taken == fits


def test_kazakh_russian_and_emoji_are_plain():
    assert is_plain("Ұялы телефон — «Қазақтелеком» 👮🏽‍♀️ <script>")
    assert is_plain("a\tb\r\nc", multiline=True)
    assert not is_plain("a\nb")


def test_health_tells_what_is_wrong(client, office, clock):
    told = client.get("/v1/health").json()
    assert (told["status"], told["database"], told["jobs"], told["seq"]) == ("degraded", True, False, 0)
    office.counters["jobs_at"] = clock[0] - 1000
    assert client.get("/v1/health").json()["status"] == "ok"
    clock[0] += 6 * 60_000
    assert client.get("/v1/health").json()["status"] == "degraded"


def test_without_a_database_health_says_so_and_everything_else_is_unavailable(client_as, office, monkeypatch):
    def down(actor):
        raise Unavailable("the database cannot be reached")

    monkeypatch.setattr(office.registry, "read", down)
    monkeypatch.setattr(office.registry, "work", down)
    told = client_as().get("/v1/health")
    assert (told.status_code, told.json()["status"], told.json()["database"]) == (200, "degraded", False)
    answer = client_as("analyst").get("/v1/reports")
    problem(answer, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_metrics_are_for_those_with_the_scope_and_for_the_office_s_own_machine(client_as, app):
    assert client_as().get("/v1/metrics").status_code == 401
    assert client_as("bank", "halyk").get("/v1/metrics").status_code == 200
    near = TestClient(app, client=("127.0.0.1", 40000))
    client_as("analyst").get("/v1/health")
    text = near.get("/v1/metrics").text
    assert 'tosqauyl_office_answers_total{operation="read_health",status="200"} 1.0' in text
    assert "tosqauyl_office_audit_entries 0.0" in text
    assert near.get("/v1/metrics", headers={"x-forwarded-for": "203.0.113.7"}).status_code == 401


def test_the_routes_that_are_served_are_those_of_the_folder():
    from pathlib import Path

    from tosqauyl.web import routes

    names = {path.stem for path in Path(routes.__file__).parent.glob("[a-z]*.py")}
    with_router = {
        name for name in names if "router = " in (Path(routes.__file__).parent / f"{name}.py").read_text("utf-8")
    }
    assert set(MODULES) == with_router
