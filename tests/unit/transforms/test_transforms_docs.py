"""The examples of the documentation, run; and the schema, the same as the code."""

import gzip
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import skops.io
import soundfile
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from objectlens.transforms import Resources, compile_pipeline, pipeline_schema, registry

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"## (\w+)\.(\w+)\n\n(.*)\n\n```json\n(.*)\n```")
EXAMPLES = [
    (page.stem, *match.groups())
    for page in sorted((DOCS / "transforms").glob("*.md"))
    for match in BLOCK.finditer(page.read_text())
]
PICTURE = cv2.imencode(".jpg", np.full((60, 80, 3), (10, 90, 200), np.uint8))[1].tobytes()


def sound() -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, np.sin(np.arange(16_000) / 20).astype(np.float32), 16_000, format="WAV")
    return sink.getvalue()


def film() -> bytes:
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 90, np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode():
            output.mux(packet)
    return sink.getvalue()


def archive(step: str) -> bytes:
    sink = io.BytesIO()
    if step == "decompress":
        return gzip.compress(b"text")
    if step == "member":
        with zipfile.ZipFile(sink, "w") as packed:
            packed.writestr("a.json", "{}")
    else:
        with tarfile.open(fileobj=sink, mode="w") as packed:
            info = tarfile.TarInfo("0.jpg")
            info.size = len(PICTURE)
            packed.addfile(info, io.BytesIO(PICTURE))
    return sink.getvalue()


def sample(family: str, step: str) -> bytes:
    if family == "archive":
        return archive(step)
    if family == "audio" or step == "sklearn":
        return sound()
    if family == "video":
        return film()
    if family == "table":
        return b"a,b\n1,x\n2,y\n3,z\n"
    if family == "text":
        return b'{"id": 1, "mail": "a@b.de"}\n{"id": 2}\n'
    return PICTURE


@pytest.fixture
def resources(tmp_path):
    Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    skops.io.dump(StandardScaler().fit(np.eye(32)), tmp_path / "scale.skops")
    (tmp_path / "double.onnx").write_bytes(double())
    return Resources(tmp_path)


def double() -> bytes:
    """Return an ONNX model of one Add, y = x + x (onnx.proto), for floats of any shape."""

    def field(number: int, value) -> bytes:
        if isinstance(value, int):
            return bytes([number << 3, value])
        body = value.encode() if isinstance(value, str) else value
        return bytes([number << 3 | 2, len(body)]) + body

    kind = field(2, field(1, field(1, 1)))
    node = field(1, "x") + field(1, "x") + field(2, "y") + field(4, "Add")
    graph = field(1, node) + field(2, "g") + field(11, field(1, "x") + kind) + field(12, field(1, "y") + kind)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def test_every_step_has_its_example():
    steps = {(family, family, name) for family in registry.FAMILIES for name in registry.load(family).steps}
    assert {(page, family, name) for page, family, name, _, _ in EXAMPLES} == steps


@pytest.mark.parametrize(
    ("page", "family", "step", "summary", "example"), EXAMPLES, ids=[f"{one[1]}.{one[2]}" for one in EXAMPLES]
)
def test_the_example_runs(*, page, family, step, summary, example, resources):
    assert page == family
    assert summary == registry.load(family).steps[step].summary
    program = compile_pipeline(example, resources=resources)
    assert f"{family}.{step}(" in program.explain().split("plan:")[0]
    assert bytes(program.run(sample(family, step)))


def test_the_page_itself(tmp_path, monkeypatch):
    page = (DOCS / "transforms.md").read_text()
    monkeypatch.chdir(tmp_path)
    Path("cat.jpg").write_bytes(PICTURE)
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "docs/transforms.md", "exec"), {"__name__": "docs"})
    for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL):
        # A pipeline, or the configuration of an access point with one for its payload.
        payload = re.search(r'"FunctionPayload": (".*")', text)
        program = compile_pipeline(json.loads(payload[1]) if payload else text)
        small = program.run(PICTURE, program.arguments({} if payload else {"preset": "thumb"})).body
        assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_UNCHANGED).shape == (64, 64)


def test_the_published_schema_is_the_codes():
    assert json.loads((DOCS / "transforms/schema.json").read_text()) == pipeline_schema()
