"""docker-compose.yml on this machine without docker: each service a process, its hosts, ports and paths mapped.

Commands, health checks and variables are those of the file. `kafka:9092` becomes a free port of loopback, a volume or a
mounted file a path in a folder, and the path of commands is that of the image. Grafana is not here and is left out.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from tests.servers.influx import Influx, influx
from tests.servers.kafka import JARS
from tests.servers.ports import free_port, until
from tests.tocsin.fleet.compose import ROOT, File, Service, read
from tests.tocsin.fleet.confinement import confined
from tests.tocsin.fleet.images import commands, packages
from tocsin.starting.fleet_starter import COMPOSE, ENV, FLEET, write_fleet

READY_S = 120.0
CLUSTER = "5L6g3nShT-eMCtK--X86sw"  # what the image of Kafka takes when nobody says another
ADVERTISED = "KAFKA_ADVERTISED_LISTENERS"
OWN = r"(?P<before>0\.0\.0\.0:|//:|127\.0\.0\.1[:/]|^listener )(?P<inside>\d+)"
SYSTEM = f"{os.environ['PATH']}:/usr/sbin"


class Host:
    """A fleet of one file in one folder; ends with its context, the last first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkout = folder / "checkout"
        self._ports: dict[tuple[str, str], int] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._servers = ExitStack()
        self.influx: Influx | None = None

    def __enter__(self) -> Self:
        """Write the files of the fleet and read the services."""
        self.checkout.mkdir(parents=True)
        (self.checkout / COMPOSE).touch()
        write_fleet(self.checkout / FLEET)
        self.file: File = read(self.environ)
        self._paths = {
            "edge": commands(self.folder / "edge-bin", packages(self.folder / "edge-site", "edge-fleet.txt")),
            "fleet": commands(self.folder / "fleet-bin"),
        }
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill what still runs."""
        for process in reversed(self._running.values()):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what a shell has started
            process.wait(20)
        self._servers.close()

    @property
    def environ(self) -> dict[str, str]:
        """What `.env` says."""
        lines = (self.checkout / ENV).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def up(self, name: str) -> None:
        """Start a service when what it waits for is so, as docker compose does; nothing if it runs."""
        if name in self._running or (name == "influxdb" and self.influx):
            return
        service = self.file.services[name]
        for other in service.depends_on:
            self.reached(other)
        if name == "influxdb":
            self._influxdb(service)
        else:
            self._start(name, service)

    def reached(self, name: str) -> None:
        """Start a service and wait until it is healthy, or has ended well."""
        self.up(name)
        if self.file.services[name].once:
            code = self._running[name].wait(READY_S)
            assert code == 0, self.log(name)
        elif self.file.services[name].healthcheck:
            until(lambda: self.healthy(name), what=f"{name} to be healthy", within_s=READY_S)

    def healthy(self, name: str) -> bool:
        """What the service's own check says now."""
        service = self.file.services[name]
        assert service.healthcheck is not None
        if name in self._running:
            assert self._running[name].poll() is None, self.log(name)
        kind, *test = (self.mapped(name, word) for word in service.healthcheck.test)
        assert kind == "CMD"
        asked = subprocess.run(test, env=self._environ(name, service), capture_output=True, check=False, timeout=30)
        return asked.returncode == 0

    def run(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """What `docker compose exec` does in a service's container."""
        environ = self._environ(name, self.file.services[name])
        words = [*self.confined(name), *(self.mapped(name, word) for word in command)]
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=60)

    def stop(self, name: str, within_s: float) -> int:
        """Ask a service to end as docker does; its exit code."""
        self._running[name].terminate()
        return self._running[name].wait(within_s)

    def port(self, service: str, inside: str) -> int:
        """The local port that stands for one of a service's container."""
        if (service, inside) not in self._ports:
            self._ports[service, inside] = free_port()
        return self._ports[service, inside]

    def place(self, name: str, target: str) -> Path:
        """The local folder that stands for a path of a service's container."""
        return Path(self.mapped(name, target))

    def figure(self, name: str, figure: str) -> float:
        """One of a role's figures, as it serves them on the port that its health check asks."""
        check = self.file.services[name].healthcheck
        assert check is not None
        with urlopen(f"http://127.0.0.1:{self.port(name, check.test[-1])}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{figure} "))

    def confined(self, name: str) -> list[str]:
        """What comes before the command of a role so that it has a read-only root, as in its container."""
        service, here = self.file.services[name], self._mounts(name)
        folders = [here[target] for target in service.tmpfs]
        folders += [here[each.target] for each in service.mounts if each.type == "volume" and not each.read_only]
        # The broker's own tools write to /tmp whatever TMPDIR says, which in its container is its own.
        return confined(folders) if service.read_only and service.ours else []

    def strays(self, name: str) -> list[str]:
        """What a service has left where its container has nothing to write on."""
        return [str(path) for path in (self.folder / name / "home").rglob("*")]

    def log(self, name: str) -> str:
        """The end of what a service has said."""
        return f"{name}: {(self.folder / name / 'log').read_text(errors='replace')[-3000:]}"

    def mapped(self, name: str, text: str) -> str:
        """A text of a service with the addresses and paths of its container as they are here."""
        if re.fullmatch(r"\d{4,5}", text):
            return str(self.port(name, text))
        services = "|".join(self.file.services)
        places = rf"\b(?P<other>{services}):(?P<port>\d+)\b|{OWN}"
        text = re.sub(places, lambda found: self._address(name, found), text, flags=re.MULTILINE)
        mounts = self._mounts(name)
        targets = "|".join(map(re.escape, mounts))
        return re.sub(rf"(?<![\w/])({targets})(?![\w-])", lambda found: str(mounts[found[1]]), text)

    def _address(self, name: str, found: re.Match[str]) -> str:
        if found["other"]:
            return f"127.0.0.1:{self.port(found['other'], found['port'])}"
        own = self.port(name, found["inside"])
        before = found["before"]
        if before.startswith("listener"):
            return f"listener {own} 127.0.0.1"
        return f"//127.0.0.1:{own}" if before == "//:" else f"127.0.0.1{before[-1]}{own}"

    def _mounts(self, name: str) -> dict[str, Path]:
        service = self.file.services[name]
        here = {"/tmp": self.folder / name / "tmp"}  # the one folder that a container may write besides its volumes
        for mount in service.mounts:
            inner = self.folder / name / Path(mount.source).name
            here[mount.target] = inner if mount.type == "bind" else self.folder / "volumes" / mount.source
        return dict(sorted(here.items(), key=lambda pair: -len(pair[0])))

    def _environ(self, name: str, service: Service) -> dict[str, str]:
        path = f"{self._paths[service.build.target]}:{SYSTEM}" if service.build else SYSTEM
        home = {"HOME": str(self.folder / name / "home"), "TMPDIR": str(self.folder / name / "tmp")}
        given = {key: self.mapped(name, self._advertised(name, key, text)) for key, text in service.environment.items()}
        return {"PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **home, **given}

    def _advertised(self, name: str, key: str, text: str) -> str:
        """What is told to clients on the host is the port that is published: here, the one inside."""
        if key == ADVERTISED:
            for entry in self.file.services[name].ports:
                host, outside, inside = entry.split(":")
                text = text.replace(f"{host}:{outside}", f"{host}:{inside}")
        return text

    def _start(self, name: str, service: Service) -> None:
        self._lay_out(name, service)
        environ = self._environ(name, service)
        command = [self.mapped(name, word) for word in service.command] or self._kafka(name, environ)
        program = shutil.which(command[0], path=environ["PATH"])
        assert program, f"{command[0]} is not on the path of {service.image}"
        with (self.folder / name / "log").open("ab") as out:
            self._running[name] = subprocess.Popen(
                [*self.confined(name), program, *command[1:]],
                cwd=self.folder / name / "home",
                env=environ,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _lay_out(self, name: str, service: Service) -> None:
        for folder in ("home", "tmp"):
            (self.folder / name / folder).mkdir(parents=True, exist_ok=True)
        for mount in service.mounts:
            here = self._mounts(name)[mount.target]
            if mount.type == "volume":
                here.mkdir(parents=True, exist_ok=True)
                continue
            written = self.checkout / mount.source
            text = (written if written.exists() else ROOT / mount.source).read_text(encoding="utf-8")
            here.write_text(self.mapped(name, text) + _as_root(name), encoding="utf-8")

    def _kafka(self, name: str, environ: Mapping[str, str]) -> list[str]:
        """What the image of Kafka does at its start: settings from variables by its own class, storage, broker."""
        assert name == "kafka"
        settings = {kind: self.folder / name / kind for kind in ("default", "mounted", "final")}
        for folder in settings.values():
            folder.mkdir(exist_ok=True)
        for file in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
            (settings["default"] / file).touch()
        java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        java += ["-cp", f"{JARS}/*"]
        wrapped = [word for kind, folder in settings.items() for word in (f"--{kind}-configs-dir", str(folder))]
        subprocess.run(
            [*java, "kafka.docker.KafkaDockerWrapper", "setup", *wrapped],
            env={**environ, "CLUSTER_ID": CLUSTER},
            check=True,
            capture_output=True,
            timeout=60,
        )
        return [*java, "kafka.Kafka", str(settings["final"] / "server.properties")]

    def _influxdb(self, service: Service) -> None:
        """An InfluxDB 1.6 behind the tests' proxy, which takes the token that the image would be given."""
        self.influx = self._servers.enter_context(influx(self.folder / "influxdb"))
        self.influx.token = service.environment["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"]
        self._ports["influxdb", "8086"] = self.influx.port


def _as_root(name: str) -> str:
    return "user root\n" if name == "mosquitto" and os.getuid() == 0 else ""
