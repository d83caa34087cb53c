"""One run of MLflow a training; as a program it is handed the training on its standard input once it has loaded.

What is logged: parameters, figures, data sets, card and payload.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from models.registry.folder import CARD
from models.registry.manifest import Manifest, Source

if TYPE_CHECKING:  # importing it takes 3 s
    from mlflow.entities import DatasetInput

BATCH = 100  # parameters that a server takes at once
MOST_VALUE, MOST_NOTE, MOST_DIGEST, MOST_NAME = 500, 5000, 36, 250  # characters
UNSET: Mapping[str, str] = {  # what holds unless a person says otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a plant's computer calls nobody unasked
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # nor is a training held up for minutes by a server that is away
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_EXPERIMENT = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")
_STORES = "mlflow.store.tracking.sqlalchemy_store"


class Told(msgspec.Struct, frozen=True):
    """A training as it is handed over."""

    manifest: Manifest
    files: Mapping[str, bytes]


def logged(manifest: Manifest, files: Mapping[str, bytes]) -> str:
    """The id of the run, in the experiment of the model's name unless one is set; nested in one that is going on."""
    import mlflow  # noqa: PLC0415 -- takes 3 s
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

    outer = mlflow.active_run()
    elsewhere = outer is not None or any(os.environ.get(name) for name in _EXPERIMENT)
    experiment = None if elsewhere else _experiment(manifest.name)
    title = f"{manifest.name} {manifest.version}"
    with mlflow.start_run(run_name=title, experiment_id=experiment, nested=outer is not None) as run:
        client, at = mlflow.MlflowClient(), str(run.info.run_id)
        params = [Param(key, value[:MOST_VALUE]) for key, value in flat(msgspec.to_builtins(manifest.recipe))]
        for start in range(0, len(params), BATCH):
            client.log_batch(at, params=params[start : start + BATCH])
        made_ms = manifest.facts.made_at_ns // 1_000_000
        figures = {_name(key): value for key, value in manifest.facts.metrics.items() if value is not None}
        client.log_batch(
            at,
            metrics=[Metric(key, value, made_ms, 0) for key, value in figures.items()],
            tags=[RunTag(key, value) for key, value in _tags(manifest, files).items()],
        )
        client.log_inputs(at, _inputs(manifest.facts.data.sources))
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            client.log_artifacts(at, folder)
        return at


def _experiment(name: str) -> str:
    """The id of the experiment of that name, made where there is none."""
    import mlflow  # noqa: PLC0415 -- as above

    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if found is None else found.experiment_id)


def _inputs(sources: Sequence[Source]) -> "list[DatasetInput]":
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 -- as above

    return [
        DatasetInput(
            Dataset(
                name=each.name[-MOST_VALUE:] or "rows",
                digest=each.sha256[:MOST_DIGEST],
                source_type="local",
                source=msgspec.json.encode({"uri": each.name}).decode(),
                profile=msgspec.json.encode({"num_rows": each.rows, "sha256": each.sha256}).decode(),
            ),
            [InputTag("mlflow.data.context", "training")],
        )
        for each in sources
    ]


def _tags(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, str]:
    note = files.get(CARD, b"").decode(errors="replace")
    said = {
        "tocsin.model": manifest.name,
        "tocsin.version": str(manifest.version),
        "tocsin.task": manifest.task.value,
        "tocsin.data": manifest.facts.data.sha256,
        "tocsin.payload": manifest.payload.sha256,
        "tocsin.owner": manifest.facts.owner,
        "tocsin.warnings": "; ".join(manifest.facts.warnings),
        "mlflow.note.content": note if len(note) <= MOST_NOTE else f"{note[:MOST_NOTE]}\n…",
    }
    return {key: value[: MOST_NOTE + 2] for key, value in said.items() if value}


def flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """What a recipe says, by dotted name; what it leaves empty is left out.

    >>> dict(flat({"seed": 3, "features": [{"kind": "mean", "rows": 5}], "note": "", "search": {}}))
    {'seed': '3', 'features.0.kind': 'mean', 'features.0.rows': '5'}
    """
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        parts = dict(enumerate(value)).items()
    else:
        if value not in (None, "", [], ()):
            yield _name(name), str(value)
        return
    for key, inner in parts:
        yield from flat(inner, f"{name}.{key}" if name else str(key))


def _name(text: str) -> str:
    """As MLflow lets parameters and figures be called."""
    return re.sub(r"[^\w. /-]", "_", text)[:MOST_NAME]


@contextmanager
def quietly() -> Iterator[None]:
    """With what is not set otherwise as it should be, and without what it says of its own tables."""
    new = {name: value for name, value in UNSET.items() if name not in os.environ}
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    os.environ.update(new)
    try:
        import mlflow  # noqa: F401, PLC0415 -- it sets its own level, so it comes first

        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
    finally:
        for name in new:
            os.environ.pop(name, None)


def main() -> None:
    """Load, wait for a training or the end of input, log it, and say what came of it in the last line."""
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever libraries say is not the answer
    with quietly():
        with suppress(ImportError):
            import_module(_STORES)
        content = sys.stdin.buffer.read()
        if not content:
            return
        told = msgspec.msgpack.decode(content, type=Told)
        try:
            answer = {"run": logged(told.manifest, told.files)}
        except Exception as error:  # noqa: BLE001 -- handed to whoever waits
            answer = {"error": str(error)}
    said.write(json.dumps(answer))
    said.close()


if __name__ == "__main__":
    main()
