"""Sending everything to a running Grafana: twice is as once, and what a person changed stays as it is."""

import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

import msgspec

from dashboards.grafana.files import BOARDS, influx_2
from dashboards.grafana.marks import BoardForm, Form, Mark, RuleForm, SourceForm, digest
from dashboards.grafana.rules import GROUPS
from dashboards.grafana.server import OTHERS, Grafana, RefusedError, There
from dashboards.grafana.shapes import DATA_SOURCE, FOLDER, FOLDER_TITLE, RULES, RULES_TITLE, Object, Site

STALE_S = 7  # for 5 s after a change Grafana goes on with what it knew of a data source


class Done(StrEnum):
    """What became of one thing."""

    MADE = "made"
    CHANGED = "changed"
    SAME = "unchanged"
    KEPT = "kept"  # as a person changed it; there is nothing newer to write
    REFUSED = "refused"
    WARNED = "warning"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one thing, and why."""

    what: str
    done: Done
    why: str = ""

    @property
    def bad(self) -> bool:
        """Whether somebody has to do something."""
        return self.done in {Done.REFUSED, Done.WARNED}

    def as_dict(self) -> Mapping[str, str]:
        """For programs."""
        return {"what": self.what, "done": self.done.value, "why": self.why}

    def __str__(self) -> str:
        """One line."""
        return f"{self.done.value:<10} {self.what}" + f": {self.why}" * bool(self.why)


class Shelf(msgspec.Struct, frozen=True):
    """Where things of one kind are kept."""

    form: Form
    get: Callable[[str], There | None]
    put: Callable[[Object, There | None], None]


def push(
    grafana: Grafana, site: Site, *, token: str = "", force: bool = False, wait: Callable[[float], object] = time.sleep
) -> Iterator[Outcome]:
    """Send folders, data source, dashboards and rules, an outcome each. Raises GrafanaError.

    `token` is that of InfluxDB; `force` writes over what a person changed.
    """
    for uid, title in ((FOLDER, FOLDER_TITLE), (RULES, RULES_TITLE)):
        yield _folder(grafana, uid, title)
    yield from _source(grafana, site, token=token, force=force, wait=wait)
    boards = Shelf(BoardForm(), grafana.board, grafana.put_board)
    for board in BOARDS:
        yield _settle(boards, board.as_json(site.page), f"dashboard {board.title}", force=force)
    rules = Shelf(RuleForm(), grafana.rule, grafana.put_rule)
    for group in GROUPS:
        new = grafana.group(group.name) is None
        made = False
        for model in group.as_api(site.page):
            outcome = _settle(rules, model, f"alert rule {model['title']}", force=force)
            made = made or outcome.done is Done.MADE
            yield outcome
        if new and made:
            grafana.pace(group.name, group.every_s)
            yield Outcome(f"group of rules {group.name}", Done.MADE, f"judged every {group.every_s} s")


def _folder(grafana: Grafana, uid: str, title: str) -> Outcome:
    try:
        made = grafana.make_folder(uid, title)
    except RefusedError as error:
        return Outcome(f"folder {title}", Done.REFUSED, str(error))
    return Outcome(f"folder {title}", Done.MADE if made else Done.SAME)


def _source(
    grafana: Grafana, site: Site, *, token: str, force: bool, wait: Callable[[float], object]
) -> Iterator[Outcome]:
    shelf = Shelf(SourceForm(), grafana.source, grafana.put_source)
    model = influx_2(site, token)
    if not token:
        model.pop("secureJsonData")
    what = f"data source {model['name']}"
    outcome = _settle(shelf, model, what, force=force)
    trouble = grafana.trouble(DATA_SOURCE)
    if trouble and token and outcome.done is Done.SAME:  # a secret cannot be read back; it may be an old one
        _put(shelf, model, grafana.source(DATA_SOURCE))
        outcome = Outcome(what, Done.CHANGED, "its token is the one given now")
    for _ in range(STALE_S if outcome.done is Done.CHANGED else 0):
        if trouble:
            wait(1.0)
            trouble = grafana.trouble(DATA_SOURCE)
    yield outcome
    if trouble:
        remedy = "set TOCSIN_INFLUX_TOKEN and push again, or correct the address of InfluxDB with --influx"
        yield Outcome(what, Done.WARNED, f"Grafana cannot use it ({trouble}): {remedy}")


def _settle(shelf: Shelf, model: Object, what: str, *, force: bool) -> Outcome:
    try:
        return _settled(shelf, model, what, force=force)
    except RefusedError as error:
        return Outcome(what, Done.REFUSED, str(error))


def _settled(shelf: Shelf, model: Object, what: str, *, force: bool) -> Outcome:
    there = shelf.get(str(model["uid"]))
    if there is None:
        _put(shelf, model, None)
        return Outcome(what, Done.MADE)
    if there.provisioned:
        return Outcome(what, Done.REFUSED, OTHERS)
    sent, present, mark = (
        digest(shelf.form.own(model)),
        digest(shelf.form.own(there.model)),
        shelf.form.mark(there.model),
    )
    theirs, ours = present != mark.kept, sent != mark.sent
    if present == sent or not (theirs or ours):
        return Outcome(what, Done.SAME)
    if not force and theirs and mark.sent and not ours:
        return Outcome(what, Done.KEPT, "somebody changed it in Grafana")
    if not force and theirs:
        why = "somebody changed it in Grafana" if mark.sent else "it is there and did not come from here"
        return Outcome(what, Done.REFUSED, f"{why}; push with --force to write over it")
    _put(shelf, model, there)
    return Outcome(what, Done.CHANGED)


def _put(shelf: Shelf, model: Object, there: There | None) -> None:
    """Write a model with its mark, and once more if Grafana keeps something else than it was sent."""
    uid, sent = str(model["uid"]), digest(shelf.form.own(model))
    shelf.put(shelf.form.marked(model, Mark(sent, sent)), there)
    kept = shelf.get(uid)
    if kept is not None and (found := digest(shelf.form.own(kept.model))) != sent:
        shelf.put(shelf.form.marked(model, Mark(sent, found)), kept)
