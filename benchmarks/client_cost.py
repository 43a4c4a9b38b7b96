"""CPU seconds in the client for each sample: transformed pictures read, against originals read and transformed.

Originals are read the same way as what is transformed, from the same server: one by one with Python's own `http.client`
over a kept connection, or with boto3, or many with one GetBatch. Where a sample is to be a grey array of 256x256, what
is transformed comes as JPEG, which the client still has to decode, or as the array itself. Where it is to be what the
reference job makes, a JPEG, that is only read, and the original encoded as well.

Beside them stands what no server can save a client: decoding pictures that are there already, and an answer without a
byte by boto3.
"""

from __future__ import annotations

import http.client
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from contestants import PIPELINE
from functions.found import Found, Say, Spread, Target, line, spread
from live import BUCKET, REGION, Server, started
from photographs import SIZES, make

# The reference job, but for its last step.
_STEPS = json.loads(PIPELINE.read_text())["pipeline"][:-1]
_ARRAYS = json.dumps(
    {"pipeline": [*_STEPS, {"to_tensor": {"layout": "HWC", "dtype": "uint8"}}, {"tensor.encode": {"format": "npy"}}]}
)
BATCH = 64
TIMEOUT_SECONDS = 60
ORIGINAL, JOB = "original", "original, to JPEG"
# What each form is compared with.
_FORMS = {"JPEG": ORIGINAL, "array": ORIGINAL, "JPEG, undecoded": JOB}
ONE_BY_ONE, MADE_ANEW, BOTO3 = "http.client", "http.client, made anew", "boto3"
# What each way cannot do without.
DECODING, EMPTY = "decoding alone", "an empty object"
_TARGET = Target(side="at most", limit=0.15)
_BLANK = np.zeros((256, 256), np.uint8)
Samples = Iterator[bytes]
# Makes a sample of what was read.
Sample = Callable[[bytes], np.ndarray | bytes]


def measure(seconds: float, rounds: int, say: Say) -> dict[str, Found]:
    """Return for each size what a sample costs, each way."""
    cv2.setNumThreads(1)
    # As servers are by default, with their cache: this is about the client, who waits for nothing here.
    with started() as server:
        return {size: _size(server, size, seconds, rounds, say) for size in SIZES}


def _size(server: Server, size: str, seconds: float, rounds: int, say: Say) -> Found:
    folder = server.folder / f"client-{size}"
    folder.mkdir()
    keys = [path.name for path in _uploaded(server, folder, size)]
    pictures = server.native(f"client-{size}", PIPELINE.read_text())
    forms: dict[str, tuple[str, Sample]] = {
        ORIGINAL: (BUCKET, _transformed),
        "JPEG": (pictures, _decoded),
        "array": (server.native(f"arrays-{size}", _ARRAYS), _as_array),
        JOB: (BUCKET, _job),
        "JPEG, undecoded": (pictures, _as_it_is),
    }
    server.s3.put_object(Bucket=BUCKET, Key=EMPTY)
    ratios: dict[str, Spread] = {}
    floors: dict[str, Spread] = {}
    lines = []
    for way, read in _WAYS.items():
        readers = {form: (read(server, bucket, keys), sample) for form, (bucket, sample) in forms.items()}
        if way == ONE_BY_ONE:
            readers[DECODING] = (cycle(list(islice(readers["JPEG"][0], len(keys)))), _decoded)
        if way == BOTO3:
            readers[EMPTY] = (read(server, BUCKET, [EMPTY]), _nothing)
        say(f"client's cost, {size}: {way}")
        taken = _rounds(readers, seconds, rounds)
        ratios |= {f"{way}, {form}": _ratio(taken, form, original) for form, original in _FORMS.items()}
        floors |= {f"{way}, {form}": _ratio(taken, form, ORIGINAL) for form in (DECODING, EMPTY) if form in taken}
        lines += [
            line(f"{way}: {form}", spread([1000 * one for one in those]), "ms CPU") for form, those in taken.items()
        ]
    return Found(
        title=f"CPU in the client for a sample, photographs of {size}, 1 = the original read the same way, transformed",
        lines=[line(name, value, "x original", _TARGET) for name, value in ratios.items()]
        + [line(name, value, "x original") for name, value in floors.items()]
        + lines,
        axis="CPU in the client, 1 = original read and transformed",
        mark=_TARGET.limit,
        bars={f"objectlens, {name}": value for name, value in ratios.items()},
    )


def _ratio(taken: Mapping[str, list[float]], form: str, other: str) -> Spread:
    return spread([one / another for one, another in zip(taken[form], taken[other], strict=True)])


def _uploaded(server: Server, folder: Path, size: str) -> list[Path]:
    files = make(folder, size)
    server.upload(files)
    return files


def _rounds(readers: Mapping[str, tuple[Samples, Sample]], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Return CPU seconds for a sample, form by form in turn; the first round, which makes connections, is not kept."""
    taken: dict[str, list[float]] = {form: [] for form in readers}
    for _ in range(rounds + 1):
        for form, (samples, sample) in readers.items():
            taken[form].append(_cpu(samples, sample, seconds))
    return {form: those[1:] for form, those in taken.items()}


def _cpu(samples: Samples, sample: Sample, seconds: float) -> float:
    deadline, used = time.monotonic() + seconds, time.process_time()
    # In whole batches: what a batch costs at its beginning, its samples share.
    for number in range(BATCH, 1 << 30, BATCH):
        for data in islice(samples, BATCH):
            made = sample(data)
            if (made[:2] != b"\xff\xd8") if isinstance(made, bytes) else (made.shape != (256, 256)):
                raise RuntimeError("a sample is not a JPEG, or not 256x256")
        if time.monotonic() > deadline:
            return (time.process_time() - used) / number
    raise AssertionError


def _one_by_one(server: Server, bucket: str, keys: list[str], headers: Mapping[str, str] | None = None) -> Samples:
    asked = [{"Bucket": bucket, "Key": key} for key in keys]
    urls = [urlsplit(server.s3.generate_presigned_url("get_object", one, ExpiresIn=86400)) for one in asked]
    connection = http.client.HTTPConnection(urls[0].hostname or "", urls[0].port, timeout=TIMEOUT_SECONDS)
    paths = [f"{url.path}?{url.query}" for url in urls]
    while True:
        for path in paths:
            connection.request("GET", path, headers=headers or {})
            yield _whole(connection.getresponse())


def _made_anew(server: Server, bucket: str, keys: list[str]) -> Samples:
    return _one_by_one(server, bucket, keys, {"Cache-Control": "no-store"})


def _with_boto3(server: Server, bucket: str, keys: list[str]) -> Samples:
    while True:
        for key in keys:
            yield server.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _in_batches(server: Server, bucket: str, keys: list[str]) -> Samples:
    url = urlsplit(server.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT_SECONDS)
    signer = S3SigV4Auth(Credentials(*server.key), "s3", REGION)
    entries = [keys[number % len(keys)] for number in range(BATCH)]
    asked = {"bucket": bucket, "entries": entries, "continue_on_error": False, "extended_headers": False}
    order = json.dumps(asked).encode()
    while True:
        request = AWSRequest("POST", f"{server.url}/-/batch", {"Content-Type": "application/json"}, order)
        signer.add_auth(request)
        connection.request("POST", "/-/batch", order, dict(request.headers))
        with tarfile.open(fileobj=io.BytesIO(_whole(connection.getresponse()))) as archive:
            for member in archive:
                file = archive.extractfile(member)
                yield file.read() if file else b""


_WAYS: Mapping[str, Callable[[Server, str, list[str]], Samples]] = {
    ONE_BY_ONE: _one_by_one,
    MADE_ANEW: _made_anew,
    BOTO3: _with_boto3,
    "GetBatch": _in_batches,
}


def _whole(answer: http.client.HTTPResponse) -> bytes:
    data = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {data[:200]!r}")
    return data


def _as_it_is(data: bytes) -> bytes:
    return data


def _nothing(data: bytes) -> np.ndarray:
    if data:
        raise RuntimeError("the empty object is not empty")
    return _BLANK


def _job(data: bytes) -> bytes:
    return cv2.imencode(".jpg", _transformed(data))[1].tobytes()


def _decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def _as_array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data))[..., 0]


def _transformed(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
