"""`tosqauyl feed` against a server on loopback that writes down what it is sent and answers as it is told."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tosqauyl.cli import main
from tosqauyl.cli.feed import Outcome, read_events, token_of
from tosqauyl.cli.feed_client import FeedClient, Reply, checked_url
from tosqauyl.errors import FileMistakes, TosqauylError

TOKEN = "tq_" + "a" * 43
DONE = {"accepted": 1, "changed": 1, "refused": [], "refused_count": 0, "sequence": 7, "swing_percent": 0.5,
        "promise": "none", "durable": True, "digest": ""}  # fmt: skip
HELD = {"type": "urn:tosqauyl:problem:held", "title": "t", "status": 409, "digest": "d" * 64, "swing_percent": 42.0}


class StandIn(ThreadingHTTPServer):
    """Answers from `script`, then 200; `seen` holds method, query, headers and body of each request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.script = [], []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        status, headers, body = self.server.script.pop(0) if self.server.script else (200, {}, DONE)
        if headers.pop("unread", None) is None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.seen.append((self.command, parse_qs(urlsplit(self.path).query), dict(self.headers), data))
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_GET = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def gate(monkeypatch):
    server = StandIn()
    monkeypatch.setenv("TOSQAUYL_TOKEN", TOKEN)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    yield server
    server.shutdown()
    server.server_close()
    server.thread.join(5)


def run(gate, *arguments):
    return main(["feed", "--to", gate.url, "--json", *arguments])


def said(capsys):
    return json.loads(capsys.readouterr().out)


def test_single_events_go_out_with_the_token_and_no_operator(gate, capsys):
    assert run(gate, "+77011234567=abroad", "77011234568=home") == 0
    method, query, headers, body = gate.seen[0]
    assert (method, query, headers["Authorization"]) == ("POST", {}, f"Bearer {TOKEN}")
    assert json.loads(body) == {
        "events": [{"number": "+77011234567", "state": "abroad"}, {"number": "+77011234568", "state": "home"}]
    }
    assert said(capsys)["accepted"] == 1


def test_a_file_of_events_goes_out_in_requests_of_a_thousand(gate, tmp_path, capsys):
    file = tmp_path / "events.csv"
    file.write_text("# moved\n" + "".join(f"+7701{place:07d},abroad,1800000000.5\n\n" for place in range(2500)))
    assert run(gate, "--events", str(file)) == 0
    sizes = [len(json.loads(body)["events"]) for _, _, _, body in gate.seen]
    assert sizes == [1000, 1000, 500]
    assert json.loads(gate.seen[0][3])["events"][0]["at"] == 1800000000.5
    assert said(capsys)["requests"] == 3


def test_after_a_request_that_is_held_nothing_more_is_sent(gate, tmp_path, capsys):
    file = tmp_path / "events.csv"
    file.write_text("".join(f"+7701{place:07d},abroad\n" for place in range(2500)))
    gate.script = [(200, {}, DONE), (409, {}, HELD)]
    assert run(gate, "--events", str(file)) == 1
    found = said(capsys)
    assert (len(gate.seen), found["held"], found["digest"], found["swing_percent"]) == (2, True, "d" * 64, 42.0)


def test_a_list_goes_out_as_it_is_with_what_was_said_of_it(gate, tmp_path):
    file = tmp_path / "roaming.txt"
    file.write_bytes(b"+77011234567\n" * 50_000)
    assert (
        run(gate, "--list", str(file), "--complete", "--as-of", "1800000000", "--count", "5", "--confirm", "e" * 64)
        == 0
    )
    method, query, headers, body = gate.seen[0]
    assert (method, headers["Content-Type"], body) == ("PUT", "text/plain", file.read_bytes())
    assert query == {"complete": ["true"], "as_of": ["1800000000.000"], "count": ["5"], "confirm": ["e" * 64]}


def test_a_list_from_standard_input(gate, monkeypatch):
    class Input:
        buffer = __import__("io").BytesIO(b"+77011234567\n")

    monkeypatch.setattr("sys.stdin", Input)
    assert run(gate, "--list", "-") == 0
    assert gate.seen[0][3] == b"+77011234567\n"
    assert gate.seen[0][1] == {"complete": ["false"]}


def test_a_list_that_is_refused_before_it_was_read_gets_its_answer(gate, tmp_path, capsys):
    file = tmp_path / "roaming.txt"
    file.write_bytes(b"+77011234567\n" * 2_000_000)
    problem = {"type": "urn:tosqauyl:problem:too-large", "title": "The body is larger than the limit.", "status": 413}
    gate.script = [(413, {"unread": "1"}, problem)]
    assert run(gate, "--list", str(file)) in (1, 2)  # 2: the answer was lost with the connection, and it says so
    output = capsys.readouterr()
    assert "larger than the limit" in output.out or "no answer" in output.err


def test_a_busy_gate_is_asked_again_after_the_pause_it_named(gate):
    busy = {"type": "urn:tosqauyl:problem:busy", "title": "busy", "status": 503, "why": "busy"}
    gate.script = [(503, {"Retry-After": "5"}, busy), (503, {"Retry-After": "7"}, busy)]
    slept = []
    client = FeedClient(gate.url, TOKEN, ssl.create_default_context(), sleep=slept.append)
    assert client.events([]).status == 200
    assert slept == [5.0, 7.0]


def test_a_gate_that_stays_busy_is_given_up(gate):
    busy = {"type": "urn:tosqauyl:problem:busy", "title": "busy", "status": 503, "why": "busy"}
    gate.script = [(503, {"Retry-After": "100000"}, busy)] * 20
    slept = []
    client = FeedClient(gate.url, TOKEN, ssl.create_default_context(), patience=100.0, sleep=slept.append)
    assert client.events([]).slug == "busy"
    assert slept == [60.0, 40.0]


def test_a_redirect_is_not_followed(gate, capsys):
    gate.script = [(302, {"Location": gate.url + "/elsewhere"}, {})]
    assert run(gate, "+77011234567=abroad") == 1
    assert len(gate.seen) == 1
    assert said(capsys)["problem"] == "HTTP 302"


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"{}"])
def test_an_answer_that_is_none_is_no_traceback(body):
    from tosqauyl.cli.feed_client import _object

    outcome = Outcome()
    assert outcome.add(Reply(200, _object(body)))
    assert not outcome.add(Reply(500, _object(body)))
    assert outcome.problem == "HTTP 500"


@pytest.mark.parametrize(
    "url",
    ["http://gate.example.kz", "http://203.0.113.7:80", "ftp://127.0.0.1", "127.0.0.1:80", "https://", "http://localhost.example.kz",
     "https://user:secret@gate.example.kz", "https://gate.example.kz/x", "https://gate.example.kz:port", ""],
)  # fmt: skip
def test_the_token_goes_to_no_address_it_could_be_read_at(url):
    with pytest.raises(TosqauylError):
        checked_url(url)


@pytest.mark.parametrize(
    "url", ["https://gate.example.kz:8060/", "http://127.0.0.1:8060", "http://[::1]:8060", "http://localhost"]
)
def test_addresses_that_are_fine(url):
    assert checked_url(url) == url.rstrip("/")


def test_the_token_is_not_taken_from_the_command_line_or_from_a_file_others_read(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TOSQAUYL_TOKEN", raising=False)
    assert main(["feed", "--to", "http://127.0.0.1:9", "+77011234567=home"]) == 2
    assert "TOSQAUYL_TOKEN" in capsys.readouterr().err
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o644)
    with pytest.raises(TosqauylError, match="others may read"):
        token_of(file)
    file.chmod(0o600)
    assert token_of(file) == TOKEN
    for text in ("", "two words", "line\nbreak"):
        file.write_text(text)
        with pytest.raises(TosqauylError):
            token_of(file)


def test_mistakes_in_a_file_are_told_by_line_and_without_the_number():
    with pytest.raises(FileMistakes) as caught:
        list(
            read_events(
                ["+77011234567,abroad", "+77011234567,gone", "x,home", "+77011234567,home,noon", "+1,2,3,4"], "e.csv"
            )
        )
    assert [mistake.line for mistake in caught.value.mistakes] == [2, 3, 4, 5]
    assert "7701" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [[], ["+77011234567=home", "--events", "x"], ["--events", "x", "--list", "y"], ["+77011234567=home", "--complete"],
     ["--list", "/nowhere/at/all"], ["--events", "/nowhere/at/all"], ["+77011234567=gone"]],
)  # fmt: skip
def test_what_cannot_be_sent_is_said_before_anything_is(gate, capsys, arguments):
    assert run(gate, *arguments) == 2
    assert capsys.readouterr().err.startswith("tosqauyl: ")
    assert gate.seen == []


def test_nobody_listens_there(monkeypatch, capsys):
    monkeypatch.setenv("TOSQAUYL_TOKEN", TOKEN)
    assert main(["feed", "--to", "http://127.0.0.1:9", "+77011234567=home"]) == 2
    assert "no answer" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "kk", "ru"])
def test_the_table_holds_what_matters_in_every_language_and_the_digest_on_one_line(gate, language, capsys):
    answer = DONE | {"refused": [{"at": 1, "why": "foreign"}], "refused_count": 1, "durable": False}
    gate.script = [(200, {}, answer | {"digest": "d" * 64, "promise": "waiting"})]
    assert main(["feed", "--to", gate.url, "--lang", language, "+77011234567=abroad"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("--confirm " + "d" * 64)
    assert len(lines) >= 8
    assert not any("7701" in line for line in lines)
