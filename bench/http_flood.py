"""What a flood of HTTP does to SIP: answer times of SIP calls while other processes ask as fast as they can.

    .venv/bin/python bench/http_flood.py

Prints a line each for a quiet gate, for two busy loops of another program, and for 200 HTTP connections.
"""

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from server import TOKEN, TRUNKS, Gate, write_settings

SECONDS = 4.0
CONNECTIONS = 200
INVITE = (
    b"INVITE sip:+77017654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5099;branch=z9hG4bK%d;rport\r\n"
    b"From: <sip:+447700900123@h>;tag=1\r\nTo: <sip:+77017654321@gate>\r\nCall-ID: call-%d\r\nCSeq: 1 INVITE\r\n\r\n"
)
BUSY = "import sys, time\nend = time.time() + float(sys.argv[1])\nwhile time.time() < end: pass"
FLOOD = """
import asyncio, json, sys, time
host, port, token, connections, end = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), time.time() + float(sys.argv[5])
done = 0

async def one(number):
    global done
    reader, writer = await asyncio.open_connection(host, port)
    count = 0
    while time.time() < end:
        count += 1
        call = {"trunk": "international", "call_id": f"{number}-{count}-{end}", "called": "+77017654321"}
        call["presented"] = "+447700900123"
        body = json.dumps(call).encode()
        head = f"POST /v1/calls:screen HTTP/1.1\\r\\nHost: gate\\r\\nAuthorization: Bearer {token}\\r\\n"
        writer.write(f"{head}Content-Type: application/json\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n".encode() + body)
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        assert b" 200 " in head.split(b"\\r")[0], head
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\\r")[0]))
        done += 1

async def main():
    began = time.time()
    await asyncio.gather(*(one(number) for number in range(connections)))
    print(json.dumps({"http_answers_a_second": round(done / (time.time() - began))}))

asyncio.run(main())
"""


class Caller:
    """One SIP caller that sends a call, waits for its answer, and pauses 4 ms."""

    def __init__(self, port: int) -> None:
        self.port, self.calls = port, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((TRUNKS["international"], 0))
        self.socket.settimeout(2)

    def run(self, seconds: float) -> dict[str, float]:
        """Answer times in milliseconds."""
        times: list[float] = []
        lost, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            self.calls += 1
            began = time.perf_counter()
            self.socket.sendto(INVITE % (self.calls, self.calls), ("127.0.0.1", self.port))
            try:
                self.socket.recv(4096)
                times.append((time.perf_counter() - began) * 1e3)
            except TimeoutError:
                lost += 1
            time.sleep(0.004)
        times.sort()
        median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        return {"calls": len(times), "lost": lost, "median_ms": round(median, 2), "p99_ms": round(p99, 2)}


def beside(caller: Caller, code: str, *words: object, processes: int = 1) -> dict[str, float]:
    """The caller's times while other processes run this code for as long."""
    command = [sys.executable, "-c", code, *map(str, words), str(SECONDS + 1)]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    time.sleep(0.7)
    found = caller.run(SECONDS)
    for other in others:
        said = other.communicate(timeout=30)[0]
        found |= json.loads(said) if said else {}
    return found


def main() -> int:
    """Run the three parts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roaming = folder / "abroad.txt"
        roaming.write_text("+77011111111\n", encoding="utf-8")
        with Gate(["--config", str(write_settings(folder, roaming))], folder / "data") as gate:
            caller = Caller(gate.port)
            print("quiet             ", caller.run(SECONDS), flush=True)
            print("two busy loops    ", beside(caller, BUSY, processes=2), flush=True)
            host, _, port = gate.http.rpartition(":")
            print(f"{CONNECTIONS} HTTP connections", beside(caller, FLOOD, host, port, TOKEN, CONNECTIONS), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
