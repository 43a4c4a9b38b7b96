"""Functions in other languages, compiled from the sources in `programs/`."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

from support.debian import debian_program

SOURCES = Path(__file__).with_name("programs")
CLIENT = "com/amazonaws/services/lambda/runtime/api/client/AWSLambda.class"


def compile_c(folder: Path) -> bytes:
    """Return the bootstrap in C as a program of this machine."""
    gcc = debian_program("build-essential", "gcc")
    program = folder / "bootstrap"
    subprocess.run([gcc, "-O1", "-Wall", "-o", str(program), str(SOURCES / "bootstrap.c")], check=True)
    return program.read_bytes()


def compile_java(folder: Path) -> dict[str, bytes]:
    """Return the files of a package: the handler's class, and in jars a library and what stands in for AWS's client."""
    javac = debian_program("default-jdk-headless", "javac")
    sources = [str(path) for path in sorted((SOURCES / "java").glob("*.java"))]
    subprocess.run([javac, "--release", "17", "-d", str(folder), *sources], check=True)
    return {
        "App.class": (folder / "App.class").read_bytes(),
        "lib/library.jar": _jar(folder, "Library.class"),
        "lib/aws-lambda-java-runtime-interface-client.jar": _jar(folder, CLIENT),
    }


def _jar(folder: Path, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.write(folder / name, name)
    return buffer.getvalue()
