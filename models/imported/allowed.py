"""Which estimators of other libraries a recipe may name; only what is on the list is imported."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from models.contract import F64, Task
from models.recipe import RecipeError

VARIABLE = "TOCSIN_ALLOW"  # further paths, separated by commas: of estimators, and of types that their files name
ALLOWED: Mapping[Task, tuple[str, ...]] = {
    Task.ANOMALY: (
        "sklearn.covariance.EllipticEnvelope",
        "sklearn.decomposition.FactorAnalysis",
        "sklearn.decomposition.PCA",
        "sklearn.ensemble.IsolationForest",
        "sklearn.linear_model.SGDOneClassSVM",
        "sklearn.mixture.BayesianGaussianMixture",
        "sklearn.mixture.GaussianMixture",
        "sklearn.neighbors.KernelDensity",
        "sklearn.neighbors.LocalOutlierFactor",
        "sklearn.svm.OneClassSVM",
    ),
    Task.LIFE: (
        "lightgbm.LGBMRegressor",
        "sklearn.ensemble.ExtraTreesRegressor",
        "sklearn.ensemble.GradientBoostingRegressor",
        "sklearn.ensemble.HistGradientBoostingRegressor",
        "sklearn.ensemble.RandomForestRegressor",
        "sklearn.linear_model.BayesianRidge",
        "sklearn.linear_model.ElasticNet",
        "sklearn.linear_model.HuberRegressor",
        "sklearn.linear_model.Lasso",
        "sklearn.linear_model.LinearRegression",
        "sklearn.linear_model.Ridge",
        "sklearn.linear_model.RidgeCV",
        "sklearn.neighbors.KNeighborsRegressor",
        "sklearn.neural_network.MLPRegressor",
        "sklearn.svm.SVR",
        "sklearn.tree.DecisionTreeRegressor",
    ),
    Task.OUTCOME: (
        "lightgbm.LGBMClassifier",
        "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
        "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
        "sklearn.ensemble.ExtraTreesClassifier",
        "sklearn.ensemble.GradientBoostingClassifier",
        "sklearn.ensemble.HistGradientBoostingClassifier",
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.linear_model.LogisticRegression",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.neighbors.KNeighborsClassifier",
        "sklearn.neural_network.MLPClassifier",
        "sklearn.tree.DecisionTreeClassifier",
    ),
}


class Library(Protocol):
    """What scikit-learn calls an estimator; which of its further verbs are asked for depends on the task."""

    def fit(self, x: F64, y: F64 | None = None, /) -> object:
        """Learn from n x f rows, and n labels where the task has them."""

    def get_params(self, *, deep: bool = True) -> Mapping[str, object]:
        """Its hyper-parameters."""


def further(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Paths that the person who runs this allows beside the list."""
    return tuple(path for path in map(str.strip, environ.get(VARIABLE, "").split(",")) if path)


def made(path: str, task: Task, params: Mapping[str, object], *, seed: int) -> Library:
    """A new estimator: seeded, quiet and on one core, unless its parameters say otherwise. Raises RecipeError."""
    kind = _imported(path, task)
    usual: dict[str, object] = {"random_state": seed, "novelty": True}
    try:
        known = kind().get_params(deep=False)
        chosen = {key: value for key, value in usual.items() if key in known}
        quiet: dict[str, object] = {"verbose": -1, "n_jobs": 1} if path.startswith("lightgbm.") else {}
        return cast("Library", kind(**{**chosen, **quiet, **params}))
    except (TypeError, AttributeError) as error:
        msg = f"estimator: {path}: {error}"
        raise RecipeError(msg) from error


def _imported(path: str, task: Task) -> type:
    known = ALLOWED.get(task, ())
    if path not in known and path not in further():
        msg = (
            f"estimator.path: {path!r} is not on the list for task {task.value!r}: {', '.join(known)};"
            f" the variable {VARIABLE} adds to it"
        )
        raise RecipeError(msg)
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        msg = f"estimator.path: there is no {path!r}: {error}"
        raise RecipeError(msg) from error
    if not isinstance(found, type):
        msg = f"estimator.path: {path!r} is no class"
        raise RecipeError(msg)
    return found
