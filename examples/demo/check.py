"""What the handler's own code makes of a photograph in a plain Python, and whether the server's result is equal."""

import subprocess
import sys
from pathlib import Path

HANDLER = Path(__file__).resolve().parents[1] / "functions" / "image-normalizer"

# Run by an interpreter of its own; argv is the handler's folder, then pairs of files.
PLAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from lambda_function import normalize
for source, target in zip(sys.argv[2::2], sys.argv[3::2]):
    with open(source, "rb") as original, open(target, "wb") as result:
        result.write(normalize(original.read()))
"""


def compare(pairs, folder):
    """Return the names of the photographs whose result differs; `pairs` are (photograph, result) files."""
    folder.mkdir(exist_ok=True)
    expected = [folder / result.name for _, result in pairs]
    names = [str(path) for (photograph, _), plain in zip(pairs, expected, strict=True) for path in (photograph, plain)]
    subprocess.run([sys.executable, "-c", PLAIN, str(HANDLER), *names], check=True)
    return [
        photograph.name
        for (photograph, result), plain in zip(pairs, expected, strict=True)
        if result.read_bytes() != plain.read_bytes()
    ]
