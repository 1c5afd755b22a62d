"""A Spark cluster on this machine: one master and several workers, each a process of its own on the loopback address.

Started through pyspark's own `bin/spark-class`, on ports that the system chooses; ended by their own process groups.
"""

import os
import re
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

START_SECONDS = 60.0
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
HOST = "127.0.0.1"


class NotStarted(Exception):
    """A master or a worker did not come up; the end of its log."""


class Cluster:
    """A running master and its workers. `master` is its address, `work` the workers' folders, where executors leave theirs."""

    def __init__(self, folder: Path, workers: int = 2, memory: str = "1g") -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.work = [folder / f"work-{number}" for number in range(workers)]
        try:
            own = ["--host", HOST, "--port", "0", "--webui-port", "0"]
            log = self._start("master", MASTER, *own)
            self.master = self._line(log, r"Starting Spark master at (spark://\S+)")
            logs = [
                self._start(one.name, WORKER, *own, "--cores", "1", "--memory", memory, "-d", str(one), self.master)
                for one in self.work
            ]
            for log in logs:
                self._line(log, r"(Successfully registered) with master")
        except BaseException:
            self.stop()
            raise

    def executors(self) -> list[int]:
        """How many executors were started in each worker's folder."""
        return [sum(one.is_dir() for one in folder.glob("app-*/*")) for folder in self.work]

    def stop(self) -> None:
        """End them and the executors they started."""
        for process in reversed(self.processes):
            for number in (signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    os.killpg(process.pid, number)
                    try:
                        process.wait(10)
                    except subprocess.TimeoutExpired:
                        continue
        self.processes.clear()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, name: str, program: str, *arguments: str) -> Path:
        scratch = self.folder / f"{name}-scratch"
        scratch.mkdir(parents=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SPARK_")}
        environment |= {
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_CONF_DIR": str(scratch),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
            "SPARK_DAEMON_JAVA_OPTS": f"-XX:-UsePerfData -Djava.io.tmpdir={scratch}",
        }
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            started = subprocess.Popen(
                [_spark_class(), program, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=environment, cwd=scratch, start_new_session=True,
            )  # fmt: skip
        self.processes.append(started)
        return log

    def _line(self, log: Path, pattern: str) -> str:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and all(one.poll() is None for one in self.processes):
            found = re.search(pattern, log.read_text(errors="replace"))
            if found:
                return found[1]
            time.sleep(0.05)
        raise NotStarted(log.read_text(errors="replace")[-4000:])


def _spark_class() -> str:
    package = find_spec("pyspark")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "bin" / "spark-class")
