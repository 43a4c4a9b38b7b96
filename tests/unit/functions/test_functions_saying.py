"""What the platform says in logs, as text and as JSON, and what runtimes are told of the format."""

import asyncio
import json

from objectlens.catalog.entities import LoggingConfig
from objectlens.cli.log_filters import place
from objectlens.functions.logs import LogLine, log_folder, read_log
from objectlens.testing.executors import make_function, make_zip

PYTHON = """
import json, logging, os
def handler(event, context):
    if event == "die": os._exit(3)
    if event == "sleep": import time; time.sleep(9)
    logging.getLogger().debug("quiet")
    logging.getLogger().warning("loud\\nand twice")
    if event == "raise": raise ValueError("no")
    return [os.environ.get("AWS_LAMBDA_LOG_FORMAT"), os.environ.get("AWS_LAMBDA_LOG_LEVEL"), context.log_group_name]
"""
NODE = """
export const handler = async (event) => {
  console.debug("quiet"); console.log("%s at", "two", { a: 1 }); console.warn({ a: [1] });
  console.error("e", new TypeError("t"));
  const round = {}; round.self = round; console.info(round);
  if (event === "raise") throw new RangeError("no");
  return 1;
};
"""
REQUEST = "0d7f2a9e-6b0e-4c1c-9a53-0a2f6f0c1f11"


def run(bench, folder, files, *events, **changes):
    """Return the outcomes of these events, and the log."""

    async def main():
        async with bench() as opened:
            function = make_function(opened.install(make_zip(files)), "f", **changes)
            outcomes = [await opened.invoke(function, event, request_id=REQUEST) for event in events]
            return outcomes, list(read_log(log_folder(folder, "f")))

    return asyncio.run(main())


def events(lines: list[LogLine], **wanted: object) -> list[dict]:
    """Return the JSON objects of a log that have these members."""
    found = [json.loads(line.message) for line in lines if line.message.startswith("{")]
    return [one for one in found if wanted.items() <= one.items()]


def test_a_python_function_with_a_log_in_json(bench, tmp_path):
    logging = LoggingConfig(format="JSON", application_level="WARN", system_level="DEBUG", group="/teams/a")
    [outcome], lines = run(bench, tmp_path, {"app.py": PYTHON}, "go", logging=logging)
    assert json.loads(outcome.payload) == ["JSON", "WARN", "/teams/a"]
    said = events(lines)
    assert len(said) == len(lines)
    assert [one.get("type", one.get("message")) for one in said] == [
        "platform.initStart",
        "platform.start",
        "loud\nand twice",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert (said[2]["level"], said[2]["requestId"]) == ("WARNING", REQUEST)
    assert said[1]["record"] == {"requestId": REQUEST, "version": "$LATEST"}
    assert said[0]["record"]["functionName"] == "f"
    report = said[-1]["record"]
    assert (report["requestId"], report["status"]) == (REQUEST, "success")
    assert report["metrics"].keys() == {
        *("durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"),
    }
    assert said[-2]["record"]["metrics"] == {"durationMs": report["metrics"]["durationMs"]}
    placed = [(one.version, one.request_id) for one in place(lines)]
    assert placed == [("$LATEST", None), *[("$LATEST", REQUEST)] * 4]
    assert outcome.log_tail.endswith(json.dumps(said[-1], separators=(",", ":")).encode() + b"\n")


def test_failures_in_json(bench, tmp_path):
    logging = LoggingConfig(format="JSON", application_level="INFO", system_level="WARN")
    outcomes, lines = run(
        bench, tmp_path, {"app.py": PYTHON}, "raise", "die", "sleep", "go", logging=logging, timeout=2
    )
    assert [one.failure and one.failure.type for one in outcomes] == [
        *("ValueError", "Runtime.ExitError", "Sandbox.Timedout", None),
    ]
    assert len(events(lines)) == len(lines)
    reports = [one["record"] for one in events(lines, type="platform.report")]
    assert [(one["status"], one.get("errorType")) for one in reports] == [
        ("error", "ValueError"),
        ("failure", "Runtime.ExitError"),
        ("timeout", None),
    ]
    assert events(lines, type="platform.start") == []
    assert [one["errorMessage"] for one in events(lines, errorType="ValueError")] == ["no"]
    [died] = events(lines, errorType="Runtime.ExitError")
    assert died["level"] == "ERROR"
    assert "exit status 3" in died["errorMessage"]
    assert [one["requestId"] for one in events(lines, message="Task timed out after 2.00 seconds")] == [REQUEST]


def test_a_node_function_with_a_log_in_json(bench, tmp_path):
    logging = LoggingConfig(format="JSON", application_level="INFO", system_level="INFO")
    node = {"runtime": "nodejs20.x", "handler": "index.handler", "timeout": 5}
    _, lines = run(bench, tmp_path, {"index.mjs": NODE}, "go", "raise", logging=logging, **node)
    assert len(events(lines)) == len(lines)
    own = [one for one in events(lines) if "type" not in one][:4]
    assert [(one["level"], one["message"]) for one in own] == [
        ("INFO", "two at { a: 1 }"),
        ("WARN", {"a": [1]}),
        ("ERROR", own[2]["message"]),
        ("INFO", "<ref *1> { self: [Circular *1] }"),
    ]
    assert {one["requestId"] for one in own} == {REQUEST}
    assert (own[2]["errorType"], own[2]["errorMessage"]) == ("TypeError", "t")
    assert own[2]["message"].startswith("e TypeError: t")
    [raised] = events(lines, errorType="RangeError")
    assert (raised["level"], raised["errorMessage"]) == ("ERROR", "no")
    assert raised["stackTrace"][0] == "RangeError: no"


def test_functions_are_told_of_text_too_and_may_say_otherwise(bench, tmp_path):
    [outcome], _ = run(bench, tmp_path, {"app.py": PYTHON}, "go")
    assert json.loads(outcome.payload) == ["Text", None, "/aws/lambda/f"]
    own = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    [outcome], lines = run(bench, tmp_path, {"app.py": PYTHON}, "go", environment=own)
    assert json.loads(outcome.payload)[:2] == ["JSON", "DEBUG"]
    assert [one["message"] for one in events(lines)] == ["quiet", "loud\nand twice"]
    assert lines[-1].message.startswith("REPORT RequestId: ")


def test_what_only_looks_like_an_event_begins_nothing():
    odd = [
        '{"time":"platform.start"',
        '{"time":1,"x":"\\"type\\":\\"platform.start\\""}',
        '{"time":1,"type":"platform.start"}',
    ]
    odd.append('{"time":1,"type":"other","y":{"type":"platform.start","record":{}}}')
    placed = list(place([LogLine("t", "s", message) for message in odd]))
    assert [(one.version, one.request_id) for one in placed] == [(None, None)] * 4
