"""What functions find of their layers, whatever starts them and whatever isolates them."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import pytest

from objectlens.catalog.entities import LayerReference
from objectlens.clock import SystemClock
from objectlens.functions import Credentials, PackageStore, Pool, Surroundings, merged_name
from objectlens.functions.logs import log_folder, read_log
from objectlens.testing.executors import Bench, make_function, make_zip
from support.debian import debian_program

debian_program("bubblewrap", "bwrap")
SITE = f"python/lib/python3.{sys.version_info.minor}/site-packages"
OWN = f"python3.{sys.version_info.minor}"
PLAIN = {"OBJECTLENS_TEMPLATE": "0"}

pytestmark = pytest.mark.parametrize("isolation", ["off", "auto"])


@asynccontextmanager
async def opened(folder, isolation):
    packages = PackageStore(folder / "functions" / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder / "functions",
            endpoint_url="http://127.0.0.1:9000",
            region="us-east-1",
            python=sys.executable,
            node_modules="none",
            isolation=isolation,
        ),
        credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
        clock=SystemClock(),
    )
    try:
        yield Bench(pool, packages.add)
    finally:
        await pool.close()


def layer(bench, files, executable=()):
    package = bench.install(make_zip(files, executable=executable))
    return LayerReference(arn=f"arn:{package.digest}", package=package.digest, code_size=package.code_size)


def run(folder, isolation, code, *layers, **function):
    """Run a function with layers, each a dictionary of files; returns its outcome. `bootstrap` and its like may run."""

    async def main():
        async with opened(folder, isolation) as bench:
            executable = ("bootstrap", "bin/tool", "wrap", "extensions/spy")
            references = tuple(layer(bench, files, executable) for files in layers)
            package = bench.install(make_zip(code, executable=executable))
            return await bench.invoke(make_function(package, layers=references, **function))

    return asyncio.run(main())


def value(*arguments, **options):
    outcome = run(*arguments, **options)
    assert outcome.failure is None, outcome
    return json.loads(outcome.payload)


def log(folder):
    return [line.message for line in read_log(log_folder(folder / "functions", "f"))]


@pytest.mark.parametrize("environment", [{}, PLAIN], ids=["forked", "plain"])
def test_python_looks_into_the_function_then_its_layers_then_the_runtime(tmp_path, isolation, environment):
    code = {
        "app.py": "import mine, both, site_wide, requests\n"
        "def handler(event, context):\n"
        "    return [mine.value, both.value, site_wide.value, getattr(requests, 'value', 'the runtime')]",
        "mine.py": "value = 'function'",
    }
    first = {"python/mine.py": "value = 'layer'", "python/both.py": "value = 1", f"{SITE}/both.py": "value = 'site'"}
    second = {f"{SITE}/site_wide.py": "value = 2", "python/requests.py": "value = 'layer'"}
    seen = value(tmp_path, isolation, code, first, second, runtime=OWN, environment=environment)
    assert seen == ["function", "site", 2, "layer"]


def test_later_layers_overwrite_earlier_ones(tmp_path, isolation):
    code = {
        "app.py": "import os\n"
        "opt = os.environ['OBJECTLENS_LAYERS']\n"
        "def handler(event, context):\n"
        "    found = {n: open(f'{opt}/{n}').read() for n in ('a', 'b', 'folder') if os.path.isfile(f'{opt}/{n}')}\n"
        "    try: open(f'{opt}/new', 'w')\n"
        "    except OSError: pass\n"
        "    else: found['new'] = 'written'\n"
        "    return [opt, found, os.listdir(f'{opt}/file')]"
    }
    layers = [{"a": "1", "b": "1", "folder/x": "", "file": "x"}, {"b": "2", "folder": "a file"}, {"file/inner": ""}]
    opt, found, inner = value(tmp_path, isolation, code, *layers, runtime=OWN, environment=PLAIN)
    if isolation == "off":
        found.pop("new", None)  # the machine's root may write anywhere
    assert found == {"a": "1", "b": "2", "folder": "a file"}
    assert inner == ["inner"]
    assert (opt == "/opt") == (isolation == "auto")


def test_programs_and_libraries_of_layers_are_on_the_search_paths(tmp_path, isolation):
    code = {
        "app.py": "import os, subprocess\n"
        "def handler(event, context):\n"
        "    return [subprocess.check_output(['tool'], text=True), os.environ['LD_LIBRARY_PATH'].split(':')[-1]]"
    }
    printed, libraries = value(
        tmp_path, isolation, code, {"bin/tool": "#!/bin/sh\necho from a layer", "lib/x": ""}, runtime=OWN
    )
    assert printed == "from a layer\n"
    assert libraries.endswith("/lib")


NODE = {
    "CommonJS": {
        "index.js": "exports.handler = async () => [require('both').name, require('one').name, require('own').name]"
    },
    "callback": {"index.cjs": "exports.handler = (event, context, done) => done(null, [require('both').name, 1, 1])"},
    "module": {
        "index.mjs": "import both from 'both'; import one from '@scope/one'; import own from 'own';"
        "export const handler = async () => [both.name, one.name, own.name]"
    },
}


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs22.x", "nodejs24.x"])
@pytest.mark.parametrize("kind", sorted(NODE))
def test_node_finds_modules_of_layers(tmp_path, isolation, kind, runtime):
    major = runtime.removesuffix(".x")
    major = f"node{major.removeprefix('nodejs')}"
    layers = {
        "nodejs/node_modules/both/index.js": "exports.name = 'any'",
        f"nodejs/{major}/node_modules/both/index.js": "exports.name = 'this version'",
        "nodejs/node_modules/one/index.js": "exports.name = 'one'",
        "nodejs/node_modules/@scope/one/index.js": "exports.name = 'scoped'",
        "nodejs/node_modules/own/index.js": "exports.name = 'layer'",
    }
    code = NODE[kind] | {"node_modules/own/index.js": "exports.name = 'function'"}
    seen = value(tmp_path, isolation, code, layers, runtime=runtime, handler="index.handler")
    expected = {"CommonJS": ["one", "function"], "callback": [1, 1], "module": ["scoped", "function"]}
    assert seen == ["this version", *expected[kind]]


def test_a_module_that_no_layer_has_is_missing(tmp_path, isolation):
    code = {"index.mjs": "import 'nowhere'; export const handler = async () => 1"}
    outcome = run(
        tmp_path, isolation, code, {"nodejs/node_modules/x/index.js": ""}, runtime="nodejs20.x", handler="index.handler"
    )
    assert json.loads(outcome.payload)["errorType"] == "Runtime.ImportModuleError"


BOOTSTRAP = """#!{python}
import os, urllib.request as r
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with r.urlopen(api + "next") as asked:
        request_id = asked.headers["Lambda-Runtime-Aws-Request-Id"]
    r.urlopen(api + request_id + "/response", b'"{who}"').read()
"""


def bootstrap(who):
    return BOOTSTRAP.format(python="/usr/bin/python3 -S", who=who)


def test_a_bootstrap_of_a_layer_runs_unless_the_function_has_one(tmp_path, isolation):
    given = {"runtime": "provided.al2023", "handler": "x"}
    assert value(tmp_path, isolation, {"data": ""}, {"bootstrap": bootstrap("layer")}, **given) == "layer"
    own = {"bootstrap": bootstrap("function")}
    assert value(tmp_path, isolation, own, {"bootstrap": bootstrap("layer")}, **given) == "function"
    outcome = run(tmp_path, isolation, {"data": ""}, {"other": ""}, **given)
    assert json.loads(outcome.payload)["errorType"] == "Runtime.InvalidEntrypoint"
    assert "nor in a layer's" in outcome.failure.message


WRAP = '#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n'


def test_a_wrapper_script_of_a_layer_starts_the_runtime(tmp_path, isolation):
    environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}
    python = {"app.py": "import os\ndef handler(event, context): return [os.environ['WRAPPED'], os.getcwd()]"}
    wrapped, folder = value(tmp_path, isolation, python, {"wrap": WRAP}, runtime=OWN, environment=environment)
    assert wrapped == "2"  # as on Lambda: the interpreter, and the script last
    assert "packages" in folder
    node = {"index.js": "exports.handler = async () => process.env.WRAPPED"}
    given = {"runtime": "nodejs20.x", "handler": "index.handler", "environment": environment}
    assert value(tmp_path, isolation, node, {"wrap": WRAP}, **given) == "4"
    outcome = run(tmp_path, isolation, python, {"other": ""}, runtime=OWN, environment=environment)
    assert json.loads(outcome.payload)["errorType"] == "Runtime.InvalidEntrypoint"
    assert "AWS_LAMBDA_EXEC_WRAPPER names /opt/wrap, which is not an executable file" in outcome.failure.message


def test_extensions_are_named_in_the_log_and_not_run(tmp_path, isolation):
    code = {"app.py": "def handler(event, context): return 1", "extensions/own.txt": "not executable"}
    assert value(tmp_path, isolation, code, {"extensions/spy": "#!/bin/sh\nexit 1"}, runtime=OWN) == 1
    assert [line for line in log(tmp_path) if "xtension" in line] == ["[WARN] Extensions are not run here: spy."]


def test_merged_layers_are_kept_as_long_as_they_are_named(tmp_path, isolation):
    async def main():
        async with opened(tmp_path, isolation) as bench:
            code = "import lib\ndef handler(event, context): return lib.value"
            layers = tuple(layer(bench, {"python/lib.py": f"value = {n}"}) for n in range(2))
            function = bench.function(code, layers=layers, runtime=OWN)
            assert await bench.value(function) == 1
            digests = [one.package for one in layers]
            store = PackageStore(tmp_path / "functions" / "packages")
            merged = merged_name(digests)
            assert store.path(merged).is_dir()
            kept = {function.package, merged, *digests}
            assert store.collect(kept) == []
            assert store.collect({function.package, *digests}) == [merged]
            assert (store.path(digests[1]) / "python" / "lib.py").read_text() == "value = 1"

    asyncio.run(main())
