"""Stored models over HTTP: read only, for they are made and promoted by commands."""

import difflib
from collections.abc import Iterable

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from dashboards.console.desk import Desk
from dashboards.console.moments import iso
from dashboards.console.problem import Problem
from dashboards.console.shelf import Standing, standings
from models.registry.errors import ModelMissingError, RegistryError
from models.registry.folder import Entry, Registry

_KINDS = {"md": "text/markdown; charset=utf-8", "png": "image/png"}  # whatever else lies there is only handed out


class ModelOut(BaseModel):
    """A model and its versions."""

    name: str
    task: str | None = Field(description="anomaly, life or outcome; null where it cannot be read")
    versions: list[int]
    aliases: dict[str, int] = Field(description="champion is the version that is used, candidate the next")
    metrics: dict[str, float | None] = Field(description="of the champion")
    made: str | None
    trouble: str = Field(description="why it cannot be read or is not put to work, if so")
    kept: str = Field(description="what drifts, what the last training came to, what is waited for; by [[models]]")


class SourceOut(BaseModel):
    """What a model was trained on."""

    name: str
    sha256: str
    rows: int
    from_ns: int | None
    to_ns: int | None


class VersionOut(BaseModel):
    """One version of a model, as its manifest says."""

    name: str
    version: int
    aliases: list[str] = Field(description="that point at this version")
    task: str
    note: str
    channels: list[str]
    classes: list[str]
    made_ns: int
    made: str
    owner: str
    seed: int
    rows: int
    label: str
    sources: list[SourceOut]
    metrics: dict[str, float | None]
    warnings: list[str]
    code: dict[str, str]
    recipe: dict[str, object]
    payload_bytes: int
    payload_sha256: str
    files: list[str] = Field(description="its card and pictures")


def router(desk: Desk) -> APIRouter:
    """Routes to the registry."""
    routes = APIRouter(tags=["models"])

    @routes.get("/models")
    def models() -> list[ModelOut]:
        """All models, by name."""
        try:
            if not desk.models:
                return []
            status = desk.status()
            return [_model(each, status.kept.get(each.name, "")) for each in standings(desk.models, status.models)]
        except RegistryError as error:
            raise _refused(error) from error

    @routes.get("/models/{name}/{version}")
    def version(name: str, version: str) -> VersionOut:
        """One version, by number or alias."""
        registry, entry = _entry(desk, name, version)
        try:
            pointing = sorted(alias for alias, number in registry.aliases(name).items() if number == entry.version)
        except RegistryError:
            pointing = []
        return _version(entry, pointing)

    @routes.get("/models/{name}/{version}/files/{file}", response_class=Response)
    def file(name: str, version: str, file: str) -> Response:
        """The card of a version (`card.md`), or one of its pictures."""
        registry, entry = _entry(desk, name, version)
        try:
            content = registry.file(entry, file)
        except RegistryError as error:
            raise _refused(error, entry.manifest.files) from error
        kind = _KINDS.get(file.rpartition(".")[2])
        heads = {} if kind else {"Content-Disposition": f'attachment; filename="{file}"'}
        return Response(content, media_type=kind or "application/octet-stream", headers=heads)

    return routes


def _entry(desk: Desk, name: str, version: str) -> tuple[Registry, Entry]:
    if desk.models is None:
        raise Problem(404, "This console has no registry.", remedy="Name one with `registry` in tocsin.toml.")
    try:
        return desk.models, desk.models.entry(name, version)
    except ModelMissingError as error:
        raise _refused(error, difflib.get_close_matches(name, desk.models.names(), n=5, cutoff=0.5)) from error
    except RegistryError as error:
        raise _refused(error) from error


def _refused(error: RegistryError, close: Iterable[str] = ()) -> Problem:
    if isinstance(error, ModelMissingError):
        return Problem(404, f"{error}.", remedy="GET /api/v1/models lists the models there are.", close=close)
    return Problem(500, f"{error}.", remedy="`tocsin models show` says more; training it anew makes another version.")


def _model(of: Standing, kept: str) -> ModelOut:
    manifest = of.entry.manifest if of.entry else None
    return ModelOut(
        name=of.name,
        task=manifest.task.value if manifest else None,
        versions=list(of.versions),
        aliases=of.aliases,
        metrics=dict(manifest.facts.metrics) if manifest else {},
        made=iso(manifest.facts.made_at_ns) if manifest else None,
        trouble=of.trouble,
        kept=kept,
    )


def _version(entry: Entry, aliases: list[str]) -> VersionOut:
    manifest, facts = entry.manifest, entry.manifest.facts
    return VersionOut(
        name=manifest.name,
        version=manifest.version,
        aliases=aliases,
        task=manifest.task.value,
        note=manifest.recipe.note,
        channels=list(manifest.channels),
        classes=list(manifest.classes),
        made_ns=facts.made_at_ns,
        made=iso(facts.made_at_ns),
        owner=facts.owner,
        seed=manifest.seed,
        rows=facts.data.rows,
        label=facts.data.label,
        sources=[
            SourceOut(name=s.name, sha256=s.sha256, rows=s.rows, from_ns=s.from_ns, to_ns=s.to_ns)
            for s in facts.data.sources
        ],
        metrics=dict(facts.metrics),
        warnings=list(facts.warnings),
        code=dict(facts.code),
        recipe=msgspec.to_builtins(manifest.recipe),
        payload_bytes=manifest.payload.size,
        payload_sha256=manifest.payload.sha256,
        files=sorted(manifest.files),
    )
