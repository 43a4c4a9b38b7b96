"""`objectlens function build`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from objectlens.cli.building import MAX_DIRECT, Built, build, default_runtime
from objectlens.cli.options import json_option, print_json
from objectlens.cli.packing import NotPackable
from objectlens.cli.steps import StepFailed, ending_in_order

_EPILOG = """\b
Examples:
  objectlens function build image-normalizer
  objectlens function build image-normalizer --runtime python3.12 --output package.zip --json
  objectlens function build resize --runtime nodejs22.x --handler index.handler

\b
  objectlens exec -- aws lambda update-function-code --function-name image-normalizer \\
    --zip-file fileb://image-normalizer.zip

What requirements.txt (or the list of dependencies in pyproject.toml) and package.json ask for is installed by pip and
npm as they are configured on this machine, and kept in the user's cache for the next build. The same files give the
same package.
"""


@click.command("build", epilog=_EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="The zip to write.  [default: DIR.zip]"
)
@click.option("--runtime", help="What it is to run on, such as python3.12 or nodejs22.x.  [default: by what is in DIR]")
@click.option("--handler", help="Check that this handler's file is in the package.")
@click.option("--no-cache", is_flag=True, help="Install dependencies anew, though they were kept.")
@json_option
def command(
    *, folder: Path, output: Path | None, runtime: str | None, handler: str | None, no_cache: bool, as_json: bool
) -> None:
    """Make the deployment package of the Lambda function in DIR, with all that it depends on."""
    folder = folder.resolve()
    output = (output or Path(f"{folder.name}.zip")).resolve()
    built = made(folder, output, runtime=runtime or default_runtime(folder), handler=handler, keep=not no_cache)
    if as_json:
        print_json(facts(built))
        return
    click.echo(
        f"{output}: {built.files} files, {built.package.code_size:,} bytes ({built.unzipped:,} unzipped), for "
        f"{built.runtime}{', dependencies from the cache' if built.cached else ''}"
    )
    click.echo(f"CodeSha256 {built.package.code_sha256}")
    if not built.direct:
        click.echo(
            f"The Lambda API takes {MAX_DIRECT:,} bytes in a request: upload this package to a bucket (aws s3 cp) "
            "and name it with --code S3Bucket=BUCKET,S3Key=KEY, or deploy with --code-bucket"
        )


def made(folder: Path, output: Path, *, runtime: str, handler: str | None, keep: bool = True) -> Built:
    """Build with the steps shown while they last; ends the command when it cannot be done."""
    progress = Console(stderr=True)
    try:
        with ending_in_order(), progress.status(f"packing {escape(folder.name)}") as status:
            built = build(
                folder,
                output,
                runtime=runtime,
                handler=handler,
                say=lambda line: status.update(escape(line[:200])),
                keep=keep,
            )
    except (NotPackable, StepFailed) as error:
        raise click.ClickException(f"{folder} cannot be built: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be built: {error.filename or output}: {error.strerror}") from error
    if built.note:
        progress.print(f"[yellow]Note:[/] {escape(built.note)}", highlight=False, soft_wrap=True)
    return built


def facts(built: Built) -> dict[str, object]:
    """Return what scripts want to know of a package."""
    return {
        "package": str(built.path),
        "runtime": built.runtime,
        "code_sha256": built.package.code_sha256,
        "code_size": built.package.code_size,
        "unzipped_size": built.unzipped,
        "files": built.files,
        "cached": built.cached,
        "direct_upload": built.direct,
    }


def pair(text: str) -> tuple[str, str]:
    """Return NAME=VALUE in its two parts."""
    name, parted, value = text.partition("=")
    if not parted or not name:
        raise click.ClickException(f"{text!r} is not NAME=VALUE")
    return name, value
