"""Everything that Grafana reads at its start, as files: a folder to mount as its provisioning folder."""

import json
from collections.abc import Mapping

import yaml

from dashboards.grafana.board import Board
from dashboards.grafana.device import DEVICE
from dashboards.grafana.fleet import FLEET
from dashboards.grafana.models import MODELS
from dashboards.grafana.pipeline import PIPELINE_BOARD
from dashboards.grafana.rules import GROUPS
from dashboards.grafana.shapes import DATA_SOURCE, FOLDER, FOLDER_TITLE, Object, Site

BOARDS: tuple[Board, ...] = (FLEET, DEVICE, PIPELINE_BOARD, MODELS)
MOUNTED = "/etc/grafana/provisioning"
TOKEN = "$TOCSIN_INFLUX_TOKEN"  # noqa: S105 -- Grafana puts the token from its environment in its place
PASSWORD = "$TOCSIN_INFLUX_PASSWORD"  # noqa: S105 -- likewise
_HEAD = "# Written by `tocsin dashboards build`; change that, not this.\n"
_NOTIFY_HEAD = """# An example, not active: who is told of what. Set the addresses, then copy it to ../alerting/.
# A policy file replaces the whole tree of policies of this Grafana, also what was made by hand.
# Labels to route by: kind (alarm, liveness, pipeline) and, for alarms, priority, device, edge, site.
"""
_INFLUX_1_HEAD = """# For InfluxDB 1: put it in the place of ../datasources/tocsin.yaml.
# Where InfluxDB asks for no user, leave user and secureJsonData out.
"""


def files(site: Site) -> Mapping[str, str]:
    """Path -> content, the same for the same site; the folder is to be mounted as /etc/grafana/provisioning."""
    boards = {
        f"dashboards/tocsin/{board.uid}.json": json.dumps(
            board.as_json(site.page), indent=2, sort_keys=True, ensure_ascii=False
        )
        + "\n"
        for board in BOARDS
    }
    return boards | {
        "dashboards/tocsin.yaml": _HEAD + _yaml(_provider()),
        "datasources/tocsin.yaml": _HEAD + _yaml(_sources(influx_2(site, TOKEN))),
        "alerting/tocsin.yaml": _HEAD + _yaml(_alerting(site)),
        "examples/influxdb-1.yaml": _INFLUX_1_HEAD + _yaml(_sources(influx_1(site))),
        "examples/notifications.yaml": _NOTIFY_HEAD + _yaml(_notifications()),
    }


def influx_2(site: Site, token: str) -> Object:
    """The data source for InfluxDB 2, asked by InfluxQL; the database stands where old and new versions look."""
    source = _influx(site)
    source["jsonData"] = {
        "dbName": site.database,
        "httpMode": "POST",
        "version": "InfluxQL",
        "timeInterval": "1s",
        "httpHeaderName1": "Authorization",
    }
    return source | {"secureJsonData": {"httpHeaderValue1": f"Token {token}"}}


def influx_1(site: Site) -> Object:
    """The data source for InfluxDB 1."""
    source = _influx(site) | {"user": "$TOCSIN_INFLUX_USER"}
    source["jsonData"] = {"dbName": site.database, "httpMode": "POST", "version": "InfluxQL", "timeInterval": "1s"}
    return source | {"secureJsonData": {"password": PASSWORD}}


def _influx(site: Site) -> Object:
    return {
        "name": "Tocsin",
        "uid": DATA_SOURCE,
        "type": "influxdb",
        "access": "proxy",
        "url": site.influx,
        "database": site.database,
        "isDefault": False,
    }


def _sources(source: Object) -> Object:
    return {"apiVersion": 1, "datasources": [source | {"orgId": 1, "editable": False}]}


def _alerting(site: Site) -> Object:
    return {"apiVersion": 1, "groups": [group.as_file(site.page) for group in GROUPS]}


def _provider() -> Object:
    provider: Object = {
        "name": "tocsin",
        "orgId": 1,
        "folder": FOLDER_TITLE,
        "folderUid": FOLDER,
        "type": "file",
        "disableDeletion": False,
        "updateIntervalSeconds": 30,
        "allowUiUpdates": False,  # the files would win over what was changed by hand: save a copy instead
        "options": {"path": f"{MOUNTED}/dashboards/tocsin", "foldersFromFilesStructure": False},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _notifications() -> Object:
    receivers: list[Object] = [
        {"uid": "tocsin-mail", "type": "email", "settings": {"addresses": "maintenance@example.org"}},
    ]
    night: list[Object] = [
        {"uid": "tocsin-call", "type": "webhook", "settings": {"url": "https://example.org/call"}},
    ]
    by_device = ["alertname", "site", "device"]
    routes: list[Object] = [
        {
            "receiver": "tocsin-night",
            "object_matchers": [["priority", "=", "critical"]],
            "group_by": by_device,
            "group_wait": "10s",
            "repeat_interval": "1h",
            "continue": True,
        },
        {
            "receiver": "tocsin-day",
            "object_matchers": [["app", "=", "tocsin"]],
            "group_by": by_device,
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
        },
    ]
    return {
        "apiVersion": 1,
        "contactPoints": [
            {"orgId": 1, "name": "tocsin-day", "receivers": receivers},
            {"orgId": 1, "name": "tocsin-night", "receivers": night},
        ],
        "policies": [
            {"orgId": 1, "receiver": "tocsin-day", "group_by": ["alertname", "site"], "routes": routes},
        ],
    }


def _yaml(told: Object) -> str:
    return yaml.dump(told, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100_000)


class _Plain(yaml.SafeDumper):
    """Without anchors, which people read badly."""

    def ignore_aliases(self, data: object) -> bool:
        """Write everything out."""
        del data
        return True
