"""What our client and our simulator really say to each other, read by tshark: an independent decoder of Diameter."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from sh_desk import ABROAD, HOME, NOBODY, asking, kind_of, make_network, recorded, simulated_hss, write_pcap

from tosqauyl.networks.simulated import Simulated

pytestmark = pytest.mark.peers("tshark")

UDR, CER, DWR, DPR = "306", "257", "280", "282"


def tshark(path: Path, *extra: str) -> str:
    command = ["tshark", "-r", str(path), "-n", "-d", "tcp.port==3868,diameter", *extra]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


async def ask_all(network: Simulated, port: int, changes: dict) -> None:
    async with asking(port, watchdog_seconds=0.05, **changes) as backend:
        for number in (HOME, ABROAD, NOBODY):
            await backend.whereabouts(number)
        network.behaviour = "flapping"
        while await kind_of(backend.whereabouts(HOME)) != "refused":
            pass
        network.behaviour, network.delay = "right", 0.2
        await backend.whereabouts(HOME)
        assert backend.tally.watchdogs


def exchange(path: Path, **changes) -> None:
    """Three questions of every outcome, a refused one, a watchdog during a slow one, and a farewell, captured."""

    async def run() -> None:
        network, record = make_network(), []
        async with simulated_hss(network) as port, recorded(port, record) as relayed:
            await ask_all(network, relayed, changes)
        write_pcap(path, record)

    asyncio.run(run())


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sh") / "sh.pcap"
    exchange(path)
    return path


def fields(path: Path, command: str, request: bool, *names: str) -> list[list[str]]:
    """The named fields of each message of that command and direction."""
    wanted = f"diameter.cmd.code == {command} && diameter.flags.request == {int(request)}"
    columns = [part for name in names for part in ("-e", name)]
    return [line.split("\t") for line in tshark(path, "-Y", wanted, "-T", "fields", *columns).splitlines()]


def test_nothing_is_malformed_or_even_remarkable(capture):
    assert tshark(capture, "-Y", "_ws.malformed || _ws.expert") == ""
    assert "Unknown" not in tshark(capture, "-V")


def test_every_octet_is_diameter(capture):
    layers = tshark(capture, "-T", "fields", "-e", "frame.protocols").splitlines()
    assert layers
    assert all(line.startswith("eth:ethertype:ip:tcp:diameter") for line in layers)


def test_a_question_is_a_user_data_request_of_sh(capture):
    names = ("diameter.flags", "diameter.applicationId", "diameter.Data-Reference", "diameter.Requested-Domain")
    asked = fields(capture, UDR, True, *names)
    assert len(asked) >= 5
    assert {tuple(row) for row in asked} == {("0xc0", "16777217", "14,15", "0")}
    names = (
        "diameter.Auth-Session-State",
        "diameter.Destination-Realm",
        "diameter.Origin-Host",
        "diameter.Current-Location",
    )
    assert {tuple(row) for row in fields(capture, UDR, True, *names)} == {
        ("1", "hss.example.kz", "gate.example.kz", "0")
    }


def test_a_question_names_the_subscriber_by_msisdn(capture):
    asked = fields(capture, UDR, True, "e164.msisdn")
    assert [row[0] for row in asked[:3]] == [HOME[1:], ABROAD[1:], NOBODY[1:]]


def test_every_question_has_a_session_and_identifiers_of_its_own(capture):
    for name in ("diameter.Session-Id", "diameter.hopbyhopid", "diameter.endtoendid"):
        told = [row[0] for row in fields(capture, UDR, True, name)]
        assert len(set(told)) == len(told)


def test_answers_tell_result_and_sh_data(capture):
    names = ("diameter.flags", "diameter.Result-Code", "diameter.Experimental-Result-Code", "diameter.Sh-User-Data")
    home, abroad, nobody, *others = fields(capture, UDR, False, *names)
    assert home[:2] == ["0x40", "2001"]
    assert b"<VLRNumber>" in bytes.fromhex(home[3].replace(":", ""))
    assert home[3] != abroad[3]
    assert nobody == ["0x40", "", "5001", ""]
    assert "5003" in [row[1] for row in others]


def test_an_answer_repeats_what_binds_it_to_its_question(capture):
    names = ("diameter.Session-Id", "diameter.hopbyhopid", "diameter.endtoendid")
    assert fields(capture, UDR, True, *names) == fields(capture, UDR, False, *names)


def test_capabilities_watchdog_and_farewell_are_understood(capture):
    names = ("diameter.flags", "diameter.Auth-Application-Id", "diameter.Supported-Vendor-Id", "diameter.Product-Name")
    assert fields(capture, CER, True, *names) == [["0x80", "16777217", "10415", "Tosqauyl"]]
    assert fields(capture, CER, False, "diameter.flags", "diameter.Result-Code") == [["0x00", "2001"]]
    assert fields(capture, DWR, True, "diameter.flags")[0] == ["0x80"]
    assert fields(capture, DWR, False, "diameter.Result-Code")[0] == ["2001"]
    assert fields(capture, DPR, True, "diameter.Disconnect-Cause") == [["2"]]
    assert fields(capture, DPR, False, "diameter.Result-Code") == [["2001"]]


def test_avps_carry_the_codes_vendors_and_flags_of_the_standard(capture):
    names = ("diameter.avp.code", "diameter.avp.vendorId", "diameter.avp.flags")
    codes, vendors, flags = fields(capture, UDR, True, *names)[0]
    assert codes == "263,260,266,258,277,264,296,283,700,701,703,703,706,707"
    assert vendors == ",".join(["10415"] * 6)
    assert flags == ",".join(["0x40"] * 8 + ["0xc0"] * 6)  # V of 3GPP, M everywhere (TS 29.329 6.3)
    codes, vendors, _ = fields(capture, UDR, False, *names)[0]
    assert codes == "263,260,266,258,268,277,264,296,702"
    assert vendors == "10415"


def test_other_ways_to_ask_decode_as_well(tmp_path):
    path = tmp_path / "other.pcap"
    exchange(path, domain="ps", identity="tel", active=True, destination_host="hss1.example.kz")
    names = (
        "diameter.Public-Identity",
        "diameter.Requested-Domain",
        "diameter.Current-Location",
        "diameter.Destination-Host",
    )
    assert fields(path, UDR, True, *names)[0] == [f"tel:{HOME}", "1", "1", "hss1.example.kz"]
    assert tshark(path, "-Y", "_ws.malformed || _ws.expert") == ""
