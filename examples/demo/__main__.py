"""The demo: photographs in a bucket, seen through a Lambda handler that was written for AWS.

`make demo` runs it. Every step is a command that a user would type; this program types them, shows what they say, and
then checks the results against the handler's own code in a plain Python.
"""

import os
import sys
from pathlib import Path

from check import compare
from rich.console import Console
from server import Server
from sheet import draw_sheet
from steps import Failed, Steps

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path("demo-output")


def main():
    """Run the demo; returns the exit code."""
    os.chdir(ROOT)
    console = Console(highlight=False, soft_wrap=True)
    server = Server(OUTPUT)
    kept = False
    steps = Steps(console, server.environ, total=11)
    try:
        run(steps, server)
        sheet = check(console)
        steps.run("See what it cost, and what it would have cost elsewhere", "objectlens cost report")
        kept = tell(console, server, sheet)
    except Failed as failure:
        console.print(f"\n[bold red]The demo failed:[/] {failure}")
        console.print(f"The server's log, {server.log}, ends with:\n{server.log_tail()}", markup=False)
        return 1
    finally:
        if not kept:
            server.stop()
    return 0


def run(steps, server):
    """Do the first ten steps."""
    steps.note(f"export OBJECTLENS_DATA={server.data} AWS_DEFAULT_REGION=us-west-2")
    steps.show("Start the server", server.command)
    server.start()
    steps.say(f"It listens at {server.endpoint}.")
    steps.run("Make a bucket", "objectlens exec -- aws s3 mb s3://raw-images")
    steps.run(
        "Upload the photographs",
        "objectlens exec -- aws s3 cp --recursive --no-progress --exclude '*.md' "
        "examples/photographs s3://raw-images/images/",
    )
    steps.run(
        "Make an access point on the bucket",
        "objectlens exec -- aws s3control create-access-point --account-id 123456789012 "
        "--name raw-images --bucket raw-images",
    )
    steps.run(
        "Zip the handler: plain requests, OpenCV and boto3",
        f"python -m zipfile -c {OUTPUT}/image-normalizer.zip examples/functions/image-normalizer/lambda_function.py",
    )
    steps.run(
        "Make the function",
        "objectlens exec -- aws lambda create-function --function-name image-normalizer "
        # The server's own Python has what the handler imports.
        f"--runtime python3.{sys.version_info.minor} --handler lambda_function.lambda_handler "
        "--timeout 60 --memory-size 512 "
        "--role arn:aws:iam::123456789012:role/image-normalizer "
        f"--zip-file fileb://{OUTPUT}/image-normalizer.zip --query '[FunctionArn, State]'",
    )
    steps.run(
        "Make an Object Lambda access point on both",
        "objectlens exec -- aws s3control create-access-point-for-object-lambda --account-id 123456789012 "
        "--name image-normalizer --configuration file://examples/demo/image-normalizer.json",
    )
    steps.run("Get a photograph through it", get("test.png"))
    steps.run("Get all the others", *(get(name) for name in photographs() if name != "test.png"), quiet=True)
    steps.run("Read the function's log", "objectlens logs image-normalizer", last=6)


def photographs():
    """Return the names of the photographs."""
    return sorted(path.name for path in Path("examples/photographs").iterdir() if path.suffix in {".jpg", ".png"})


def result(name):
    """Return where the result for a photograph goes."""
    return OUTPUT / "normalized" / f"{Path(name).stem}.jpg"


def get(name):
    """Return the command that gets a photograph through the Object Lambda access point."""
    return (
        "objectlens exec -- aws s3api get-object "
        "--bucket arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/image-normalizer "
        f"--key images/{name} {result(name)}"
    )


def check(console):
    """Compare every result with the handler's own code and draw the contact sheet; returns its path."""
    pairs = [(Path("examples/photographs") / name, result(name)) for name in photographs()]
    different = compare(pairs, OUTPUT / "plain")
    if different:
        raise Failed(f"these results differ from what the handler's code makes in a plain Python: {different}")
    console.print(
        f"\n[bold green]All {len(pairs)} results are, byte for byte, what the handler's own code makes of the "
        "photographs in a plain Python.[/]"
    )
    return draw_sheet(pairs, OUTPUT / "contact-sheet.jpg")


def tell(console, server, sheet):
    """Say where everything is; returns whether the server stays."""
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    console.print(f"\nOriginals above, results below: [bold]{sheet.resolve()}[/]")
    if keep:
        console.print(
            f"\nThe server runs on as process {server.process.pid}. To use it, in {ROOT}:\n"
            f"  export PATH={Path(sys.executable).parent}:$PATH OBJECTLENS_DATA={server.data} "
            f"AWS_DEFAULT_REGION=us-west-2\n"
            f"  {get('astronaut.jpg')}\n"
            f"  objectlens logs image-normalizer --follow\n"
            f"  objectlens cost article\n"
            f"To end it: kill {server.process.pid}",
            markup=False,
        )
    else:
        console.print("To keep the server running and type commands yourself: [bold]make demo KEEP=1[/]")
    return keep


if __name__ == "__main__":
    sys.exit(main())
