"""A real Kafka broker, KRaft in one process, from the jars in build/kafka; skips where they are absent."""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.servers.ports import free_port, listens, until

BUILD = Path(__file__).parents[2] / "build"
JARS = Path(os.environ.get("TOCSIN_KAFKA_JARS") or BUILD / "kafka")
CLASSES = "classes.jsa"
LAYOUT = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime
"""


class Kafka:
    """One broker whose port and data stay the same when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._folder = folder
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None

    def format(self) -> None:
        self._lay_out()
        shutil.copytree(prepared() / "data", self._folder / "data")

    def start(self) -> None:
        classes = prepared() / CLASSES
        self._start(f"-XX:SharedArchiveFile={classes}" if classes.exists() else "-Xshare:auto")

    def prepare(self) -> None:
        """Make its storage with Kafka's own tool, keep a copy, and let a first run leave the classes that it loaded."""
        self._lay_out()
        # Behind a "-", which one id in 64 begins with, the tool looks for an option.
        cluster = "T" + base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()[1:]
        tool = self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties))
        subprocess.run(tool, check=True, capture_output=True, timeout=60)
        shutil.copytree(self._folder / "data", self._folder / "kept/data")
        classes = self._folder / "kept" / CLASSES
        self._start("-XX:+IgnoreUnrecognizedVMOptions", f"-XX:ArchiveClassesAtExit={classes}")
        self._end(subprocess.Popen.terminate, within_s=100)
        (self._folder / "kept").rename(_place())

    def _lay_out(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = LAYOUT.format(port=self.port, controller=free_port(), folder=self._folder)
        self._properties.write_text(text)

    def _start(self, *options: str) -> None:
        with (self._folder / "kafka.log").open("ab") as out:
            command = self._java(*options, "kafka.Kafka", str(self._properties))
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        until(self._answers, what=f"Kafka on {self.address}", within_s=60)

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def cut_power(self, partition: str) -> None:
        """Kill it and lose the newer half of a partition ("TOPIC-0"), which was on no disk yet."""
        self.kill()
        folder = self._folder / "data"
        for name in ("recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
            (folder / name).unlink(missing_ok=True)
        for file in (folder / partition).iterdir():
            if file.suffix == ".snapshot":
                file.unlink()
            elif file.suffix == ".log":
                os.truncate(file, file.stat().st_size // 2)

    def _end(self, how: object, within_s: float = 20.0) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert callable(how)
            how(process)
            try:
                process.wait(within_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Kafka ended, see {self._folder}/kafka.log"
        if not listens(self.port):  # a client that was refused waits longer each time
            return False
        try:
            client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _java(self, *arguments: str) -> list[str]:
        options = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        return ["java", *options, "-cp", f"{JARS}/*", *arguments]


def _place() -> Path:
    return BUILD / next(JARS.glob("kafka_*.jar")).stem


def prepared() -> Path:
    """Storage of a broker that never ran, and its classes as java maps them; made once, for both delay every start."""
    if not _place().exists():
        BUILD.mkdir(exist_ok=True)
        with (BUILD / "kafka.lock").open("w") as lock, TemporaryDirectory(dir=BUILD) as folder:
            flock(lock, LOCK_EX)  # of two workers one makes it
            if not _place().exists():
                Kafka(Path(folder)).prepare()
    return _place()


@contextmanager
def kafka(folder: Path, kind: type[Kafka] = Kafka) -> Iterator[Kafka]:
    """Run a broker; skip where there is none, except in CI."""
    if not (shutil.which("java") and list(JARS.glob("kafka_*.jar"))):
        why = f"no Kafka: needs java and the jars in {JARS} (make kafka)"
        assert os.environ.get("CI") != "true", why
        pytest.skip(why)
    server = kind(folder)
    server.format()
    try:
        server.start()
        yield server
    finally:
        server.kill()
