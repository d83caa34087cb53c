"""Labels that people give on the command line: made, taken back and listed, wherever the data is."""

from pathlib import Path

import msgspec

from models.catalogue.nodes import iso
from tocsin.options import USAGE
from tocsin.reaching.access import Wanted
from tocsin.reaching.catalogue import accessed
from tocsin.reaching.export import WrongWordsError, moment_ns
from tocsin.reaching.reach import ReachError, configured
from wire.messages import Meaning

OF_RUNS = ("pass", "fail")


class NotALabelError(ReachError):
    """What was typed is no label."""

    code = USAGE


def make(config: Path, *, meaning: Meaning, who: str, device: str, start: str, end: str, run: str, comment: str) -> str:
    """Make a label and return its id. Raises ReachError."""
    try:
        from_ns, to_ns = (moment_ns(start, "--from"), moment_ns(end, "--to")) if device else (0, 0)
    except WrongWordsError as error:
        raise NotALabelError(str(error)) from error
    if device and from_ns >= to_ns:
        msg = "--from has to lie before --to"
        raise NotALabelError(msg)
    if device and meaning in OF_RUNS:
        msg = f"only a run can {meaning}: say anomaly, normal or maintenance"
        raise NotALabelError(msg)
    wanted = Wanted(meaning=meaning, who=who, device=device, from_ns=from_ns, to_ns=to_ns, run=run, comment=comment)
    with accessed(configured(config), writes=True) as access:
        return access.label(wanted)


def take_back(config: Path, label: str, *, who: str, why: str) -> str:
    """Withdraw a label; returns who did, since somebody may have before. Raises ReachError."""
    with accessed(configured(config), writes=True) as access:
        before = next((each.withdrawn_by for each in access.labels(withdrawn=True) if each.id == label), "")
        if not before:
            access.withdraw(label, who=who, why=why)
    return before or who


def list_labels(config: Path, *, device: str, run: str) -> list[dict[str, object]]:
    """Labels, also withdrawn ones, newest first, with times in words. Raises ReachError."""
    with accessed(configured(config)) as access:
        found = access.labels(device=device, run=run, withdrawn=True)
    return [msgspec.to_builtins(each) | {"from": iso(each.from_ns), "to": iso(each.to_ns)} for each in found]
