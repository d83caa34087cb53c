"""Reading `tocsin.toml`: a config that is right, or everything that is wrong with it at once."""

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from wire.config import Config
from wire.lines import line_of, lines_of
from wire.problem import Problem, SettingsError
from wire.reading import read

__all__ = ["Check", "Loaded", "Problem", "SettingsError", "load", "parse"]

MAX_BYTES = 4_000_000
Check = Callable[[Config], Sequence[Problem]]
_START = 'run "tocsin init" to write one'


class Loaded(msgspec.Struct, frozen=True):
    """A config and the folder of its file, to which its relative paths are relative."""

    config: Config
    folder: Path

    def path(self, written: str) -> Path:
        """The absolute path of a path of the config; "~" is the home folder."""
        return (self.folder / Path(written).expanduser()).absolute()


def load(path: Path, *, checks: Sequence[Check] = ()) -> Loaded:
    """Read a config file; raises SettingsError with every problem, `checks` are asked when all else is right."""
    return parse(_text(path), name=str(path), folder=path.absolute().parent, checks=checks)


def parse(text: str, *, name: str, folder: Path, checks: Sequence[Check] = ()) -> Loaded:
    """Read the text of a config file that is called `name` and lies in `folder`."""
    config, problems = read(_table(text, name), Config)
    if config is not None:
        problems = [problem for check in checks for problem in check(config)]
    if config is None or problems:
        raise SettingsError(_placed(problems, name, text))
    return Loaded(config=config, folder=folder)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _whole(path, f"there is no such file: {_START}, or name another with --config") from None
    except IsADirectoryError:
        raise _whole(path, f'this is a folder: name the file in it, such as "{path / "tocsin.toml"}"') from None
    except OSError as error:
        raise _whole(path, f"cannot be read: {error.strerror or error}; check who may read it") from error
    if len(data) > MAX_BYTES:
        raise _whole(path, f"longer than {MAX_BYTES} bytes: this is no config file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _whole(path, f"byte {error.start + 1} is not UTF-8: save the file as UTF-8", line=line) from error


def _table(text: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _whole(name, "nested too deeply: this is no config file") from None
    except ValueError as error:  # TOMLDecodeError, and a number of more digits than Python reads
        line = re.search(r"at line (\d+)", str(error))
        at_end = len(text.splitlines())
        raise _whole(name, f"not TOML: {error}", line=int(line[1]) if line else at_end) from error


def _whole(name: Path | str, what: str, *, line: int = 0) -> SettingsError:
    return SettingsError([Problem(file=str(name), key="", what=what, line=line)])


def _placed(problems: Sequence[Problem], name: str, text: str) -> list[Problem]:
    lines = lines_of(text)
    placed = [msgspec.structs.replace(p, file=name, line=p.line or line_of(p.key, lines)) for p in problems]
    return sorted(placed, key=lambda problem: problem.line)
