"""CSV files over HTTP."""

import os
from collections.abc import Callable

import pytest
from fastapi import FastAPI

from tosqauyl.web.app import build
from tosqauyl.web.office import Office


@pytest.fixture
def app(office: Office) -> FastAPI:
    return build(office, ("reports", "uploads"))


CSV = {"content-type": "text/csv"}
FILE = "channel,phone,text\ncall,+442079460958,a\nfax,+77011234567,b\n".encode("utf-8-sig")


@pytest.fixture
def bank(client_as: Callable):
    return client_as("bank", "halyk")


def test_a_file_is_previewed_taken_and_taken_once(bank) -> None:
    preview = bank.post("/v1/uploads:preview", content=FILE, headers=CSV)
    assert preview.status_code == 200, preview.text
    assert (preview.json()["taken"], preview.json()["refused"], preview.json()["upload"]) == (1, 1, None)
    assert bank.get("/v1/reports").json()["items"] == []
    taken = bank.post("/v1/uploads?name=march.csv", content=FILE, headers=CSV).json()
    assert (taken["taken"], taken["refused"], taken["again"], taken["encoding"], taken["delimiter"]) == (
        1,
        1,
        False,
        "utf-8",
        ",",
    )
    assert taken["faults"] == [
        {
            "line": 3, "column": 1, "name": "channel", "value": "f***",
            "what": "one of call, sms, messenger, advert, site, transfer, other",
        }
    ]  # fmt: skip
    again = bank.post("/v1/uploads", content=FILE, headers=CSV).json()
    assert again == {**taken, "again": True}
    assert len(bank.get("/v1/reports").json()["items"]) == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", CSV, 422), (b"\0\0", CSV, 422), ("a,b\n".encode("utf-16"), CSV, 422), (FILE, {"content-type": "application/json"}, 415),
        (b"text\nx\n", CSV, 422),
    ],
)  # fmt: skip
def test_what_is_no_file_of_reports_is_refused(bank, content: bytes, headers: dict, status: int) -> None:
    for path in ("/v1/uploads:preview", "/v1/uploads"):
        assert bank.post(path, content=content, headers=headers).status_code == status


def test_a_file_larger_than_the_limit_is_refused(bank, office) -> None:
    most = office.limits.upload_bytes
    assert bank.post("/v1/uploads", content=iter([b"channel,phone\n", b"x" * most]), headers=CSV).status_code == 413


def test_ten_megabytes_in_one_line_are_one_refused_row(bank) -> None:
    answer = bank.post("/v1/uploads:preview", content=b"channel,phone\n" + b"x" * (10 << 20), headers=CSV)
    assert (answer.status_code, answer.json()["refused"]) == (200, 1)


def test_nothing_of_a_file_stays_in_the_folder(bank, office) -> None:
    bank.post("/v1/uploads", content=FILE, headers=CSV)
    assert os.listdir(office.data) == []


@pytest.mark.parametrize(("role", "status"), [("", 401), ("auditor", 403), ("admin", 403)])
def test_a_scope_is_needed(client_as: Callable, role: str, status: int) -> None:
    for path in ("/v1/uploads:preview", "/v1/uploads"):
        assert client_as(role).post(path, content=FILE, headers=CSV).status_code == status
