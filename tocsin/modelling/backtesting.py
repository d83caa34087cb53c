"""A backtest put together: which model, where the rows come from, where the scores go."""

from pathlib import Path

from models.reading.errors import ReadingError
from models.recipe import RecipeError
from models.registry.errors import RegistryError
from store.archive.errors import ArchiveError
from store.archive.place import place
from tocsin.commands.progress import Progress
from tocsin.modelling.backtest import BacktestError, Report, Wish, backtest
from tocsin.modelling.place import ModelError, found, registry
from tocsin.options import USAGE
from tocsin.places import models_url
from tocsin.reaching.catalogue import accessed
from tocsin.reaching.export import EVER_NS, WrongWordsError, moment_ns
from tocsin.reaching.past import ArchivePast
from tocsin.reaching.reach import ReachError, configured
from wire.messages import NS_PER_S


class TroubleError(Exception):
    """Nothing came of it; the message says why. `usage`: the words were wrong."""

    def __init__(self, message: str, *, usage: bool = False) -> None:
        """Say why."""
        super().__init__(message)
        self.usage = usage


def run(
    config: Path, model: str, *, start: str, end: str, devices: str, archive: str, lead_s: float, dry: bool
) -> Report:
    """Backtest a model by name. Raises TroubleError."""
    try:
        wish = Wish(
            devices=devices,
            start_ns=moment_ns(start, "--from") if start else 0,
            end_ns=moment_ns(end, "--to") if end else EVER_NS,
            lead_ns=int(lead_s * NS_PER_S),
            dry=dry,
        )
        loaded = configured(config)
        chosen = found(model, registry(models_url(loaded)))
        progress = Progress("backtest")
        with accessed(loaded, writes=not dry) as access:
            past = ArchivePast(place(archive), access, edge=loaded.config.edge.name) if archive else access
            return backtest(chosen, past, access, loaded.config, wish, told=progress.say)
    except WrongWordsError as error:
        raise TroubleError(str(error), usage=True) from error
    except ReachError as error:
        raise TroubleError(str(error), usage=error.code == USAGE) from error
    except (BacktestError, ModelError, RegistryError, RecipeError, ReadingError, ArchiveError) as error:
        raise TroubleError(str(error)) from error
