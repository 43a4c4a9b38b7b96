import asyncio
import json
import uuid

import pytest

from objectlens.functions.logs import log_folder, read_log
from objectlens.testing.executors import make_function, make_zip

NODE = {"runtime": "nodejs20.x", "handler": "index.handler", "timeout": 5}


def messages(folder, name="f"):
    return [line.message for line in read_log(log_folder(folder, name))]


def run(bench, files, *events, **changes):
    """Invoke a function of these files with each event in turn; returns the outcomes."""

    async def main():
        async with bench() as opened:
            package = opened.install(make_zip(files if isinstance(files, dict) else {"index.mjs": files}))
            function = make_function(package, **(NODE | changes))
            return [await opened.invoke(function, event, trace_id=f"Root=1-{event}") for event in events or (None,)]

    return asyncio.run(main())


def values(bench, files, *events, **changes):
    outcomes = run(bench, files, *events, **changes)
    assert [one.failure for one in outcomes] == [None] * len(outcomes)
    return [json.loads(one.payload) for one in outcomes]


FORMS = {
    "a module": ({"index.mjs": "export const handler = async (e) => [e, import.meta.url.endsWith('index.mjs')];"}, {}),
    "waiting at its top": (
        {"index.mjs": "const yes = await Promise.resolve(true); export const handler = async (e) => [e, yes];"},
        {},
    ),
    "typed a module": (
        {"index.js": "export const handler = async (e) => [e, true];", "package.json": '{"type": "module"}'},
        {},
    ),
    "typed a module after a byte order mark": (
        {"index.js": "export const handler = async (e) => [e, true];", "package.json": '\ufeff{"type": "module"}'},
        {},
    ),
    "CommonJS": ({"index.js": "exports.handler = async (e) => [e, require.main !== module];"}, {}),
    "CommonJS by name": (
        {"index.cjs": "module.exports = { handler: async (e) => [e, true] };", "package.json": '{"type": "module"}'},
        {},
    ),
    "in a folder": (
        {"src/app.js": "exports.run = async (e) => [e, require('./more').yes];", "src/more.js": "exports.yes = true;"},
        {"handler": "src/app.run"},
    ),
    "nested": (
        {"index.js": "exports.api = { get: { handler: async (e) => [e, true] } };"},
        {"handler": "index.api.get.handler"},
    ),
    "the index of a folder": (
        {"app/index.js": "exports.handler = async (e) => [e, true];"},
        {"handler": "app.handler"},
    ),
    "with modules of its own": (
        {
            "index.mjs": "import { yes } from 'helper'; export const handler = async (e) => [e, yes];",
            "node_modules/helper/package.json": '{"name": "helper", "main": "main.js"}',
            "node_modules/helper/main.js": "exports.yes = true;",
        },
        {},
    ),
    "typed by the nearest package.json": (
        {
            "src/app.js": "exports.handler = async (e) => [e, true];",
            "src/package.json": "{}",
            "package.json": '{"type": "module"}',
        },
        {"handler": "src/app.handler"},
    ),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_handlers_in_all_forms_are_found(bench, form):
    files, changes = FORMS[form]
    assert values(bench, files, {"a": "é😀"}, **changes) == [[{"a": "é😀"}, True]]


ANSWERS = {
    "a promise": ("async (e) => 7", 7),
    "a thenable": ("(e) => ({ then: (resolve) => resolve(7) })", 7),
    "a callback": ("(e, c, done) => done(null, 7)", 7),
    "a late callback": ("(e, c, done) => { setTimeout(() => done(undefined, 7), 20); return 'ignored'; }", 7),
    "the first callback": ("(e, c, done) => { done(null, 7); done(null, 8); done(new Error('x')); }", 7),
    "done": ("(e, c) => { setTimeout(() => {}, 60000); c.done(null, 7); }", 7),
    "succeed": ("(e, c) => { setTimeout(() => {}, 60000); c.succeed(7); }", 7),
    "nothing": ("async () => {}", None),
    "a function": ("async () => () => {}", None),
    "neither promise nor callback": ("(e) => 7", None),
    "a promise that nothing will keep": ("() => new Promise(() => {})", None),
    "not waiting for what still goes on": (
        "(e, c, done) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); done(null, 7); }",
        7,
    ),
}


@pytest.mark.parametrize("answer", sorted(ANSWERS))
def test_what_handlers_answer(bench, answer):
    code, expected = ANSWERS[answer]
    assert values(bench, f"export const handler = {code};", 1, 2) == [expected, expected]


def test_a_callbacks_answer_waits_for_what_goes_on_after_the_return(bench, tmp_path):
    code = "export const handler = (e, c, done) => { done(null, 7); setTimeout(() => console.log('after'), 30); };"
    assert values(bench, code, 1, 2) == [7, 7]
    said = [line.split("\t")[-1] if "\t" in line else line.split()[0] for line in messages(tmp_path)]
    assert [word for word in said if word in {"START", "END", "after"}] == ["START", "after", "END"] * 2


def test_the_context_is_lambdas(bench):
    code = """
export const handler = async (event, c) => {
  const left = c.getRemainingTimeInMillis();
  return [c.functionName, c.functionVersion, c.invokedFunctionArn, c.memoryLimitInMB, c.logGroupName,
    c.logStreamName === process.env.AWS_LAMBDA_LOG_STREAM_NAME, c.awsRequestId, c.clientContext, c.identity ?? "none",
    c.callbackWaitsForEmptyEventLoop, left > 4000 && left <= 5000, process.env._X_AMZN_TRACE_ID,
    process.env.AWS_EXECUTION_ENV];
};
"""

    async def main():
        async with bench() as opened:
            function = make_function(opened.install(make_zip({"index.mjs": code})), "named", memory_size=256, **NODE)
            request_id = str(uuid.uuid4())
            client = json.dumps({"custom": {"k": "é"}}, ensure_ascii=False)
            seen = await opened.value(function, request_id=request_id, client_context=client, trace_id="Root=1-2;S=0")
            assert seen == [
                "named", "$LATEST", function.arn, "256", "/aws/lambda/named", True, request_id, {"custom": {"k": "é"}},
                "none", True, True, "Root=1-2;S=0", "AWS_Lambda_nodejs20.x",
            ]  # fmt: skip

    asyncio.run(main())


def test_the_trace_is_each_invocations_own(bench):
    code = "export const handler = async () => process.env._X_AMZN_TRACE_ID;"
    assert values(bench, code, "a", "b") == ["Root=1-a", "Root=1-b"]


ERRORS = {
    "thrown": ("async () => { throw new TypeError('bad'); }", "TypeError", "bad"),
    "thrown at once": ("() => { throw new TypeError('bad'); }", "TypeError", "bad"),
    "rejected with text": ("() => Promise.reject('bad')", "string", "bad"),
    "rejected with nothing": ("() => Promise.reject()", "undefined", "undefined"),
    "called back": ("(e, c, done) => done(new RangeError('bad'))", "RangeError", "bad"),
    "failed": ("(e, c) => c.fail(new Error('bad'))", "Error", "bad"),
    "failed with nothing": ("(e, c) => c.fail()", "string", "handled"),
    "cut within a character": ("async () => { throw new TypeError('\\ud83d'); }", "TypeError", "\ud83d"),
    "named by itself": ("async () => { throw Object.assign(new Error('bad'), { name: 'Mine ü' }); }", "Mine ü", "bad"),
    "not serialisable": ("async () => 1n", "Error", "Unable to stringify response body: Do not know how to serialize"),
    "without a readable name": (
        "async () => { throw Object.defineProperty(new Error(), 'name', { get() { throw 1; } }); }",
        "handled",
        "what was thrown does not let its name and message be read",
    ),
    "a proxy that throws": (
        "async () => { throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } }); }",
        "handled",
        "what was thrown does not let its name and message be read",
    ),
    "a message that throws": (
        "async () => { throw Object.assign(new Error(), { message: { toString() { throw 1; } }, name: {} }); }",
        "handled",
        "what was thrown does not let its name and message be read",
    ),
}


@pytest.mark.parametrize("error", sorted(ERRORS))
def test_errors_of_handlers_are_reported_and_the_environment_lives_on(bench, tmp_path, error):
    code, kind, message = ERRORS[error]
    code = f"const pid = process.pid; const bad = {code}; export const handler = (e, ...r) => e ? pid : bad(e, ...r);"
    code = code.replace("=> e ? pid", "=> e ? Promise.resolve(pid)")
    before, failed, after = run(bench, code, 1, None, 1)
    assert before.payload == after.payload
    assert (failed.failure.kind, failed.failure.type) == ("Unhandled", kind)
    assert failed.failure.message.startswith(message)
    document = json.loads(failed.payload)
    assert set(document) == {"errorType", "errorMessage", "trace"}
    assert b"\tERROR\tInvoke Error {" in failed.log_tail


ENDS = {
    "an exception nobody catches": ("setTimeout(() => { throw new RangeError('bad'); }, 1);", "RangeError", "bad"),
    "a rejection nobody handles": (
        "Promise.reject(new Error('bad'));",
        "Runtime.UnhandledPromiseRejection",
        "Error: bad",
    ),
    "two rejections": (
        "Promise.reject(new Error('bad')); Promise.reject(new Error('worse'));",
        "Runtime.UnhandledPromiseRejection",
        "Error: bad",
    ),
    "a rejection with text": ("Promise.reject('bad');", "Runtime.UnhandledPromiseRejection", "bad"),
    "an exit": ("process.exit(3);", "Runtime.ExitError", "exit status 3"),
    "a quiet exit": ("process.exit();", "Runtime.ExitError", "exited without providing a reason"),
    "a crash": ("process.abort();", "Runtime.ExitError", "signal: aborted"),
}


@pytest.mark.parametrize("end", sorted(ENDS))
def test_what_ends_an_environment(bench, end):
    code, kind, message = ENDS[end]
    code = (
        "export const handler = async (e) => { if (e) return process.pid; "
        f"{code} await new Promise((resolve) => setTimeout(resolve, 3000)); }};"
    )
    before, failed, after = run(bench, code, 1, None, 1)
    assert failed.failure.type == kind
    assert failed.failure.message.endswith(message)
    assert failed.duration_ms < 2000
    assert before.payload != after.payload
    assert after.failure is None


def test_a_rejection_that_comes_with_the_answer_does_not_lose_it(bench):
    code = "export const handler = async () => { Promise.resolve().then(() => { throw Error('late'); }); return 7; };"
    for outcome in run(bench, code, 1, 2, 3):
        assert outcome.payload == b"7" or outcome.failure.type == "Runtime.UnhandledPromiseRejection"


LOADING = {
    "no such file": ({"other.js": ""}, "Runtime.ImportModuleError", "Error: Cannot find module 'index'"),
    "a missing package": (
        {"index.js": "require('not-there');"},
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'not-there'",
    ),
    "a missing package of a module": (
        {"index.mjs": "import 'not-there';"},
        "Runtime.ImportModuleError",
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'not-there'",
    ),
    "bad syntax": ({"index.js": "exports.handler = ("}, "Runtime.UserCodeSyntaxError", "SyntaxError: "),
    "bad syntax of a module": ({"index.mjs": "export const ="}, "Runtime.UserCodeSyntaxError", "SyntaxError: "),
    "no such export": (
        {"index.mjs": "export const other = 1;"},
        "Runtime.HandlerNotFound",
        "index.handler is undefined or not exported",
    ),
    "not a function": (
        {"index.mjs": "export const handler = 1;"},
        "Runtime.HandlerNotFound",
        "index.handler is not a function",
    ),
    "an error of its own": ({"index.mjs": "throw new RangeError('bad');"}, "RangeError", "bad"),
    "a streaming handler": (
        {"index.mjs": "export const handler = awslambda.streamifyResponse(async (e, stream) => stream.end());"},
        "Runtime.InvalidStreamingOperation",
        "index.handler streams its response",
    ),
    "a rejection": (
        {"index.mjs": "Promise.reject(new Error('bad')); await new Promise((r) => setTimeout(r, 3000));"},
        "Runtime.UnhandledPromiseRejection",
        "Error: bad",
    ),
    "a rejection of a module that loads at once": (
        {"index.mjs": "Promise.reject(new Error('bad')); export const handler = async () => 8;"},
        "Runtime.UnhandledPromiseRejection",
        "Error: bad",
    ),
}


@pytest.mark.parametrize("loading", sorted(LOADING))
def test_what_fails_while_loading_is_named(bench, loading):
    files, kind, message = LOADING[loading]
    (outcome,) = run(bench, files)
    assert outcome.failure.type == kind
    assert outcome.failure.message.startswith(message)
    assert json.loads(outcome.payload)["trace"]
    assert kind.encode() in outcome.log_tail


@pytest.mark.parametrize("folder", ["", "src/"])
@pytest.mark.parametrize("text", ['{"type": "module",}', "not JSON", ""])
def test_a_package_json_that_is_no_json_is_named(bench, folder, text):
    files = {f"{folder}index.js": "exports.handler = async () => 1;", f"{folder}package.json": text}
    (outcome,) = run(bench, files, handler=f"{folder}index.handler")
    assert outcome.failure.type == "Runtime.UserCodeSyntaxError"
    assert outcome.failure.message.startswith("SyntaxError: Error parsing /")
    assert f"/{folder}package.json: " in outcome.failure.message
    assert b"Runtime.UserCodeSyntaxError" in outcome.log_tail


def test_a_package_json_that_is_no_object_is_named(bench):
    (outcome,) = run(bench, {"index.mjs": "export const handler = async () => 1;", "package.json": "null"})
    assert outcome.failure.type == "Runtime.UserCodeSyntaxError"
    assert outcome.failure.message.endswith("/package.json: it is not a JSON object")


@pytest.mark.parametrize("name", ["index", "../index.handler", "a..b"])
def test_handler_names_that_name_nothing_are_refused(bench, name):
    (outcome,) = run(bench, "export const handler = 1;", handler=name)
    assert outcome.failure.type == "Runtime.MalformedHandlerName"


@pytest.mark.parametrize("package", ["aws-sdk", "@aws-sdk/client-dynamodb"])
def test_the_log_says_where_a_missing_sdk_comes_from(bench, package):
    for code in ({"index.js": f"require('{package}');"}, {"index.mjs": f"import '{package}';"}):
        (outcome,) = run(bench, code)
        assert outcome.failure.type == "Runtime.ImportModuleError"
        assert b"put it into the function's package" in outcome.log_tail


def test_the_console_writes_lambdas_lines(bench, tmp_path):
    code = r"""
console.info("loading");
export const handler = async () => {
  console.log("text %s %j", "é", { a: 1 }, [2]); console.debug("d"); console.warn("two\nlines"); console.error("e");
  process.stdout.write("raw\n");
};
"""
    values(bench, code)
    said = messages(tmp_path)
    request_id = next(line for line in said if line.startswith("START")).split()[2]
    fields = [line.split("\t") for line in said if line[:4].isdigit()]
    assert [field[1:] for field in fields] == [
        ["undefined", "INFO", "loading"],
        [request_id, "INFO", 'text é {"a":1} [ 2 ]'],
        [request_id, "DEBUG", "d"],
        [request_id, "WARN", "two"],
        [request_id, "ERROR", "e"],
    ]
    assert said[said.index("lines") + 1].endswith("\tERROR\te")
    assert "raw" in said


LONG = "for (let i = 0; i < 50; i++) console.log('long '.repeat(2000)); process.stdout.write('last words\\n');"


def test_what_was_printed_is_in_the_log_before_the_end_however_long(bench):
    (outcome,) = run(bench, f"export const handler = async () => {{ {LONG} }};")
    assert b"\nlast words\nEND RequestId" in outcome.log_tail


def test_what_was_printed_before_the_process_ends_is_not_lost(bench, tmp_path):
    run(bench, f"export const handler = async () => {{ {LONG} process.exit(3); }};")
    assert "last words" in messages(tmp_path)


def test_too_large_an_answer_is_refused_and_the_environment_lives_on(bench):
    code = "export const handler = async (e) => e ? process.pid : 'x'.repeat(7 * 1024 * 1024);"
    before, failed, after = run(bench, code, 1, None, 1)
    assert failed.failure.type == "Function.ResponseSizeTooLarge"
    assert before.payload == after.payload


def test_a_function_that_takes_too_long_is_ended(bench):
    code = "export const handler = async (e) => { if (!e) for (;;); return 7; };"
    failed, after = run(bench, code, None, 1, timeout=1)
    assert failed.failure.type == "Sandbox.Timedout"
    assert after.payload == b"7"


def test_the_log_says_which_node_runs_the_function(bench, tmp_path):
    for runtime in ("nodejs18.x", "nodejs20.x", "nodejs22.x"):
        (version,) = values(
            bench, {"index.js": "exports.handler = async () => process.versions.node;"}, runtime=runtime, name=runtime
        )
        said = messages(tmp_path, runtime)
        assert said[0] == f"INIT_START Runtime Version: nodejs:{version}"
        is_told = any(line.startswith(f"[WARN] The runtime {runtime} is not on this machine") for line in said)
        assert is_told == (f"nodejs{version.partition('.')[0]}.x" != runtime)
