"""Java functions: which Java there is, and the command that serves a function with AWS's runtime interface client."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

CLIENT = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
MISSING = (
    "AWS's runtime interface client for Java is neither in the package nor in a layer: put the jar "
    "aws-lambda-java-runtime-interface-client (Maven group com.amazonaws) and those that it depends on "
    "(mvn dependency:copy-dependencies) into lib/ of the package, or into java/lib/ of a layer"
)

# The likeliest name of the jar; it may be part of another.
_JAR = "aws-lambda-java-runtime-interface-client"
_VERSION = re.compile(r'version "(\d+)([\d.]*)')
_CLASS = CLIENT.replace(".", "/") + ".class"
# The heap's share of MemorySize; the rest is for threads, code and what the virtual machine itself needs.
_HEAP = 0.75
# What makes a short-lived process start quickly, each with what in the user's JAVA_TOOL_OPTIONS takes its place.
_FLAGS = (
    ("-XX:+UseSerialGC", re.compile(r"-XX:\+Use\w+GC\b")),
    ("-XX:TieredStopAtLevel=1", re.compile(r"Tiered|-Xint|-Xcomp")),
    ("-Xshare:auto", re.compile(r"-Xshare")),
)
_HEAP_GIVEN = re.compile(r"-Xmx|MaxHeapSize|MaxRAMPercentage")


@dataclass(frozen=True, slots=True)
class Java:
    """A Java of this machine: where it is, and its version, `17.0.9`."""

    path: str
    version: str

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.version.partition(".")[0])

    @property
    def reading(self) -> tuple[Path, ...]:
        """The paths that it needs of the file system; Debian keeps its configuration in `/etc`."""
        return (Path(self.path).resolve().parents[1], *sorted(Path("/etc").glob("java-*")))


@cache
def find_java(major: int) -> Java:
    """Return the Java of that major version, else the oldest newer one, which runs its classes too.

    Raises `LookupError` with the cause and the remedy. What was found is remembered until the server ends.
    """
    found = [java for path in dict.fromkeys(_candidates()) if (java := _look_at(path))]
    usable = sorted((java for java in found if java.major >= major), key=lambda java: java.major)
    if not usable:
        seen = f"; what is there is {found[0].version} at {found[0].path}" if found else ""
        raise LookupError(
            f"Java {major} or newer is neither on the server's PATH nor in JAVA_HOME or /usr/lib/jvm{seen}: install it"
        )
    return usable[0]


def _candidates() -> Iterator[str]:
    if home := os.environ.get("JAVA_HOME"):
        yield str(Path(home, "bin", "java"))
    if path := shutil.which("java"):
        yield path
    yield from (str(path) for path in sorted(Path("/usr/lib/jvm").glob("*/bin/java")))


def _look_at(path: str) -> Java | None:
    try:
        shown = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None  # it does not run: then there is none
    match = _VERSION.search(shown)
    return Java(path, "".join(match.groups())) if match else None


@lru_cache(maxsize=256)
def has_client(task_root: Path, layers: Path | None) -> bool:
    """Whether AWS's runtime interface client is in the package, as classes or in a jar, or in a layer's jars.

    What was found is remembered: packages do not change.
    """
    folders = [task_root / "lib", *([layers / "java" / "lib"] if layers else [])]
    jars = [jar for folder in folders for jar in folder.glob("*.jar")]
    jars.sort(key=lambda jar: not jar.name.startswith(_JAR))
    return (task_root / _CLASS).is_file() or any(_has_class(jar) for jar in jars)


def _has_class(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return _CLASS in archive.NameToInfo
    except (OSError, zipfile.BadZipFile):
        return False  # Java will say what is wrong with it, if it is needed


def java_command(
    java: Java, *, task_root: Path, opt: Path | None, handler: str, memory_size: int, variables: Mapping[str, str]
) -> list[str]:
    """Return the command of an environment; `memory_size` is in MB, `opt` where its layers are seen.

    The function's `JAVA_TOOL_OPTIONS` are read by Java itself; here only what contradicts them is left out.
    """
    given = variables.get("JAVA_TOOL_OPTIONS", "")
    flags = [flag for flag, instead in _FLAGS if not instead.search(given)]
    if not _HEAP_GIVEN.search(given):
        flags.append(f"-Xmx{int(memory_size * _HEAP)}m")
    places = [f"{task_root}", f"{task_root}/lib/*", *([f"{opt}/java/lib/*"] if opt else [])]
    return [java.path, *flags, "-cp", ":".join(places), CLIENT, handler]
