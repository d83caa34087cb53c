"""Commands about models: train, score, evaluate, models; imports no room until it must."""

import json
from pathlib import Path

import click

from tocsin.commands.data_option import TakesData
from tocsin.commands.explained import explained
from tocsin.options import AS_JSON, PROBLEM, USAGE, stop

DATA = click.option(
    "--data",
    required=True,
    multiple=True,
    help="A CSV or Parquet file, plain or packed, or a glob; may be given again.",
)
LABEL = click.option("--label", default="", help="The column that says what was so; else the recipe's.")


def _warn(notes: tuple[str, ...]) -> None:
    for note in notes:
        click.echo(f"warning: {note}", err=True)


@click.command(cls=TakesData)
@click.argument("recipe")
@DATA
@click.option("--name", required=True, help="What the model is called; each training is its next version.")
@LABEL
@click.option("--ignore", multiple=True, help="A column, or a glob, that is no channel; may be given again.")
@click.option("--time", "time_column", default="", help="The column that holds the time, if not the recipe's.")
@click.option("--group", multiple=True, help="A column whose equal values belong together, instead of the recipe's.")
@click.option("--seed", type=int, default=None, help="Where chance starts from, instead of the recipe's.")
@click.option("--search", "trials", type=click.IntRange(min=1), default=None, help="Tune by so many trials in all.")
@click.option("--validate", is_flag=True, help="Judge by rows held out in turn; takes a training for each of 5 parts.")
@click.option("--save-recipe", type=click.Path(path_type=Path, dir_okay=False), help="Write the recipe used to a file.")
@click.option("--owner", default="", help="Whose model it is.")
@AS_JSON
def train(
    *,
    recipe: str,
    data: tuple[str, ...],
    name: str,
    label: str,
    ignore: tuple[str, ...],
    time_column: str,
    group: tuple[str, ...],
    seed: int | None,
    trials: int | None,
    validate: bool,
    save_recipe: Path | None,
    owner: str,
    as_json: bool,
) -> None:
    """Fit a model by a RECIPE, a file or one that is shipped (skab, cmapss ...), and store it.

    Every column that the recipe does not name as time, group or label is a channel. Files are stretches of their own
    where no column groups rows. Models are stored in the folder or URL that TOCSIN_REGISTRY names, else where
    ./tocsin.toml says, else in ./data/models. A search that was broken off goes on with the same command.

    \b
    Example: tocsin train skab --data may.csv --name pump
             tocsin train pump.toml --data 'runs/*.csv' --name pump --label fault --search 50
    """  # noqa: D301 -- click reads the mark
    from models.fitting.trial import Trial  # noqa: PLC0415
    from models.recipe_text import text  # noqa: PLC0415
    from tocsin.commands import model_tables  # noqa: PLC0415
    from tocsin.commands.progress import Progress  # noqa: PLC0415
    from tocsin.modelling.place import registry  # noqa: PLC0415
    from tocsin.modelling.recipes import recipe_of  # noqa: PLC0415
    from tocsin.modelling.sheets import sheets  # noqa: PLC0415
    from tocsin.modelling.training import Wish, make  # noqa: PLC0415

    progress = Progress("search")

    def told(one: Trial) -> None:
        progress.say(one.number, one.of, model_tables.trial(one))

    def said(words: str) -> None:
        click.echo(words, err=True)

    if not name:
        stop("--name is empty: say what the model is called", USAGE)
    with explained():
        plan = recipe_of(recipe, label=label, ignore=ignore, time=time_column, group=group, seed=seed)
        wish = Wish(
            recipe=plan,
            name=name,
            label=label,
            called=recipe,
            owner=owner,
            trials=trials or 0,
            validate=validate,
            told=told,
            said=said,
        )
        made = make(wish, sheets(list(data), plan.columns), registry())
        if save_recipe is not None:
            save_recipe.write_text(text(made.model.recipe), encoding="utf-8")
    _warn(made.model.warnings)
    click.echo(json.dumps(model_tables.as_plain(made)) if as_json else model_tables.trained(made))


@click.command(cls=TakesData)
@click.argument("name")
@DATA
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .csv or .parquet file.")
@AS_JSON
def score(*, name: str, data: tuple[str, ...], out: Path, as_json: bool) -> None:
    """Score rows with the champion NAME, with NAME@VERSION or NAME@ALIAS, as they would have been scored live.

    For task online a recipe may stand for NAME, since it needs no training. Results are written to --out: a row a
    row, or a row a unit under test.

    \b
    Example: tocsin score pump --data june.csv --out scores.csv
             tocsin score pump@2 --data 'june/*.csv.xz' --out scores.parquet
    """  # noqa: D301 -- click reads the mark
    from tocsin.commands.result_file import check, write  # noqa: PLC0415
    from tocsin.modelling.place import found, registry  # noqa: PLC0415
    from tocsin.modelling.scoring import scored  # noqa: PLC0415

    problem = check(out)
    if problem:
        stop(problem, USAGE)
    with explained():
        called, rows = scored(found(name, registry()), list(data))
        write(called, out)
    _warn(rows.warnings)
    rang = int(called["alarm"].sum()) if "alarm" in called else None
    if as_json:
        click.echo(json.dumps({"rows": len(called), "alarm_rows": rang, "out": str(out), "warnings": rows.warnings}))
    else:
        click.echo(f"{out}: {len(called)} rows" + ("" if rang is None else f", {rang} of them in alarm"))


@click.command(cls=TakesData)
@click.argument("name")
@DATA
@LABEL
@AS_JSON
def evaluate(*, name: str, data: tuple[str, ...], label: str, as_json: bool) -> None:
    """Hold a model's calls against labelled rows, and against what trivial callers reach on them.

    Figures of few failures are given with their 95 % interval. NAME is as for score.

    Example: tocsin evaluate pump --data june.csv --label fault
    """
    from tocsin.commands import model_tables  # noqa: PLC0415
    from tocsin.modelling.place import found, registry  # noqa: PLC0415
    from tocsin.modelling.scoring import judged  # noqa: PLC0415

    with explained():
        model = found(name, registry())
        result, rows = judged(model, list(data), label=label)
    _warn(rows.warnings)
    if as_json:
        click.echo(json.dumps(model_tables.plain(result)))
    else:
        click.echo(
            f"{model.title} on {result.rows} labelled {model_tables.counted(result)}\n{model_tables.figures(result)}"
        )


@click.group()
def models() -> None:
    """Look at stored models and compare them.

    Example: tocsin models list
    """


@models.command("list")
@AS_JSON
def list_models(*, as_json: bool) -> None:
    """List stored models, their newest version and where their aliases point; a damaged one hides no other.

    Example: tocsin models list
    """
    from models.registry.errors import RegistryError  # noqa: PLC0415
    from tocsin.commands import model_tables  # noqa: PLC0415
    from tocsin.modelling.place import registry  # noqa: PLC0415

    found, troubles = [], list[str]()
    with explained():
        where = registry()
        for name in where.names():
            try:
                found.append((where.entry(name, where.versions(name)[-1]), where.aliases(name)))
            except RegistryError as error:
                troubles.append(str(error))
    if as_json:
        click.echo(json.dumps([model_tables.plain_entry(entry, aliases) for entry, aliases in found]))
    elif found or not troubles:
        click.echo(model_tables.listed(found) if found else f"no model in {where.url}; tocsin train makes one")
    if troubles:
        stop("\n".join(troubles), PROBLEM)


@models.command()
@click.argument("name")
@AS_JSON
def show(*, name: str, as_json: bool) -> None:
    """Show what a model was trained on, how well it did, and its recipe.

    Example: tocsin models show pump
    """
    import msgspec  # noqa: PLC0415

    from models.registry.folder import CHAMPION  # noqa: PLC0415
    from tocsin.commands import model_tables  # noqa: PLC0415
    from tocsin.modelling.place import registry  # noqa: PLC0415

    with explained():
        where, (plain, _, version) = registry(), name.partition("@")
        entry, aliases = where.entry(plain, version or CHAMPION), where.aliases(plain)
        history = where.history(plain)
    if as_json:
        click.echo(msgspec.json.encode(entry.manifest).decode())
    else:
        click.echo(model_tables.shown(entry, aliases, history), nl=False)


@models.command(cls=TakesData)
@click.argument("names", nargs=-1, required=True)
@DATA
@LABEL
@AS_JSON
def compare(*, names: tuple[str, ...], data: tuple[str, ...], label: str, as_json: bool) -> None:
    """Compare models on the same labelled rows; the best of each figure bears a star.

    \b
    Example: tocsin models compare pump@1 pump@2 --data june.csv --label fault
    """  # noqa: D301 -- click reads the mark
    from tocsin.commands import model_tables  # noqa: PLC0415
    from tocsin.modelling.place import found, registry  # noqa: PLC0415
    from tocsin.modelling.scoring import compared, titled  # noqa: PLC0415

    with explained():
        where = registry()
        result = compared(titled([found(name, where) for name in names]), list(data), label=label)
    if as_json:
        click.echo(json.dumps({name: model_tables.plain(each) for name, each in result.items()}))
    else:
        click.echo(model_tables.comparison(result))


@models.command()
@AS_JSON
def kinds(*, as_json: bool) -> None:
    """List what a recipe may name by kind: normalisers, features, estimators, with their keys and defaults.

    Example: tocsin models kinds
    """
    import msgspec  # noqa: PLC0415

    from models.kinds import kinds as every  # noqa: PLC0415
    from tocsin.commands import model_tables  # noqa: PLC0415

    click.echo(msgspec.json.encode(every()).decode() if as_json else model_tables.kinds(every()))
