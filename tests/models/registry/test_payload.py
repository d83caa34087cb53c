import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from pathlib import Path

import numpy as np
import pytest
import skops.io
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingRegressor, IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import FunctionTransformer

from models.anomaly.mahalanobis import Distance
from models.contract import F64, I64
from models.features.normalise import Scaled
from models.head import Settled
from models.recipe import load
from models.registry.errors import ModelDamagedError, ModelRefusedError
from models.registry.payload import packed, unpacked

SCALE = Scaled(np.zeros(2), np.ones(2))
OURS = Distance(np.zeros(2), np.eye(2), 1.0, 2)


@dataclass(frozen=True)
class Stranger:
    """A head that somebody else wrote."""

    inner: object
    memory: int = 0

    def look(self, x: F64) -> F64:
        return x

    def settle(self, memory: F64, looks: F64, age: I64) -> Settled:
        assert len(looks) == len(age)
        return Settled(score=looks[:, 0], memory=memory)

    def blame(self, x: F64, looks: F64) -> F64:
        assert len(x) == len(looks)
        return np.ones((len(x), 2)) / 2


NAME = f"{Stranger.__module__}.Stranger"


def stored(head: object, normaliser: object = SCALE) -> bytes:
    """What somebody may put into the folder without asking us."""
    content: bytes = skops.io.dumps({"normaliser": normaliser, "head": head})
    return content


def rewritten(content: bytes, change: Callable[[str], str]) -> bytes:
    """The same file with another schema."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, change(part.decode()).encode() if name == "schema.json" else part)
    return out.getvalue()


def test_what_was_packed_comes_back_to_the_bit() -> None:
    normaliser, head = unpacked(packed(SCALE, OURS), "here")
    assert isinstance(normaliser, Scaled)
    assert isinstance(head, Distance)
    assert (normaliser.spread.tobytes(), head.whiten.tobytes()) == (SCALE.spread.tobytes(), OURS.whiten.tobytes())
    assert (head.limit, head.channels, head.memory) == (1.0, 2, 0)


@pytest.mark.parametrize(
    "estimator",
    [
        IsolationForest(n_estimators=5, random_state=0),
        LocalOutlierFactor(novelty=True),
        HistGradientBoostingRegressor(max_iter=3),
        LGBMClassifier(n_estimators=3, verbose=-1, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_of_libraries_predict_as_they_did(estimator: LGBMClassifier) -> None:
    x = np.random.default_rng(0).normal(size=(80, 2))
    estimator.fit(x, (x[:, 0] > 0).astype(np.int64))
    _, head = unpacked(packed(SCALE, Stranger(estimator), allow=[NAME]), "here", allow=[NAME])
    assert isinstance(head, Stranger)
    again = head.inner
    assert isinstance(again, type(estimator))
    assert np.array_equal(again.predict(x), estimator.predict(x))


def test_a_type_that_is_not_on_the_list_is_refused_by_name_when_stored_and_when_loaded() -> None:
    with pytest.raises(ModelRefusedError, match=f"cannot be stored: names {NAME}"):
        packed(SCALE, Stranger(1))
    with pytest.raises(ModelRefusedError, match=f"there: names {NAME}, which no model of ours consists of"):
        unpacked(stored(Stranger(1)), "there")


HOSTILE = {
    "a function": lambda command: os.system,  # noqa: ARG005
    "a call to be made": lambda command: partial(os.system, command),
    "a method to be called": lambda command: methodcaller("system", command),
    "a bound method": lambda command: Path(command).touch,
    "an estimator that calls": lambda command: FunctionTransformer(os.system),  # noqa: ARG005
    "a function of ours": lambda command: load,  # noqa: ARG005
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_runs_nothing(tmp_path: Path, make: Callable[[str], object]) -> None:
    content = stored(Stranger(make(f"touch {tmp_path}/ran")))
    with pytest.raises(ModelRefusedError, match="there: names"):
        unpacked(content, "there", allow=[NAME])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("posix", "system"),
        ("builtins", "eval"),
        ("models.registry.place.os", "system"),
        ("models.registry.place", "os.system"),
        ("models.registry.place", "Local"),  # ours, but no dataclass
        ("models.recipe", "load"),
        ("models.trained", "np"),
        ("models.nowhere", "Distance"),
        ("models.features.normalise", "dataclass"),
        ("models..trained", "Trained"),
        ("models", "trained"),
        ("modelsx.trained", "Trained"),
        ("models.trained", "Bank"),  # a dataclass, but not of that module
    ],
)
@pytest.mark.parametrize("loader", ["ObjectNode", "ConstructorFromReduceNode", "FunctionNode", "TypeNode"])
def test_a_name_that_only_looks_like_ours_is_refused(module: str, kind: str, loader: str) -> None:
    def change(schema: str) -> str:
        plain = json.loads(schema)
        plain["content"]["head"] |= {"__class__": kind, "__module__": module, "__loader__": loader}
        return json.dumps(plain)

    with pytest.raises(ModelRefusedError, match="there: names"):
        unpacked(rewritten(stored(OURS), change), "there")


def test_parts_in_each_others_place_are_refused() -> None:
    with pytest.raises(ModelRefusedError, match="Scaled cannot look"):
        unpacked(stored(SCALE), "there")
    with pytest.raises(ModelRefusedError, match="Distance cannot apply"):
        unpacked(stored(OURS, OURS), "there")


def test_a_file_that_unpacks_to_more_than_any_model_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", bytes(2**20))
        file.getinfo("schema.json").file_size = 600 * 2**20
    with pytest.raises(ModelRefusedError, match="629145600 unpacked"):
        unpacked(bomb.getvalue(), "there")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK nothing",
        packed(SCALE, OURS)[:200],
        packed(SCALE, OURS)[:-30],
        rewritten(stored(OURS), lambda schema: schema[:50]),
        rewritten(stored(OURS), lambda schema: "[" * 200_000 + schema),
        rewritten(stored(OURS), lambda schema: schema.replace("NdArrayNode", "SoulNode")),
        rewritten(stored(OURS), lambda schema: schema.replace(".npy", ".gone")),
        rewritten(stored(OURS), lambda schema: schema.replace("normaliser", "other")),
        skops.io.dumps([1, 2]),
    ],
)
def test_a_damaged_file_is_told_of(content: bytes) -> None:
    with pytest.raises(ModelDamagedError, match="there: not a"):
        unpacked(content, "there")


def test_an_array_that_claims_to_be_huge_is_told_of() -> None:
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f8", "fortran_order": False, "shape": (2**58,)})
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored(OURS))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, huge.getvalue() if name.endswith(".npy") else old.read(name))
    with pytest.raises(ModelDamagedError, match="there: not a model's numbers"):
        unpacked(out.getvalue(), "there")
