"""Archive steps against the libraries that wrote the files, and bombs."""

import bz2
import gzip
import io
import json
import tarfile
import zipfile

import cramjam
import cv2
import lz4.frame
import numpy as np
import pytest
import zstandard

from objectlens.transforms import BadInput, BadPipeline, Context, LimitExceeded, Limits, compile_pipeline
from objectlens.transforms import archive as steps
from support.tars import tar

TEXT = b"".join(b"line %d of the text\n" % number for number in range(50_000))
PACKED = {
    "gzip": gzip.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "bz2": bz2.compress(TEXT),
    "lz4": lz4.frame.compress(TEXT),
    "snappy": bytes(cramjam.snappy.compress(TEXT)),
}
MIB = 1024 * 1024


def pieces(data: bytes, size: int):
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [13, 1000, 10**9])
def test_decompress(name, size):
    assert bytes(steps.decompress(pieces(PACKED[name], size))) == TEXT
    assert bytes(steps.decompress(pieces(PACKED[name], size), format=name)) == TEXT


@pytest.mark.parametrize("name", ["gzip", "zstd", "bz2", "lz4"])
def test_several_streams_in_a_row(name):
    assert bytes(steps.decompress(PACKED[name] * 2)) == TEXT * 2


@pytest.mark.parametrize("name", PACKED)
def test_cut_short_or_corrupt(name):
    with pytest.raises(BadInput):
        bytes(steps.decompress(PACKED[name][:-9]))


@pytest.mark.parametrize("name", ["gzip", "bz2", "snappy"])
def test_corrupt_in_the_middle(name):
    damaged = bytearray(PACKED[name])
    damaged[len(damaged) // 2] ^= 0xFF
    with pytest.raises(BadInput):
        bytes(steps.decompress(bytes(damaged)))


@pytest.mark.parametrize("name", ["gzip", "zstd", "bz2", "lz4"])
@pytest.mark.parametrize("size", [7, 1000, 10**9])
def test_zeros_behind_each_of_several_streams(name, size):
    data = PACKED[name] + bytes(600) + PACKED[name] + bytes(20_000)
    assert bytes(steps.decompress(pieces(data, size))) == TEXT * 2
    with pytest.raises(BadInput):
        bytes(steps.decompress(pieces(data + b"no stream", size)))


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_very_many_short_streams_and_frames_for_others(name):
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress}[name]
    assert bytes(steps.decompress(pack(b"") * 50_000 + pack(b"end"))) == b"end"
    frames = b"\x50\x2a\x4d\x18\0\0\0\0" * 100_000
    assert bytes(steps.decompress(frames + zstandard.compress(b"end"))) == b"end"
    for size in (5, 8, 30):
        assert bytes(steps.decompress(pieces(frames[:80] + zstandard.compress(b"end"), size))) == b"end"


def test_unknown_compression():
    with pytest.raises(BadInput, match="not compressed"):
        bytes(steps.decompress(b"plain"))


def bomb(name: str) -> bytes:
    zeros = bytes(64 * MIB)
    return {
        "gzip": gzip.compress,
        "zstd": zstandard.compress,
        "bz2": bz2.compress,
        "lz4": lz4.frame.compress,
    }[name](zeros)


@pytest.mark.parametrize("name", ["gzip", "zstd", "bz2", "lz4"])
def test_bombs(name):
    context = Context(limits=Limits(ratio=100.0))
    with pytest.raises(LimitExceeded, match="'ratio'"):
        bytes(steps.decompress()(bomb(name), ctx=context))
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        bytes(steps.decompress()(bomb(name), ctx=Context(limits=Limits(output_bytes=10 * MIB))))


def test_little_comes_of_a_bomb_at_once():
    for name in ("gzip", "zstd", "bz2", "lz4"):
        made = steps.decompress()(iter([bomb(name)]), ctx=Context(limits=Limits(ratio=10**6)))
        assert all(len(piece) <= 33 * MIB for piece in made.body)


def zipped(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return sink.getvalue()


MEMBERS = {"a.txt": b"first", "dir/b.txt": TEXT}


@pytest.mark.parametrize(
    "data",
    [tar(MEMBERS), tar(MEMBERS, "w:gz"), tar(MEMBERS, "w:bz2"), zstandard.compress(tar(MEMBERS)), zipped(MEMBERS)],
)
def test_one_member(data):
    assert steps.member(data, name="dir/b.txt").body == TEXT
    assert steps.member(data, name="a.txt").body == b"first"
    with pytest.raises(BadInput, match="no member 'c'"):
        steps.member(data, name="c")


@pytest.mark.parametrize("make", [tar, zipped])
def test_too_many_members(make):
    data = make({f"{number}": b"" for number in range(50)})
    with pytest.raises(LimitExceeded, match="'members'"):
        steps.member(name="49")(data, ctx=Context(limits=Limits(members=10)))


def test_zips_that_lie_about_the_number_of_their_members():
    data = zipped({f"{number}": b"" for number in range(50)})
    end = data.rindex(b"PK\x05\x06")
    lying = data[: end + 8] + (1).to_bytes(2, "little") * 2 + data[end + 12 :]
    with pytest.raises(LimitExceeded, match="50 members or more is more than the limit of 10 on 'members'"):
        steps.member(name="49")(lying, ctx=Context(limits=Limits(members=10)))


@pytest.mark.parametrize("make", [tar, zipped])
def test_members_of_archives_in_archives_count_together(make):
    inner = make({f"{number}": b"" for number in range(9)})
    pipelines = {"arc": {"pipeline": [{"archive.member": {"name": "8"}}]}}
    pipelines = pipelines | {"shard": {"pipeline": [{"archive.webdataset": {"pipelines": pipelines}}]}}
    for data in (
        tar({f"{n}.arc": inner for n in range(5)}),
        tar({f"{n}.shard": tar({"a.arc": inner}) for n in (1, 2)}),
    ):
        program = compile_pipeline({"pipeline": [{"archive.webdataset": {"pipelines": pipelines}}]})
        assert bytes(program.run(data))
        with pytest.raises(LimitExceeded, match="'members'"):
            bytes(compile_pipeline(json.loads(program.text), ceiling=Limits(members=20)).run(data))
    # What was counted is forgotten at the end.
    assert steps.member(name="8")(inner, ctx=Context(limits=Limits(members=9))).body == b""


def test_zip_bomb_and_lies():
    with pytest.raises(LimitExceeded, match="'ratio'"):
        steps.member(name="z")(zipped({"z": bytes(64 * MIB)}), ctx=Context(limits=Limits(ratio=100.0)))
    honest = zipped({"z": bytes(MIB)})
    directory = honest.index(b"PK\x01\x02")
    lying = honest[: directory + 24] + (10).to_bytes(4, "little") + honest[directory + 28 :]
    with pytest.raises(BadInput):
        steps.member(lying, name="z")
    with pytest.raises(BadInput):
        steps.member(honest[:-30], name="z")
    with pytest.raises(BadInput):
        steps.member(tar(MEMBERS)[:2000], name="dir/b.txt")


def test_links_are_not_followed():
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    with pytest.raises(BadInput, match="'link' is a link to '/etc/passwd', and links are not followed"):
        steps.member(sink.getvalue(), name="link")
    with pytest.raises(BadInput, match="'folder/' is a folder"):
        steps.member(sink.getvalue(), name="folder/")


def test_members_that_were_added_anew():
    sink = io.BytesIO(tar({"a.txt": b"old", "./b.txt": b"other"}))
    with tarfile.open(fileobj=sink, mode="a") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"new"))
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        assert steps.member(sink.getvalue(), name="a.txt").body == archive.extractfile("a.txt").read() == b"new"
    for data in (sink.getvalue(), zipped({"b.txt": b"other"})):
        assert steps.member(data, name="./b.txt").body == b"other"


def test_zips_that_are_encrypted_and_what_is_no_archive():
    data = bytearray(zipped({"a.txt": TEXT, "d/": b""}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadInput, match=r"'a\.txt' is encrypted"):
        steps.member(bytes(data), name="a.txt")
    with pytest.raises(BadInput, match="'d/' is a folder"):
        steps.member(bytes(data), name="d/")
    with pytest.raises(BadInput, match=r"is no tar, nor one compressed with .*, and no zip"):
        steps.member(b"7z\xbc\xaf\x27\x1c" * 200, name="a.txt")


def test_lz4_of_before_its_frames():
    for arguments in ({}, {"format": "lz4"}):
        with pytest.raises(BadInput, match="compress it anew without -l"):
            bytes(steps.decompress(b"\x02\x21\x4c\x18" + bytes(20), **arguments))


def shard(count: int = 3) -> bytes:
    picture = cv2.imencode(".jpg", np.full((60, 80, 3), 99, np.uint8))[1].tobytes()
    members = {}
    for number in range(count):
        members |= {f"{number:04}.jpg": picture, f"{number:04}.json": b'{"label": 1}'}
    return tar(members)


RESIZE = {
    "pipeline": ["decode", {"resize": {"width": 8, "height": 8}}, {"encode": {"format": "png"}}],
    "extension": "png",
}


@pytest.mark.parametrize("size", [100, 10**9])
def test_webdataset(size):
    program = compile_pipeline({"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": RESIZE}}}]})
    assert program.streaming
    result = program.run(pieces(shard(), size))
    with tarfile.open(fileobj=io.BytesIO(bytes(result))) as archive:
        names = archive.getnames()
        assert names == ["0000.png", "0000.json", "0001.png", "0001.json", "0002.png", "0002.json"]
        pixels = cv2.imdecode(np.frombuffer(archive.extractfile("0000.png").read(), np.uint8), 1)
        assert pixels.shape == (8, 8, 3)
        assert json.loads(archive.extractfile("0001.json").read()) == {"label": 1}


def test_what_becomes_of_large_members_leaves_in_pieces():
    large, small = bytes(range(256)) * 16 * 1024 + b"A", b"A" * 700
    shard = tar({"0.txt": large, "1.txt": small, "2.bin": large, "3.txt": b""})
    lower = steps.webdataset(
        pipelines={"txt": {"family": "text", "pipeline": [{"decode": {"charset": "latin-1"}}, "lower"]}}
    )
    pieces = list(lower(shard).body)
    assert max(map(len, pieces)) <= MIB + 2 * tarfile.BLOCKSIZE
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces)), mode="r:") as found:
        read = {one.name: found.extractfile(one).read() for one in found}
    lowered = {name: body.decode("latin-1").lower().encode() for name, body in (("0.txt", large), ("1.txt", small))}
    assert read == {**lowered, "2.bin": large, "3.txt": b""}


def test_large_members_that_are_passed_on_are_not_gathered():
    large = bytes(range(256)) * 32 * 1024
    picture = cv2.imencode(".jpg", np.full((60, 80, 3), 99, np.uint8))[1].tobytes()
    shard = tar({"0.jpg": picture, "1.bin": large, "2.txt": b"2", "3.bin": large})
    taken, given, ahead = 0, 0, []

    def source():
        nonlocal taken
        for piece in pieces(shard, 100_000):
            taken += len(piece)
            yield piece

    made = []
    for piece in steps.webdataset(pipelines={"jpg": RESIZE})(source()).body:
        made.append(piece)
        given += len(piece)
        ahead.append(taken - given)
    assert max(ahead) < 2 * MIB
    with tarfile.open(fileobj=io.BytesIO(b"".join(made)), mode="r:") as found:
        read = {one.name: found.extractfile(one).read() for one in found}
    assert list(read) == ["0.png", "1.bin", "2.txt", "3.bin"]
    assert read["1.bin"] == read["3.bin"] == large
    with pytest.raises(BadInput, match="unexpected end of data"):
        bytes(steps.webdataset(pipelines={"jpg": RESIZE})(shard[: 5 * MIB]))


def test_webdataset_without_the_others_and_as_a_stream():
    taken = []

    def source():
        for piece in pieces(shard(50), 5000):
            taken.append(len(piece))
            yield piece

    body = steps.webdataset(pipelines={"jpg": RESIZE}, keep_others=False)(source()).body
    next(body)
    assert sum(taken) < len(shard(50)) / 2
    with tarfile.open(fileobj=io.BytesIO(b"".join([*body])), mode="r|") as archive:
        assert {name.split(".")[1] for name in archive.getnames()} == {"png"}


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_frames_for_others_are_left_out(name):
    pack = {"zstd": zstandard.compress, "lz4": lz4.frame.compress}[name]
    frame = b"\x5a\x2a\x4d\x18" + (40).to_bytes(4, "little") + bytes(40)
    for arguments in ({}, {"format": name}):
        for size in (7, 10**6):
            got = steps.decompress(pieces(frame + frame + pack(TEXT), size), **arguments)
            assert bytes(got) == TEXT
    with pytest.raises(BadInput, match="cut short"):
        bytes(steps.decompress(frame[:20]))


def test_archives_from_before_tar_had_a_magic():
    data = bytearray(tar(MEMBERS))
    for place in range(0, len(data), tarfile.BLOCKSIZE):
        if data[place + 257 : place + 262] == b"ustar":
            header = data[place : place + tarfile.BLOCKSIZE]
            header[257:512] = bytes(255)
            header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header)[0]
            data[place : place + tarfile.BLOCKSIZE] = header
    assert steps.member(bytes(data), name="dir/b.txt").body == TEXT
    assert steps.member(bytes(data), name="./a.txt").body == b"first"


def test_archives_that_end_within_a_header():
    whole = shard()
    second = whole.index(b"0000.json")
    for end in (second + 1, second + 300):
        with pytest.raises(BadInput, match="within a header"):
            bytes(steps.webdataset(whole[:end], pipelines={"jpg": RESIZE}))
    assert bytes(steps.webdataset(whole + b"behind the end", pipelines={"jpg": RESIZE}))


def test_a_corrupt_header_is_not_the_end():
    whole = bytearray(shard())
    second = whole.index(b"0000.json")
    whole[second] ^= 1
    said = f"a corrupt header at byte {second:,}: bad checksum"
    with pytest.raises(BadInput, match=said):
        bytes(steps.webdataset(bytes(whole), pipelines={"jpg": RESIZE}))
    with pytest.raises(BadInput, match=said):
        steps.member(bytes(whole), name="0000.jpg")


def test_limits_name_the_member_as_well():
    lower = {"pipeline": ["text.lower"], "limits": {"bytes": 1}}
    with pytest.raises(LimitExceeded, match=r"^member 'b\.txt': an object of 2 bytes is more than the limit of 1 on"):
        bytes(steps.webdataset(tar({"a.txt": b"A", "b.txt": b"BB"}), pipelines={"txt": lower}))


def test_extensions_of_cameras():
    data = tar({"A/IMG_1.JPG": cv2.imencode(".jpg", np.zeros((9, 9, 3)))[1].tobytes()})
    made = steps.webdataset(data, pipelines={"jpg": RESIZE})
    with tarfile.open(fileobj=io.BytesIO(bytes(made))) as archive:
        assert archive.getnames() == ["A/IMG_1.png"]


def test_members_that_are_renamed_stay_in_their_sample():
    data = tar(
        {"./0.txt": b"A", "./0.cls": b"1", "a//1.seg.TXT": b"B", "/2.txt": b"C", ".txt": b"D", "b.c/3.txt": b"E"}
    )
    lower = {"family": "text", "pipeline": ["lower"], "extension": "low"}
    made = steps.webdataset(data, pipelines={"txt": lower, "seg.txt": lower})
    with tarfile.open(fileobj=io.BytesIO(bytes(made))) as archive:
        # What is before the first dot is the sample's key, letter by letter.
        assert archive.getnames() == ["./0.low", "./0.cls", "a//1.low", "/2.low", ".txt.low", "b.c/3.low"]


def sized(size: bytes) -> bytes:
    """Return the header of a member of a size in GNU's notation for what octal digits cannot say."""
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("size", [b"\x80" + b"\xff" * 11, b"\xff" * 12, b"\xff" + b"\0" * 10 + b"\x01"])
def test_sizes_that_cannot_be(size):
    data = sized(size) * 3 + bytes(1024)
    with pytest.raises(BadInput):
        steps.member(data, name="other")
    with pytest.raises((BadInput, LimitExceeded)):
        steps.member(data, name="a.jpg")
    for others in (True, False):
        with pytest.raises((BadInput, LimitExceeded)):
            bytes(steps.webdataset(data, pipelines={"png": RESIZE}, keep_others=others))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_hostile_extended_headers(kind):
    def header(size: int) -> bytes:
        info = tarfile.TarInfo("more")
        info.type, info.size = kind, size
        return info.tobuf()

    with pytest.raises(BadInput, match="extended header of 1,000,000,000 bytes"):
        steps.member(header(10**9) + bytes(5000), name="a")
    with pytest.raises(BadInput):
        steps.member(header(0) * 3000, name="a")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, zstandard.ZstdCompressor().compress])
def test_what_is_behind_the_end_is_said(compress):
    for more in (compress(b"more"), b"\0" * 700):
        bytes(steps.decompress(compress(b"text") + more))
    with pytest.raises(BadInput, match=r"behind the end of the .* stream is something else"):
        bytes(steps.decompress(compress(b"text") + b"garbage"))


@pytest.mark.parametrize("name", ["a.txt", "./a.txt"])
@pytest.mark.parametrize("order", [("a.txt", "./a.txt", "b"), ("./a.txt", "a.txt", "b"), ("b", "a.txt", "a.txt")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_last_of_the_members_of_one_name(name, order):
    last = max(number for number, one in enumerate(order) if one != "b")
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive, tarfile.open(fileobj=tarred, mode="w") as tape:
        for number, one in enumerate(order):
            archive.writestr(one, str(number))
            info = tarfile.TarInfo(one)
            info.size = 1
            tape.addfile(info, io.BytesIO(str(number).encode()))
    for data in (zipped.getvalue(), tarred.getvalue()):
        assert bytes(steps.member(data, name=name)) == str(last).encode()


@pytest.mark.parametrize("key", [".jpg", "TXT", "a/b", "x\0"])
def test_extensions_that_no_member_has_are_refused_when_declared(key):
    with pytest.raises(BadPipeline, match="for extensions such as jpg"):
        compile_pipeline({"pipeline": [{"archive.webdataset": {"pipelines": {key: RESIZE}}}]})


@pytest.mark.parametrize("extension", ["../x", "a/b", "x\0", "", ".", ".png", "a\\b", "a\nb", 1])
def test_extensions_that_make_no_name_of_a_file_are_refused_when_declared(extension):
    renamed = RESIZE | {"extension": extension}
    with pytest.raises(BadPipeline, match="extension must be"):
        compile_pipeline({"pipeline": [{"archive.webdataset": {"pipelines": {"jpg": renamed}}}]})
