"""What `function dev` shows: in terminals of any size, and of functions that print any bytes."""

import io
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from objectlens.cli.dev_screen import State, log_text, request_line, screen
from objectlens.cli.developing import Answered, Deployed, Project
from objectlens.cli.publishing import Plan

ALIAS = "shout-dev-tsfcvdcqtvrufnrbnf7x5skktnquxtpk8z--ol-s3"
ARN = "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/shout-dev"
REPORT = "REPORT RequestId: 1\tDuration: 3.00 ms\tBilled Duration: 3 ms\tMemory Size: 512 MB\tMax Memory Used: 49 MB\t"


def picture():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, "PNG")
    return buffer.getvalue()


def shown(columns, lines, *, log=(REPORT,), pictures=(), color="truecolor"):
    plan = Plan(name="shout-dev", runtime="python3.11", handler="lambda_function.lambda_handler", memory=512)
    project = Project(Path("/src"), plan, clients=None, data=Path("/tmp/data"), bucket="source", name="shout-dev")
    project.alias, project.access_point = ALIAS, ARN
    state = State(
        deployed=Deployed(at=0, seconds=0.25, code_sha256="9uNkpFaqH513wNdOlJFfTQDVVUH3HApVPpuxgzJE79Y="),
        answered=Answered(key="a.png", status=200, seconds=0.01, size=5, log=tuple(log), pictures=tuple(pictures)),
    )
    console = Console(
        width=columns,
        height=lines,
        force_terminal=True,
        color_system=color,
        no_color=color is None,
        file=io.StringIO(),
        _environ={},
    )
    console.print(screen(project, state, "a.png", console))
    return console.file.getvalue()


@pytest.mark.parametrize(("columns", "lines"), [(160, 60), (80, 24), (60, 20), (40, 18), (30, 16)])
@pytest.mark.parametrize("pictures", [(), (picture(), picture())])
def test_the_request_its_log_and_the_keys_are_seen_in_any_terminal(columns, lines, pictures):
    text = shown(columns, lines, log=[f"line {number}" for number in range(1000)], pictures=pictures)
    assert text.count("\n") <= lines
    for part in ("deploy ", "request", "a.png", "line 999", "r again"):
        assert part in text, text


def test_a_small_terminal_shows_the_picture_before_the_lesser_facts():
    assert "\u2580" in shown(80, 24, pictures=(picture(),))
    assert ARN not in shown(80, 24, pictures=(picture(),))
    assert ARN in shown(80, 24)


def test_without_colours_no_picture_is_drawn():
    text = shown(80, 24, pictures=(picture(),), color=None)
    assert "\u2580" not in text
    assert "\x1b[3" not in text


def test_a_log_keeps_its_colours_and_moves_nothing():
    title, link = "\x1b]0;a title\x07", "\x1b]8;;http://x\x1b\\link"
    said = f"\x1b[31mred\x1b[0m \x1b[2J\x1b[Hhome {title}{link}\x1b7\x1b(B \x9b2J\x07\rend\ttab"
    text = log_text([said, "next"])
    assert text.plain == "red home link 2Jend\ttab\nnext"
    assert [text.plain[one.start : one.end] for one in text.spans if one.style] == ["red"]
    assert "\x1b[2J" not in shown(80, 24, log=[said])


def test_an_error_moves_nothing_either():
    line = request_line(Answered(key="a\x1b[2Jb", status=500, seconds=1, error="LambdaRuntimeError: \x1b]0;t\x07why"))
    assert line.plain == "ab  500  1000 ms  LambdaRuntimeError: why"
