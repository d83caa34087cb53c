"""The commands that are a machine or a test bench; imports no room until it must."""

import json

import click

from tocsin.options import AS_JSON, USAGE, Duration, stop


def _faults(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:  # noqa: FBT001 -- click's own order
    if asked:
        from tocsin.playing.machine import faults  # noqa: PLC0415

        click.echo(faults())
        ctx.exit()


FAULTS = click.option(
    "--faults", is_flag=True, is_eager=True, expose_value=False, callback=_faults, help="List the faults."
)
FOR = click.option("--for", "for_s", type=Duration(), default=None, help="End after this long.")


class _Kinds(click.Group):
    """Says which machines there are where another is asked for."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The machine that is meant."""
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"{args[0]!r} is not one of {', '.join(map(repr, self.list_commands(ctx)))}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Kinds)
@FAULTS
def simulate() -> None:
    """Be a machine or a test bench: speak on a serial line, over MQTT or to stdout.

    A broker that wants a login is given MQTT_USERNAME and MQTT_PASSWORD of the environment.

    \b
    Example: tocsin simulate pump --to serial:/tmp/pump --every 100ms --fault bearing-wear
             tocsin simulate bench --to mqtt://127.0.0.1:1883 --speed 60 --obey
    """  # noqa: D301 -- click reads the mark


def _machine(kind: str) -> None:
    @simulate.command(kind, help=f"Be a {kind}.\n\nExample: tocsin simulate {kind} --to serial:/tmp/{kind}")
    @click.option("--to", "target", default="stdout", show_default=True, help="stdout, serial:PATH or mqtt://HOST:PORT")
    @click.option("--every", "every_s", type=Duration(), default="1s", show_default=True, help="Time between rows.")
    @FOR
    @click.option("--fault", default="", help="A fault, e.g. bearing-wear; see --faults.")
    @click.option("--at", "at_s", type=Duration(), default="60s", show_default=True, help="When the fault begins.")
    @click.option("--ramp", "ramp_s", type=Duration(), default="60s", show_default=True, help="How long it grows.")
    @click.option("--device", default="", help="The device's name.")
    @click.option("--seed", default=1, show_default=True, help="Another seed, another machine.")
    @FAULTS
    def machine(
        *,
        target: str,
        every_s: float,
        for_s: float | None,
        fault: str,
        at_s: float,
        ramp_s: float,
        device: str,
        seed: int,
    ) -> None:
        from tocsin.playing.machine import SimulateError, speak  # noqa: PLC0415

        try:
            speak(
                kind,
                target=target,
                every_s=every_s,
                for_s=for_s,
                fault=fault,
                at_s=at_s,
                ramp_s=ramp_s,
                device=device,
                seed=seed,
            )
        except SimulateError as error:
            stop(str(error), USAGE)


for _kind in ("pump", "spindle"):
    _machine(_kind)


@simulate.command()
@click.option(
    "--to",
    "target",
    default="stdout",
    show_default=True,
    help="stdout, serial:PATH, mqtt://HOST:PORT or http://HOST:PORT",
)
@click.option("--speed", default=1.0, show_default=True, help="60: a minute in a second; 0: as fast as it is taken.")
@click.option("--stations", default=1, show_default=True, help="How many benches work side by side.")
@click.option("--runs", "count", type=click.IntRange(min=1), default=None, help="End after so many runs.")
@FOR
@click.option("--obey", is_flag=True, help="End a run as aborted where the advice says stop.")
@click.option("--disorder", default=0.0, show_default=True, help="Share of runs with each kind of irregularity.")
@click.option("--changes-at", type=click.IntRange(min=0), default=None, help="From this run on a new version.")
@click.option("--supplier-at", type=click.IntRange(min=0), default=None, help="From this run on other parts.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other units.")
@AS_JSON
def bench(
    *,
    target: str,
    speed: float,
    stations: int,
    count: int | None,
    for_s: float | None,
    obey: bool,
    disorder: float,
    changes_at: int | None,
    supplier_at: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Push units through a test of 40 steps, and say at the end which stops were right.

    About one unit in eight is bad: by a defect that shows early, by a station that drifts, or without a sign. The
    advice that comes back is printed; with --obey it is followed.

    \b
    Example: tocsin simulate bench --to mqtt://127.0.0.1:1883 --speed 60 --stations 3 --obey
    """  # noqa: D301 -- click reads the mark
    from tocsin.playing.benches import bench as play  # noqa: PLC0415
    from tocsin.playing.machine import SimulateError  # noqa: PLC0415

    try:
        figures = play(
            target=target,
            seed=seed,
            stations=stations,
            count=count,
            for_s=for_s,
            speed=speed,
            obey=obey,
            disorder=disorder,
            changes_at=changes_at,
            supplier_at=supplier_at,
            as_json=as_json,
        )
    except SimulateError as error:
        stop(str(error), USAGE)
    if as_json:
        click.echo(json.dumps(figures))
