"""The registry: `NAME/VERSION/{manifest.json, payload.skops, card.md, plots}`, `NAME/{aliases,history}.json`.

A version is there once its manifest is, which is written last; its folder is claimed first, so no two get the same.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import msgspec

from models.recipe import Recipe
from models.registry import history as histories
from models.registry.code import versions as code_versions
from models.registry.errors import ModelDamagedError, ModelMissingError, RegistryError
from models.registry.history import Pointing
from models.registry.manifest import (
    Digest,
    Facts,
    Manifest,
    checked_alias,
    checked_file,
    checked_name,
    decoded,
    encoded,
    is_name,
)
from models.registry.place import Place, place

if TYPE_CHECKING:  # listing models, as a page does, loads no estimator
    from models.trained import Trained

MANIFEST, PAYLOAD, ALIASES, HISTORY = "manifest.json", "payload.skops", "aliases.json", "history.json"
CARD = "card.md"
CHAMPION, CANDIDATE = "champion", "candidate"
MOST_TEXT = 16 * 2**20  # bytes of a manifest, a card or a plot
MOST_PAYLOAD = 128 * 2**20
MOST_TRIES = 1000
MOST_VERSION = 2**31 - 1
LAST = MOST_VERSION - MOST_TRIES  # that another may follow

_aliases = msgspec.json.Decoder(dict[str, Annotated[int, msgspec.Meta(ge=1, le=MOST_VERSION)]])

Files = Mapping[str, bytes] | Callable[[Manifest], Mapping[str, bytes]]
NONE: Mapping[str, bytes] = MappingProxyType({})


class Entry(msgspec.Struct, frozen=True):
    """A version of a model, as it lies in the registry."""

    manifest: Manifest
    url: str  # of its folder

    @property
    def name(self) -> str:
        """Of the model."""
        return self.manifest.name

    @property
    def version(self) -> int:
        """Counts from 1."""
        return self.manifest.version


class Registry:
    """A place with models; `allow` names further types that their files may consist of."""

    def __init__(self, files: Place, *, allow: Sequence[str] = ()) -> None:
        self._files = files
        self._allow = tuple(allow)

    @classmethod
    def open(cls, url: str, *, allow: Sequence[str] = ()) -> "Registry":
        """The registry at `folder:PATH`, `PATH` or a URL of fsspec; it need not be there yet. Raises RegistryError."""
        return cls(place(url), allow=allow)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._files.url

    def names(self) -> list[str]:
        """Models with at least one version; what else lies in the folder is passed over."""
        return [name for name in self._listed("") if is_name(name) and self.versions(name)]

    def versions(self, name: str) -> list[int]:
        """Of a model, oldest first; none where there is no such model."""
        return [number for number in self._numbers(name) if MANIFEST in self._listed(f"{name}/{number}")]

    def aliases(self, name: str) -> dict[str, int]:
        """What each alias of a model points at; raises ModelDamagedError."""
        try:
            content = self._read(f"{checked_name(name)}/{ALIASES}")
        except ModelMissingError:
            return {}
        try:
            return _aliases.decode(content)
        except msgspec.DecodeError as error:
            msg = f"{self.url}/{name}/{ALIASES}: {error}; `tocsin models promote` writes it anew"
            raise ModelDamagedError(msg) from error

    def history(self, name: str) -> tuple[Pointing, ...]:
        """Who let its aliases point where, the newest last; nothing where nobody did. Raises ModelDamagedError."""
        try:
            content = self._read(f"{checked_name(name)}/{HISTORY}")
        except ModelMissingError:
            return ()
        return histories.true(histories.decoded(content, f"{self.url}/{name}/{HISTORY}"), self.aliases(name))

    def entry(self, name: str, version: int | str = CHAMPION) -> Entry:
        """A version, by number or alias; raises ModelMissingError, ModelDamagedError."""
        number = self._number(name, version)
        where = f"{name}/{number}"
        manifest = decoded(self._read(f"{where}/{MANIFEST}"), f"{self.url}/{where}/{MANIFEST}")
        if (manifest.name, manifest.version) != (name, number):
            msg = f"{self.url}/{where}: holds {manifest.name} {manifest.version}; was it copied there?"
            raise ModelDamagedError(msg)
        return Entry(manifest=manifest, url=f"{self.url}/{where}")

    def load(self, name: str, version: int | str = CHAMPION) -> "Trained":
        """A model ready to score; raises ModelMissingError, ModelDamagedError, ModelRefusedError."""
        from models.registry.assembly import assembled  # noqa: PLC0415 -- see above

        entry = self.entry(name, version)
        return assembled(entry.manifest, self.payload(entry), f"{entry.url}/{PAYLOAD}", allow=self._allow)

    def payload(self, entry: Entry) -> bytes:
        """What a version learnt, as it lies there; raises ModelMissingError, ModelDamagedError."""
        return self._checked(f"{entry.name}/{entry.version}/{PAYLOAD}", entry.manifest.payload, MOST_PAYLOAD)

    def file(self, entry: Entry, name: str) -> bytes:
        """The card or a plot of a version; raises ModelMissingError, ModelDamagedError."""
        digest = entry.manifest.files.get(name)
        if digest is None:
            msg = f"{entry.url} has no {name!r}; it has {', '.join(entry.manifest.files) or 'no files'}"
            raise ModelMissingError(msg)
        return self._checked(f"{entry.name}/{entry.version}/{checked_file(name)}", digest, MOST_TEXT)

    def save(self, model: "Trained", recipe: Recipe, facts: Facts, *, files: Files = NONE) -> Entry:
        """Store a model as the next version of its name, whatever version it says it has; raises RegistryError.

        The first version becomes champion, a later one candidate. `files` may be made once the version is known.
        """
        from models.registry.assembly import dismantled  # noqa: PLC0415 -- see above

        name = checked_name(model.name)
        self.aliases(name)  # damaged ones are told of before anything is stored
        payload = dismantled(model, recipe, allow=self._allow)
        version = self._claimed(name)
        if not facts.code:
            facts = msgspec.structs.replace(facts, code=dict(code_versions()))
        manifest = Manifest(
            name=name,
            version=version,
            task=model.task,
            recipe=recipe,
            channels=model.channels,
            classes=model.classes,
            words=model.words,
            facts=facts,
            payload=_digest(payload),
        )
        made = files(manifest) if callable(files) else files
        manifest = msgspec.structs.replace(manifest, files={checked_file(each): _digest(made[each]) for each in made})
        content = encoded(manifest)
        for each, written in (*made.items(), (PAYLOAD, payload), (MANIFEST, content)):
            self._write(f"{name}/{version}/{each}", written)
        self._introduce(name, version)
        return Entry(manifest=manifest, url=f"{self.url}/{name}/{version}")

    def point(self, name: str, alias: str, version: int, *, who: str = "", why: str = "") -> None:
        """Let an alias name another version, at once for all; raises ModelMissingError."""
        checked_alias(alias)
        if version not in self.versions(name):
            raise self._missing(name, version)
        with self._files.alone(name):
            self._point(name, alias, version, who=who, why=why)

    def roll_back(self, name: str, *, who: str = "", why: str = "") -> int:
        """Let the champion be the version that was it before, and return that; raises ModelMissingError."""
        with self._files.alone(checked_name(name)):
            now = self._number(name, CHAMPION)
            version = histories.before(self.history(name), CHAMPION, now)
            if version not in self.versions(name):
                known = "no version was before it" if not version else f"version {version} is gone"
                msg = f"{self.url}: {name}@{now} is the champion, and {known}; tocsin models promote names one"
                raise ModelMissingError(msg)
            self._point(name, CHAMPION, version, who=who, why=why)
        return version

    def drop(self, name: str, alias: str) -> None:
        """Let an alias name nothing any more; raises ModelMissingError where there is no such model."""
        if not self.versions(name):
            raise self._missing(name, alias)
        with self._files.alone(name):
            before = self.aliases(name)
            self._write_aliases(name, {each: number for each, number in before.items() if each != alias})

    def _point(self, name: str, alias: str, version: int, *, who: str, why: str) -> None:
        """History goes first: it tells by the aliases whether its newest entry came to be."""
        try:
            before = self.aliases(name)
        except ModelDamagedError:
            before = {}
        try:
            past = self.history(name)
        except ModelDamagedError:
            past = ()  # aliases that anybody can mend are worth more than a past that nobody can
        old = before.get(alias, 0)
        if old != version:
            step = Pointing(at_ns=time.time_ns(), alias=alias, old=old, new=version, who=who, why=why)
            self._write(f"{name}/{HISTORY}", histories.encoded((*past, step)))
        self._write_aliases(name, before | {alias: version})

    def _introduce(self, name: str, version: int) -> None:
        with self._files.alone(name):
            before = self.aliases(name)
            # Of two that end at once, the older may come later; one that was removed is no candidate any more.
            newest = max({version} | ({before.get(CANDIDATE, 0)} & {*self.versions(name)}))
            new = {CANDIDATE: newest} if CHAMPION in before else {CHAMPION: version}
            self._write_aliases(name, before | new)

    def _write_aliases(self, name: str, aliases: Mapping[str, int]) -> None:
        self._write(f"{name}/{ALIASES}", msgspec.json.format(msgspec.json.encode(aliases), indent=2))

    def _claimed(self, name: str) -> int:
        with _told(self.url):
            after = max(self._used(name), default=0) + 1
            for version in range(after, after + MOST_TRIES):
                if self._files.claim(f"{name}/{version}"):
                    return version
        msg = f"{self.url}/{name}: {MOST_TRIES} others took the next version first"
        raise RegistryError(msg)

    def _used(self, name: str) -> Iterator[int]:
        """Numbers that stand for a version, or did: scores of one that was removed are still called so."""
        yield from (*self._numbers(name), *(each for each in self.aliases(name).values() if each <= LAST))
        with suppress(ModelDamagedError):
            yield from (step.new for step in self.history(name) if step.new <= LAST)

    def _numbers(self, name: str) -> list[int]:
        """Versions, also of those that are not whole."""
        plain = (each for each in self._listed(checked_name(name)) if each.isascii() and each.isdecimal())
        return sorted(number for each in plain if each[0] != "0" and (number := int(each)) <= LAST)

    def _number(self, name: str, version: int | str) -> int:
        checked_name(name)
        if isinstance(version, str) and version.isascii() and version.isdecimal():
            version = int(version)
        number = self.aliases(name).get(version) if isinstance(version, str) else version
        if number is None or MANIFEST not in self._listed(f"{name}/{number}"):
            raise self._missing(name, version)
        return number

    def _missing(self, name: str, version: int | str) -> ModelMissingError:
        there = [str(number) for number in self.versions(name)]
        if there:
            known = ", ".join([*there, *self.aliases(name)])
            return ModelMissingError(f"{self.url} has no {name} {version!r}; it has {known}")
        return ModelMissingError(f"{self.url} has no model {name!r}; it has {', '.join(self.names()) or 'none'}")

    def _checked(self, path: str, digest: Digest, most: int) -> bytes:
        content = self._read(path, most)
        if _digest(content) != digest:
            sizes = f"{len(content)}, not {digest.size}" if len(content) != digest.size else f"{digest.size} of them"
            msg = f"{self.url}/{path}: other bytes ({sizes}) than its manifest names: it was changed, or is not whole"
            raise ModelDamagedError(msg)
        return content

    def _listed(self, path: str) -> list[str]:
        with _told(self.url):
            return self._files.listed(path)

    def _read(self, path: str, most: int = MOST_TEXT) -> bytes:
        with _told(self.url):
            return self._files.read(path, most)

    def _write(self, path: str, content: bytes) -> None:
        with _told(self.url):
            self._files.write(path, content)


def _digest(content: bytes) -> Digest:
    return Digest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What a disk or a server says, as errors of ours."""
    try:
        yield
    except FileNotFoundError as error:
        msg = f"{url}: there is no {error.filename or error}"
        raise ModelMissingError(msg) from error
    except OSError as error:
        msg = f"{url}: {error}"
        raise RegistryError(msg) from error
