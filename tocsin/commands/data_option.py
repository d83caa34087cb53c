"""`--data` of several values: `--data a.csv b.csv`, as a shell makes it of `--data *.csv`."""

import click

DATA = "--data"


class TakesData(click.Command):
    """A command whose words before `--data` are its own, and whose words after it, up to the next option, are data."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say `--data` anew before each of its values."""
        flags = {
            name for param in self.params if isinstance(param, click.Option) and param.is_flag for name in param.opts
        }
        return super().parse_args(ctx, spelt_out(args, flags))


def spelt_out(args: list[str], flags: set[str]) -> list[str]:
    """The same words with `--data` before each value; `flags` are options that take none.

    >>> spelt_out(["skab", "--data", "a", "b", "--name", "n"], set())
    ['skab', '--data', 'a', '--data', 'b', '--name', 'n']
    >>> spelt_out(["--data", "a", "skab"], set())
    ['--data', 'a', 'skab']
    """
    out: list[str] = []
    named, last, waits = False, "", False  # waits: the last option still wants its value
    for word in args:
        if word.startswith("-") and word != "-":
            last, waits = word, "=" not in word and word not in flags
        elif waits:
            waits = False
        elif last == DATA and named:
            out.append(DATA)
        else:
            named, last = True, ""
        out.append(word)
    return out
