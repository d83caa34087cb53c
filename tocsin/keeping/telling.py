"""What is told of models that are kept, by the page of a box and of a fleet alike: in sentences, from the diary."""

from collections.abc import Iterator, Mapping, Sequence

from tocsin.keeping.diary import Diary, Page
from wire.config import Config, ModelRule

_LET_IN = {"hand": "a candidate is let in by a person", "gate": "a candidate that passes the gate is let in by itself"}


def kept(config: Config, diary: Diary) -> Mapping[str, str]:
    """By model of [[models]]: what rings, what was trained last, what is waited for, who lets a candidate in."""
    return {rule.name: "; ".join(_kept(rule, diary.page(rule.name))) for rule in config.models}


def notes(diary: Diary) -> Sequence[str]:
    """What a person should know of."""
    return tuple(_notes(diary))


def _kept(rule: ModelRule, page: Page) -> Iterator[str]:
    yield from (f"{each.device} drifts: {each.detail}" for each in page.ringing)
    if page.begun_ns:
        yield "a training or judging is under way"
    elif page.last is not None:
        yield f"{page.last.ended}: {page.last.says}"
    yield from filter(None, (page.waits, page.unwatched))
    yield _LET_IN[rule.promote]


def _notes(diary: Diary) -> Iterator[str]:
    for name, page in diary.pages.items():
        if page.last is not None and page.last.ended in {"failed", "refused"}:
            yield f"model {name}: {page.last.says}"
        if page.waits:
            yield f"model {name}: {page.waits}"
