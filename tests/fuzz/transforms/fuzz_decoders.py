"""Fuzzing of every decoder path: damaged files must come to a `TransformError` or a result, never a crash or a hang.

    python tests/fuzz/transforms/fuzz_decoders.py [--seconds 60] [--seed 0] [--only image.png]

Each target runs in a process of its own, so that a crash is seen and named; each input has a deadline. An input that
crashes or hangs is kept as a file named in the report, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import bz2
import faulthandler
import gzip
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cramjam
import cv2
import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import soundfile
import zstandard
from PIL import Image as Pillow

from objectlens.transforms import Limits, TransformError, compile_pipeline
from objectlens.transforms.process import quiet_codecs

DEADLINE = 20.0
MOST_MEMORY = 8 << 30
LIMITS = Limits(bytes=1 << 22, output_bytes=1 << 26, pixels=1 << 22, frames=64, duration=60, members=1000, rows=1 << 20)
PIXELS = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8), (5, 5), 2)
TEXT = b'{"id": 1, "tags": ["a", {"b": null}], "text": "caf\\u00e9"}\n' * 20
PAGE = "<html><body><p>ü &amp; <b>two</b></p><!-- x --><table><tr><td>1</table>".encode()


def pictures(name: str, picture: Pillow.Image | None = None, **options: Any) -> bytes:
    sink = io.BytesIO()
    (picture or Pillow.fromarray(PIXELS)).save(sink, name, **options)
    return sink.getvalue()


def odd_pictures(name: str) -> list[bytes]:
    """Return files of other modes and codes than the usual one."""
    whole = Pillow.fromarray(PIXELS)
    exif = Pillow.Exif()
    exif[0x112] = 6
    more = {"save_all": True, "append_images": [whole.transpose(Pillow.Transpose.ROTATE_180)] * 2}
    clear = whole.convert("RGBA")
    clear.putalpha(whole.convert("L"))
    deep = cv2.imencode(".png", PIXELS.astype(np.uint16) * 257)[1].tobytes()
    options: dict[str, list[dict[str, Any]]] = {
        "JPEG": [{"progressive": True, "exif": exif}, {"picture": whole.convert("CMYK")}, {"subsampling": "4:1:1"}],
        "PNG": [{"picture": whole.quantize(16), "transparency": 3, "bits": 4}, {"picture": clear}, more],
        "WEBP": [{"lossless": True, "exif": exif}, {"picture": clear}, more],
        "TIFF": [{"compression": kind} for kind in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "zstd", "lzma")]
        + [{"picture": whole.convert("1"), "compression": "group4"}, {"picture": clear, "exif": exif}, more],
        "GIF": [{**more, "disposal": 2}, {"picture": whole.quantize(4), "transparency": 1, "interlace": 1}],
        "AVIF": [{"picture": clear}, {"exif": exif, "subsampling": "4:4:4"}],
    }
    return [pictures(name, **one) for one in options[name]] + [deep] * (name == "PNG")


def sounds(name: str, channels: int = 1, **options: Any) -> bytes:
    sink = io.BytesIO()
    samples = np.sin(np.arange(4000 * channels) / 20).astype(np.float32).reshape(-1, channels)
    soundfile.write(sink, samples, 8000, format=name, **options)
    return sink.getvalue()


def odd_sounds(name: str) -> list[bytes]:
    """Return files of other codes and more channels than the usual one."""
    subtypes = {"WAV": ("PCM_24", "FLOAT", "ULAW", "MS_ADPCM", "IMA_ADPCM", "GSM610"), "FLAC": ("PCM_24", "PCM_S8"),
                "OGG": ("OPUS",), "MP3": ()}[name]  # fmt: skip
    single = [sounds(name, subtype=one) for one in subtypes]
    return [*single, sounds(name, 2), *([sounds(name, 6)] if name != "MP3" else [])]


def film(container: str, codec: str = "mpeg4") -> bytes:
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as output:
        stream = output.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 56, 40, "yuv420p"
        stream.codec_context.gop_size = 5
        for _ in range(8):
            for packet in stream.encode(av.VideoFrame.from_ndarray(PIXELS, format="rgb24")):
                output.mux(packet)
        for packet in stream.encode():
            output.mux(packet)
    return sink.getvalue()


def tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, body in (("a.png", pictures("PNG")), ("b.json", TEXT)):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return sink.getvalue()


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.json", TEXT)
    return sink.getvalue()


def table(name: str) -> bytes:
    rows, sink = pa.table({"a": list(range(200)), "b": [f"x{n % 5}" for n in range(200)]}), pa.BufferOutputStream()
    if name == "parquet":
        pa.parquet.write_table(rows, sink)
    else:
        with pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows)
    return sink.getvalue().to_pybytes()


def times() -> bytes:
    """Return an Arrow file of what Python has no values for."""
    stamps = pa.array([1, None, 10**18], pa.timestamp("ns", "Europe/Berlin"))
    nested = pa.array([{"d": 1, "m": [("k", 5)]}, None, {"d": None, "m": []}],
                      pa.struct([("d", pa.duration("ns")), ("m", pa.map_(pa.string(), pa.time64("ns")))]))  # fmt: skip
    rows, sink = (
        pa.table({"t": stamps, "n": nested, "l": pa.array([[1], [], None], pa.list_(pa.date32()))}),
        io.BytesIO(),
    )
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def odd_tables(name: str) -> list[bytes]:
    """Return tables of what has a structure of its own, written in the other ways that the format knows."""
    columns = {
        "s": pa.array([{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}] * 20),
        "l": pa.array([["a", None], [], None] * 20),
        "m": pa.array([[("k", 1)], [], None] * 20, pa.map_(pa.string(), pa.int64())),
        "d": pa.array(["a", "b", None] * 20).dictionary_encode(),
        "b": pa.array([b"\xff", b"", None] * 20),
        "n": pa.array([1, None, 3] * 20, pa.decimal128(20, 3)),
        "z": pa.array([True, False, None] * 20),
        "f": pa.array([b"abcd", None, b"efgh"] * 20, pa.binary(4)),
    }
    if name == "arrow":
        columns |= {
            "v": pa.array(["short", "a text of more than twelve letters", None] * 20, pa.string_view()),
            "w": pa.array([[1], [], None] * 20, pa.list_view(pa.int64())),
            "u": pa.UnionArray.from_sparse(
                pa.array([0, 1, 0] * 20, pa.int8()), [pa.array([1] * 60), pa.array(["a"] * 60)]
            ),
            "r": pa.RunEndEncodedArray.from_arrays(pa.array([40, 60], pa.int32()), pa.array(["a", "b"])),
        }
    rows = pa.table(columns)
    found: list[bytes] = []
    for kind in ("zstd", "lz4"):
        sink = pa.BufferOutputStream()
        if name == "parquet":
            pa.parquet.write_table(rows, sink, compression=kind, data_page_version="2.0", row_group_size=25)
        else:
            with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression=kind)) as writer:
                writer.write_table(rows)
        found.append(sink.getvalue().to_pybytes())
    sink = pa.BufferOutputStream()
    if name == "parquet":
        pa.parquet.write_table(rows.select(["n", "z"]), sink, use_dictionary=False, use_byte_stream_split=["n"])
    else:
        with pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows)
    return [*found, sink.getvalue().to_pybytes()]


def targets() -> dict[str, tuple[list[Any], list[bytes]]]:
    """Return for each decoder path the pipeline and sound files to damage."""
    found = usual()
    all_of = {name: (pipeline, [data]) for name, (pipeline, data) in found.items()}
    for name in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF"):
        pipeline, seeds = all_of[f"image.{name.lower()}"]
        seeds += odd_pictures(name)
        all_of[f"alpha.{name.lower()}"] = ([{"image.decode": {"alpha": True}}, *pipeline[1:-1], "image.encode"], seeds)
    for name in ("WAV", "FLAC", "OGG", "MP3"):
        all_of[f"audio.{name.lower()}"][1].extend(odd_sounds(name))
    all_of["video.clip"][1].extend(film(container, "libx264") for container in ("mp4", "matroska", "mpegts", "mov"))
    all_of["video.mp4"][1].append(film("mp4", "libx264"))
    all_of["video.matroska"][1].append(film("webm", "libvpx-vp9"))
    all_of["video.avi"][1].extend([film("flv", "flv"), film("mpegts", "libx264")])
    for name in ("parquet", "arrow"):
        pipeline, seeds = all_of[f"table.{name}"]
        seeds += odd_tables(name)
        for target in ("csv", "parquet", "arrow"):
            steps = ["table.read", {"table.select": {"columns": ["n", "z"]}}, {"table.write": {"format": target}}]
            all_of[f"table.{name}.{target}"] = (steps, odd_tables(name))
    return all_of


def usual() -> dict[str, tuple[list[Any], bytes]]:
    """Return for each decoder path the pipeline and a sound file of the usual kind."""
    small: list[Any] = ["image.decode", {"image.resize": {"width": 8, "height": 8, "interpolation": "area"}},
                        "image.grayscale", {"image.encode": {"format": "jpeg"}}]  # fmt: skip
    shard = {"archive.webdataset": {"pipelines": {"png": {"pipeline": small}}}}
    found = {
        f"image.{name.lower()}": (small, pictures(name)) for name in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF")
    }
    found |= {f"strip.{name.lower()}": (["image.strip"], pictures(name)) for name in ("JPEG", "PNG", "WEBP")}
    found |= {f"audio.{name.lower()}": (["audio.decode", "audio.mono", "audio.encode"], sounds(name))
              for name in ("WAV", "FLAC", "OGG", "MP3")}  # fmt: skip
    found |= {
        f"video.{name}": ([{"video.frames": {"fps": 5}}, "video.sheet"], film(name))
        for name in ("mp4", "matroska", "avi")
    }
    found["video.clip"] = ([{"video.clip": {"end": 0.5}}], film("mp4"))
    packers: dict[str, Callable[[bytes], Any]] = {
        "gzip": gzip.compress,
        "bz2": bz2.compress,
        "zstd": zstandard.compress,
        "lz4": lz4.frame.compress,
        "snappy": cramjam.snappy.compress,
    }
    found |= {f"archive.{name}": (["archive.decompress"], bytes(pack(TEXT))) for name, pack in packers.items()}
    found["archive.tar"] = ([shard], tar())
    passed = {"archive.webdataset": {"pipelines": {"no": {"pipeline": small}}, "keep_others": False}}
    found["archive.passed"] = ([passed], tar())
    found["archive.one"] = ([{"archive.member": {"name": "b.json"}}], gzip.compress(tar()))
    found["archive.zip"] = ([{"archive.member": {"name": "b.json"}}], zipped())
    found |= {
        f"table.{name}": (["table.read", {"table.write": {"format": "json"}}], table(name))
        for name in ("parquet", "arrow")
    }
    found["table.times"] = (["table.read", {"table.write": {"format": "json"}}], times())
    found["table.csv"] = (["table.read", {"table.write": {"format": "json"}}], b"a,b\n" + b'1,"x"\n' * 50)
    found["table.json"] = (["table.read", "table.write"], TEXT)
    found["text.html"] = (["text.decode", "text.html"], PAGE * 5)
    found["text.jsonl"] = ([{"text.jsonl": {"keep": ["id", "text"]}}], TEXT)
    found["text.redact"] = (
        ["text.decode", "text.fix", "text.redact"],
        b"ann@example.com +49 30 1234567 4111111111111111 " * 5,
    )
    return found


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Flip, overwrite, cut out, double or cut off a few places."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place, size = chance.randrange(len(made) + 1), chance.choice((1, 1, 2, 4, 32))
        match chance.randrange(5):
            case 0 if place < len(made):
                made[place] ^= 1 << chance.randrange(8)
            case 1:
                made[place : place + size] = chance.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * size
            case 2:
                del made[place : place + size]
            case 3:
                made[place:place] = made[place : place + size] * chance.choice((1, 8))
            case 4 if chance.random() < 0.2:
                del made[place:]
    return bytes(made)


def hunt(name: str, target: tuple[list[Any], list[bytes]], seconds: float, seed: int, kept: str) -> None:
    """Run one target for so long; the input at hand is always in the file `kept`."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    faulthandler.disable()
    quiet_codecs()
    pipeline, seeds = target
    program, chance = compile_pipeline({"pipeline": pipeline}, ceiling=LIMITS), random.Random(f"{name}{seed}")
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        made = damaged(chance.choice(seeds), chance)
        Path(kept).write_bytes(made)
        begin = time.process_time()
        try:
            bytes(program.run(made))
        except TransformError:
            pass
        # Whatever else is raised is the find that this hunts for.
        except Exception:  # noqa: BLE001
            Path(kept + ".txt").write_text(traceback.format_exc())
            os._exit(3)
        if time.process_time() - begin > DEADLINE:
            os._exit(4)
        count += 1
    Path(kept).unlink()
    print(f"{name}: {count} inputs", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="targets whose name begins so")
    chosen = parser.parse_args()
    found = {name: target for name, target in targets().items() if name.startswith(chosen.only)}
    # Each input is written down before it is tried.
    folder = tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    seconds, failures = chosen.seconds / len(found), {}
    # Forked of a process that has imported everything, which takes longer than a short hunt.
    context = multiprocessing.get_context("forkserver")
    for name, target in found.items():
        kept = f"{folder}/{name}"
        process = context.Process(target=hunt, args=(name, target, seconds, chosen.seed, kept))
        process.start()
        process.join(seconds + 3 * DEADLINE)
        if process.is_alive():
            process.kill()
            process.join()
        if process.exitcode != 0:
            failures[name] = {"exit": process.exitcode, "input": kept}
    if not failures:
        shutil.rmtree(folder)
    print(json.dumps({"targets": len(found), "failures": failures}, indent=2))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
