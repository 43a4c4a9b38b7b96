"""`objectlens tune`: what MemorySize and concurrency do to a function's latency and cost, measured on real keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from rich.console import Console

from objectlens.cli.clients import clients_at, reach, refusal
from objectlens.cli.cost_options import book_option, chosen, endpoint_option
from objectlens.cli.interrupts import Interrupts
from objectlens.cli.ledger import read_rows
from objectlens.cli.options import config_option, data_option, json_option, print_json
from objectlens.cli.tuning_keys import keys_of
from objectlens.cli.tuning_plot import check_plot, save_plot
from objectlens.cli.tuning_runs import Reader, Run, measure
from objectlens.cli.tuning_screen import Bar, screen
from objectlens.cli.tuning_stage import Stage, find_point
from objectlens.cli.tuning_sums import Tuned, choose, tuned_value, wait_for_sums

_MEMORY = (256, 512, 1024, 1769)
_EPILOG = """\b
Examples:
  objectlens tune image-normalizer --keys images/astronaut.jpg,images/rocket.jpg
  objectlens tune image-normalizer --keys 'images/*' --memory 128,256,512,1024 --concurrency 1,2,4
  objectlens tune image-normalizer --keys @keys.txt --rounds 5 --plot tuned.svg --json

A temporary version of the function is published for each MemorySize, and a temporary Object Lambda access point put in
front of it; the function's own MemorySize is set back before anything is measured, and what is temporary is deleted at
the end, also after Ctrl-C. Each key is read --rounds times at each concurrency, after unmeasured reads that start the
environments. Billed milliseconds, CPU time and memory are those of the ledger; callers need ce:GetCostAndUsage.
"""


def _numbers(least: int, most: int) -> Callable[[click.Context, click.Parameter, str], list[int]]:
    def parse(_ctx: click.Context, _option: click.Parameter, text: str) -> list[int]:
        try:
            found = sorted({int(one) for one in text.split(",")})
        except ValueError:
            found = []
        if not found or found[0] < least or found[-1] > most:
            raise click.BadParameter(f"{text!r} are no numbers from {least} to {most:,}, such as {least},{2 * least}")
        return found

    return parse


@click.command("tune", epilog=_EPILOG)
@click.argument("function")
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--keys",
    multiple=True,
    required=True,
    metavar="KEY,...",
    help="Keys to read: some with commas between, PREFIX* for up to 50 of a prefix, @FILE with one on each line.",
)
@click.option(
    "--access-point", metavar="NAME", help="The Object Lambda access point.  [default: the function's only one]"
)
@click.option(
    "--memory", "sizes", callback=_numbers(128, 10_240), default="256,512,1024,1769", show_default=True, help="MB."
)
@click.option("--concurrency", callback=_numbers(1, 64), default="1", show_default=True, help="Reads at the same time.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Reads of each key.")
@book_option
@data_option
@config_option
@endpoint_option
@json_option
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw cost against latency: .svg or .png."
)
def command(
    *,
    function: str,
    more: tuple[str, ...],
    keys: tuple[str, ...],
    access_point: str | None,
    sizes: list[int],
    concurrency: list[int],
    rounds: int,
    books: tuple[str, ...],
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Measure FUNCTION with several sizes of memory and at several concurrencies, on real keys."""
    library, _ = chosen(books, None)
    if plot is not None:
        check_plot(plot)
    reader = Reader(*reach(data, config, endpoint))
    clients = clients_at(reader.url, reader.session, reader.region)
    label, began = f"tune-{secrets.token_hex(4)}", datetime.now(UTC)
    try:
        point = find_point(clients, function, access_point)
        wanted = keys_of(clients, point.supporting, (*keys, *more))
        with Interrupts("Stopping: the function is set back, and what is temporary is deleted.") as interrupts:
            stage = Stage(clients, point, label, interrupts)
            runs = _measured(reader, stage, sizes, concurrency, wanted * rounds)
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise click.ClickException(refusal(error, reader.url)) from error
    rows = wait_for_sums(lambda selection: read_rows(data, config, endpoint, selection), runs, began)
    tuned = [Tuned.of(run, rows.get(run.job), library.book) for run in runs]
    if as_json:
        print_json(tuned_value(point, wanted, tuned, library.book))
    else:
        console = Console()
        console.print(screen(point, tuned, choose(tuned), library.book.currency, console.width))
    if plot is not None:
        save_plot(plot, point.function, tuned, library.book.currency)


def _measured(
    reader: Reader, stage: Stage, sizes: Sequence[int], concurrency: Sequence[int], keys: Sequence[str]
) -> list[Run]:
    runs = []
    with Bar(len(sizes) * len(concurrency) * len(keys)) as bar, stage.set(sizes) as places:
        for size, place in places.items():
            for at_once in concurrency:
                bar.begin(f"{size} MB, {at_once} at once")
                run = measure(
                    reader, place, stage.label, memory=size, concurrency=at_once, keys=keys, advance=bar.advance
                )
                runs.append(run)
    return runs
