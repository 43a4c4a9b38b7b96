"""`objectlens transform`: pipelines as data, checked, explained and tried on a local file, without a server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from objectlens.cli import pictures
from objectlens.cli.options import json_option, print_json
from objectlens.cli.writing import check_output, write_whole
from objectlens.transforms import (
    Arguments,
    Program,
    Resources,
    Result,
    TransformError,
    compile_pipeline,
    pipeline_schema,
)
from objectlens.transforms import payload as payloads
from objectlens.transforms.registry import FAMILIES, find
from objectlens.transforms.terms import Terms

_CHECK_EPILOG = """\b
Examples:
  objectlens transform check examples/pipelines/image-normalizer.json
  echo '{"pipeline": ["decode", {"resize": {"width": 64}}, "encode"]}' | objectlens transform check -
"""
_RUN_EPILOG = """\b
Examples:
  objectlens transform run pipeline.json photograph.jpg
  objectlens transform run pipeline.json photograph.jpg -o small.jpg --arg size=64
  objectlens transform run pipeline.json photograph.jpg --picture before-and-after.png
  curl -s https://example.org/photograph.jpg | objectlens transform run pipeline.json - -o - > small.jpg
"""
_EXPLAIN_EPILOG = """\b
Examples:
  objectlens transform explain pipeline.json
  objectlens transform explain pipeline.json --arg size=64 --json
"""
_SCHEMA_EPILOG = """\b
Examples:
  objectlens transform schema > pipeline.schema.json
  objectlens transform schema --family image
"""
_EPILOG = """\b
Examples:
  objectlens transform check pipeline.json
  objectlens transform run pipeline.json photograph.jpg -o small.jpg
"""
_SHOWN_TEXT = 2000
# The standard input, or output.
_DASH = Path("-")

_file = click.argument("file", metavar="FILE|-", type=click.File("r", encoding="utf-8"))
_arguments = click.option(
    "--arg", "given", metavar="NAME=VALUE", multiple=True, help="An argument as a request would give it; repeatable."
)


def _files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which files steps may read besides the object, as `resources`."""
    folder = click.option(
        "--resources",
        "folder",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False),
        help="The folder of tokenizers and models; of a server it is transforms.resources.",
    )
    pickles = click.option("--trust-pickles", is_flag=True, help="Load .joblib files, which runs the code in them.")
    types = click.option(
        "--trusted-type", "trusted_types", metavar="TYPE", multiple=True, help="What .skops files may hold; repeatable."
    )

    @wraps(command)
    def given(*, folder: str | None, trust_pickles: bool, trusted_types: tuple[str, ...], **others: Any) -> None:
        terms = Terms(folder=folder, trust_pickles=trust_pickles, trusted_types=trusted_types)
        command(resources=terms.resources(), **others)

    return folder(pickles(types(given)))


@click.group("transform", epilog=_EPILOG)
def command() -> None:
    """Check, try and explain pipelines of native transforms."""


@command.command("check", epilog=_CHECK_EPILOG)
@_file
@_files
@json_option
def check(file: Any, resources: Resources, as_json: bool) -> None:
    """Say whether a pipeline is valid, or what is wrong with it and where."""
    try:
        program = _compiled(file, resources)
    except click.ClickException as error:
        if not as_json:
            raise
        print_json({"valid": False, "error": error.message})
        sys.exit(error.exit_code)
    if as_json:
        print_json({"valid": True, "steps": [str(one) for one in program.defaults.declared], "digest": program.digest})
        return
    parameters = ", ".join(program.payload.parameters.declared) or "none"
    click.echo(f"{file.name}: valid; {len(program.steps)} steps, parameters: {parameters}")


@command.command("run", epilog=_RUN_EPILOG)
@_file
@click.argument(
    "object_", metavar="OBJECT|-", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("-o", "--output", type=click.Path(allow_dash=True, path_type=Path), help="Where to write what comes out.")
@click.option("--picture", type=click.Path(path_type=Path), help="A PNG to write: before and after, side by side.")
@_arguments
@_files
@json_option
def run(
    *,
    file: Any,
    object_: Path,
    output: Path | None,
    picture: Path | None,
    given: tuple[str, ...],
    resources: Resources,
    as_json: bool,
) -> None:
    """Run a pipeline on a local file and show what came out."""
    if file.name in ("-", "<stdin>") and object_ == _DASH:
        raise click.ClickException("FILE and OBJECT cannot both come from the standard input: name one of them")
    if output == _DASH and as_json:
        raise click.ClickException("--json and the result cannot both go to the standard output: name a file")
    sources = [one for one in (object_, Path(file.name)) if one.exists()]
    if output is not None and output != _DASH:
        check_output(output, "--output", sources)
    if picture is not None:
        check_output(picture, "--picture", sources)
        if output is not None and output.absolute() == picture.absolute():
            raise click.ClickException(f"--output and --picture both name {output}: name two files")
    program = _compiled(file, resources)
    try:
        data = _read(object_, program)
        began = time.perf_counter()
        result = program.run(data, _checked(program, given), key=object_.name)
        body = bytes(result)
    except TransformError as error:
        raise click.ClickException(f"{object_}: {error}") from error
    seconds = time.perf_counter() - began
    # Both are made before either is written.
    drawn = None if picture is None else _side_by_side(data, body)
    if output == _DASH:
        sys.stdout.buffer.write(body)
    elif output is not None:
        write_whole(output, body)
    if picture is not None and drawn is not None:
        write_whole(picture, drawn)
    if as_json:
        print_json(_facts(result, body, data, seconds))
    elif output != _DASH:
        _show(Console(), result, data, body, seconds=seconds)
        _say_where(output, picture)


@command.command("explain", epilog=_EXPLAIN_EPILOG)
@_file
@_arguments
@_files
@json_option
def explain(file: Any, given: tuple[str, ...], resources: Resources, as_json: bool) -> None:
    """Print the steps as declared, the plan that is run, and what the planner did."""
    program = _compiled(file, resources)
    arguments = _checked(program, given)
    if not as_json:
        click.echo(program.explain(arguments))
        return
    plan = [
        {"step": str(one), "takes": sorted(one.takes), "gives": one.gives, "note": one.note} for one in arguments.plan
    ]
    declared = [str(one) for one in arguments.declared]
    print_json({"quality": program.context.quality, "declared": declared, "plan": plan})


@command.command("schema", epilog=_SCHEMA_EPILOG)
@click.option("--family", "families", type=click.Choice(tuple(FAMILIES)), multiple=True, help="Only these; repeatable.")
def schema(families: tuple[str, ...]) -> None:
    """Print the JSON schema of pipelines, for editors and validators."""
    try:
        print_json(pipeline_schema(families or FAMILIES))
    except TransformError as error:
        raise click.ClickException(f"{error}; or ask for the families that you have with --family") from error


def _compiled(file: Any, resources: Resources) -> Program:
    try:
        # Editors on Windows begin files with a mark.
        text = file.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name}: the pipeline is not UTF-8: {error}") from error
    try:
        return compile_pipeline(text, resources=resources)
    except TransformError as error:
        raise click.ClickException(f"{file.name}: {_placed(text) or error}") from error


def _placed(text: str) -> str | None:
    """Return the first wrong step with its number; None when what is wrong is not in one step."""
    try:
        said = payloads.parse(text)
    except TransformError:
        return None
    defaults = {name: one.default for name, one in said.parameters.declared.items()}
    for number, (name, arguments) in enumerate(said.steps, 1):
        if payloads.references(arguments) - set(defaults):
            return None
        try:
            find(name, said.family).bind(payloads.filled(arguments, defaults))
        except TransformError as error:
            return f"pipeline[{number - 1}] (step {number}, {name}): {error}"
    return None


def _checked(program: Program, given: tuple[str, ...]) -> Arguments:
    pairs: dict[str, str] = {}
    for name, value in map(_pair, given):
        if name in pairs:
            raise click.ClickException(f"--arg says {name} more than once")
        pairs[name] = value
    try:
        return program.arguments(pairs)
    except TransformError as error:
        raise click.ClickException(str(error)) from error


def _pair(text: str) -> tuple[str, str]:
    name, parted, value = text.partition("=")
    if not parted:
        raise click.ClickException(f"--arg {text!r} is not NAME=VALUE")
    return name, value


def _read(path: Path, program: Program) -> bytes:
    try:
        if path.is_file() and not program.streaming:
            # What is too long is not even read.
            size = path.stat().st_size
            program.context.limits.check("bytes", size, f"an object of {size:,} bytes")
        return sys.stdin.buffer.read() if path == _DASH else path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from error


def _facts(result: Result, body: bytes, data: bytes, seconds: float) -> Mapping[str, Any]:
    before, after = pictures.size(data), pictures.size(body)
    return {
        "bytes_in": len(data),
        "bytes_out": len(body),
        "content_type": result.content_type,
        "metadata": dict(result.metadata),
        "seconds": round(seconds, 6),
        "size_in": before,
        "size_out": after,
    }


def _show(console: Console, result: Result, data: bytes, body: bytes, *, seconds: float) -> None:
    facts = _facts(result, body, data, seconds)
    sizes = [f"{one[0]}x{one[1]}" if one else "" for one in (facts["size_in"], facts["size_out"])]
    console.print(f"in   {len(data):>12,} bytes  {sizes[0]}", highlight=False)
    console.print(
        f"out  {len(body):>12,} bytes  {sizes[1]}  {result.content_type or 'of unknown type'}  {seconds * 1e3:.1f} ms",
        highlight=False,
    )
    for name, value in result.metadata.items():
        console.print(f"     {name}: {value}", highlight=False, markup=False)
    if console.is_terminal and facts["size_in"] and facts["size_out"]:
        console.print(pictures.blocks((data, body), console.width))
    elif _is_text(result):
        text = body.decode("utf-8", "replace")
        rest = "" if len(text) <= _SHOWN_TEXT else f"\n... and {len(text) - _SHOWN_TEXT:,} characters more; see -o"
        console.print(text[:_SHOWN_TEXT] + rest, highlight=False, markup=False, soft_wrap=True)


def _is_text(result: Result) -> bool:
    kind = (result.content_type or "").partition(";")[0]
    return kind.startswith("text/") or kind.endswith(("json", "xml", "ndjson"))


def _say_where(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            click.echo(f"wrote {path}")


def _side_by_side(data: bytes, body: bytes) -> bytes:
    try:
        return pictures.side_by_side(data, body)
    except pictures.NotAPicture as error:
        raise click.ClickException(f"--picture: {error}") from error
