"""One Grafana over its HTTP API: what is there, and putting things there; every failure is a sentence with a remedy.

GrafanaError          what was asked cannot be done
├── AddressError      this cannot be the address of a Grafana
├── AwayError         it does not answer, or something else answers there
├── TokenError        it does not accept the token
├── RightsError       the token may not do this
└── RefusedError      it refused one thing for what it is; others may go through
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import msgspec
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaTimeoutError
from niquests.exceptions import JSONDecodeError, RequestException

from dashboards.grafana.shapes import FOLDER, RULES, Object

ANSWER_S = 4.0
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, SERVER = 401, 403, 404, 500
SAID_LENGTH = 300
NO_RULE = "could not find alert rule"  # Grafana 9 says so with status 500
OTHERS = "it comes from a file that this Grafana reads at its start: change that file, or take it away and push"


class GrafanaError(Exception):
    """What was asked cannot be done; the message says why and what to do."""


class AwayError(GrafanaError):
    """Grafana does not answer."""


class AddressError(GrafanaError):
    """This cannot be the address of a Grafana."""


class TokenError(GrafanaError):
    """Grafana does not accept the token."""


class RightsError(GrafanaError):
    """The token may not do this."""


class RefusedError(GrafanaError):
    """Grafana refused one thing."""


class There(msgspec.Struct, frozen=True):
    """One thing as Grafana has it; what is `provisioned` lies in a file, and nothing can be written over it."""

    model: Object
    folder: str = ""
    provisioned: bool = False


class Grafana:
    """Asks one Grafana; used by one thread. Raises GrafanaError."""

    def __init__(self, url: str, *, token: str, answer_s: float = ANSWER_S) -> None:
        there = urlsplit(url)
        if there.scheme not in {"http", "https"} or not there.hostname or "@" in there.netloc:
            where = there._replace(netloc=there.netloc.rpartition("@")[2]).geturl()
            msg = f"{where} is no address of a Grafana: write it like http://grafana:3000, and no password in it"
            raise AddressError(msg)
        path = there.path.strip("/")
        self.url = urlunsplit(there._replace(path=f"/{path}/" if path else "", query=there.query, fragment=""))
        self._given = bool(token)
        self._api = GrafanaApi.from_url(self.url, credential=token or None, timeout=answer_s)

    def __enter__(self) -> Self:
        """Connects at the first use."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connections."""
        self._api.client.s.close()

    def version(self) -> str:
        """Which Grafana answers."""
        try:
            found = self._ask("say which version it is", lambda: self._api.client.GET("/health"))
        except RefusedError as error:
            raise self._stranger() from error
        if not isinstance(found, dict) or "database" not in found:
            raise self._stranger()
        return str(found.get("version", "of an unknown version"))

    def make_folder(self, uid: str, title: str) -> bool:
        """Make a folder if it is missing; whether it was."""
        if self._find("read folders", lambda: self._api.folder.get_folder(uid)) is not None:
            return False
        self._ask("make a folder", lambda: self._api.folder.create_folder(title, uid=uid))
        return True

    def board(self, uid: str) -> There | None:
        """The model of a dashboard and the folder that it lies in."""
        found = self._find("read dashboards", lambda: self._api.dashboard.get_dashboard(uid))
        if found is None:
            return None
        model, meta = found.get("dashboard"), found.get("meta")
        if not isinstance(model, dict) or not isinstance(meta, dict):
            raise self._stranger()
        return There(model, folder=str(meta.get("folderUid", "")), provisioned=bool(meta.get("provisioned")))

    def put_board(self, model: Object, there: There | None) -> None:
        """Write a dashboard over the version that was read, where it lies, or a new one into Tocsin's folder."""
        version: Object = {"id": None}
        if there is not None:
            version = {"id": there.model.get("id"), "version": there.model.get("version")}
        asked = {
            "dashboard": model | version,
            "folderUid": FOLDER if there is None else there.folder,
            "message": "tocsin dashboards push",
            "overwrite": False,
        }
        self._ask("write dashboards", lambda: self._api.dashboard.update_dashboard(asked))

    def rule(self, uid: str) -> There | None:
        """An alert rule."""
        try:
            found = self._find("read alert rules", lambda: self._api.alertingprovisioning.get_alertrule(uid))
        except AwayError as error:
            if NO_RULE in str(error):
                return None
            raise
        return None if found is None else There(found, provisioned=found.get("provenance") == "file")

    def put_rule(self, model: Object, there: There | None) -> None:
        """Write an alert rule that people may change, as far as this Grafana lets them: 9.3 locks what an API made."""
        rules = self._api.alertingprovisioning
        if there is None:
            self._ask("make alert rules", lambda: rules.create_alertrule(model, disable_provenance=True))
        else:
            uid, free = model["uid"], there.model.get("provenance") != "api"
            self._ask("write alert rules", lambda: rules.update_alertrule(uid, model, disable_provenance=free))

    def group(self, name: str) -> Object | None:
        """A group of rules in the folder of rules."""
        return self._find("read alert rules", lambda: self._api.alertingprovisioning.get_rule_group(RULES, name))

    def pace(self, name: str, every_s: int) -> None:
        """Set how often a group is judged that is there."""
        rules = self._api.alertingprovisioning
        asked = (self.group(name) or {}) | {"interval": every_s}
        self._ask("write alert rules", lambda: rules.update_rule_group(RULES, name, asked, disable_provenance=True))

    def source(self, uid: str) -> There | None:
        """A data source."""
        found = self._find("read data sources", lambda: self._api.datasource.get_datasource_by_uid(uid))
        return None if found is None else There(found, provisioned=bool(found.get("readOnly")))

    def put_source(self, model: Object, there: There | None) -> None:
        """Write a data source; a secret that is not given stays as it is."""
        if there is None:
            self._ask("make data sources", lambda: self._api.datasource.create_datasource(model))
        else:
            uid = str(model["uid"])
            self._ask("write data sources", lambda: self._api.datasource.update_datasource_by_uid(uid, model))

    def trouble(self, uid: str) -> str:
        """What Grafana says when it tries a data source and fails; "" if it works or cannot be tried."""
        try:
            found = self._find("try data sources", lambda: self._api.datasource.health(uid))
        except RefusedError as error:
            return _said(error.__cause__) if isinstance(error.__cause__, GrafanaException) else str(error)
        except GrafanaError:
            return ""
        return "" if found is None or found.get("status") == "OK" else str(found.get("message", found))

    def _find(self, what: str, call: Callable[[], object]) -> Object | None:
        """Ask for one thing; None if it is not there."""
        try:
            found = self._ask(what, call)
        except RefusedError as error:
            if isinstance(error.__cause__, GrafanaException) and error.__cause__.status_code == NOT_FOUND:
                return None
            raise
        if isinstance(found, dict):
            return found
        raise self._stranger()

    def _ask(self, what: str, call: Callable[[], object]) -> object:
        try:
            return call()
        except GrafanaException as error:
            raise self._translated(what, error) from error
        except JSONDecodeError as error:
            raise self._stranger() from error
        except RequestException as error:
            msg = f"Grafana at {self.url} does not answer ({_plain(error)}): start it, or correct the address"
            raise AwayError(msg) from error

    def _stranger(self) -> AwayError:
        return AwayError(f"what answers at {self.url} is no Grafana: correct the address, with its path if it has one")

    def _translated(self, what: str, error: GrafanaException) -> GrafanaError:
        status, said = error.status_code, _said(error)
        if isinstance(error, GrafanaTimeoutError):
            return AwayError(f"Grafana at {self.url} does not answer in time: start it, or correct the address")
        if status == UNAUTHORIZED:
            problem = "does not accept the token" if self._given else "wants a token"
            return TokenError(
                f"Grafana at {self.url} {problem}: make one under Administration, Service accounts, "
                "with the role Admin, and put it into TOCSIN_GRAFANA_TOKEN"
            )
        if status == FORBIDDEN:
            return RightsError(
                f"the token may not {what} in Grafana at {self.url} ({said}): "
                "give its service account the role Admin, or one that may"
            )
        if not isinstance(error, GrafanaClientError):
            return AwayError(f"Grafana at {self.url} is in trouble ({said}): look into its log, then push again")
        return RefusedError(f"Grafana at {self.url} refuses to {what}: {said}")


def _said(error: GrafanaException) -> str:
    told = error.response
    text = str(told.get("message") or told) if isinstance(told, dict) else str(error)
    return " ".join(text.split())[:SAID_LENGTH]


def _plain(error: Exception) -> str:
    text = (str(error).splitlines() or [""])[0].rpartition(": ")[2].rstrip("')")
    return text.rpartition("] ")[2][:SAID_LENGTH] or type(error).__name__
