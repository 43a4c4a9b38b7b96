"""One member out of a tar or zip, and every member of a tar shard through a pipeline."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import IO, Annotated, Any, Self

from objectlens.transforms.archive.ahead import Ahead, entry
from objectlens.transforms.archive.compression import PIECE, expanded, is_compressed
from objectlens.transforms.archive.streams import Reader
from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput, reading
from objectlens.transforms.hints import Bounds, PipelineMap
from objectlens.transforms.program import compile_inner, is_extension

_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
# RecursionError: tarfile calls itself for each extended header that follows another.
_TAR_FAULTS = (tarfile.TarError, EOFError, ValueError, OSError, OverflowError, RecursionError)
_FREE = 16 * 1024 * 1024
# Headers that only say more about the next one; each is read as a whole.
_EXTENDED = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)
_EXTENDED_BYTES = 1024 * 1024
# Of each entry of a zip's directory (APPNOTE 4.3.12).
_ZIP_ENTRY = b"PK\x01\x02"
# Of its general purpose bits (APPNOTE 4.4.4).
_ENCRYPTED = 1
Pipelines = Annotated[dict[str, Any], Bounds(1, 64), PipelineMap()]


@transform(family="archive")
def member(data: bytes, ctx: Context, *, name: Annotated[str, Bounds(1, 4096)]) -> bytes:
    """Return the member called `name` of a zip, or of a tar, compressed or not; the last one, where there are more."""
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip_member(data, ctx, name)
    found, other = None, ""
    with reading("tar archive", *_TAR_FAULTS):
        for info, file in _tar_members(iter((data,)), ctx):
            if _same(info.name, name):
                # As tar itself and tarfile do it: what was added later is newer.
                found = b"".join(_read(file, info.size, ctx)) if file else None
                other = _kind(info)
    if found is None:
        raise BadInput(f"the member {name!r} is {other}" if other else f"the archive has no member {name!r}")
    return found


def _same(name: str, wanted: str) -> bool:
    return name.removeprefix("./").rstrip("/") == wanted.removeprefix("./").rstrip("/")


def _kind(info: tarfile.TarInfo) -> str:
    if info.islnk() or info.issym():
        return f"a link to {info.linkname!r}, and links are not followed; ask for that"
    return "a folder" if info.isdir() else "no file"


def check(*, pipelines: dict[str, Any], keep_others: bool) -> None:
    """Raise `BadArgument` for extensions that no member has."""
    for extension in pipelines:
        if extension and (not is_extension(extension) or extension != extension.lower()):
            raise BadArgument(
                f"pipelines are for extensions such as jpg or seg.png, in lower case, not {extension!r:.60}",
                "pipelines",
            )


@transform(family="archive", content_type="application/x-tar", check=check)
def webdataset(
    chunks: Iterator[bytes], ctx: Context, *, pipelines: Pipelines, keep_others: bool = True
) -> Iterator[bytes]:
    """Pass a tar shard on with each member run through the pipeline of its extension, member by member.

    `pipelines` maps extensions (`jpg`, `seg.png`), in lower case, to pipelines; one may be
    `{"pipeline": [...], "extension": "npy"}`, which renames the member. Others are kept as they are, or left out.
    """
    programs = {extension: compile_inner(said, ctx) for extension, said in pipelines.items()}
    with closing(Ahead(ctx)) as ahead, reading("tar archive", *_TAR_FAULTS):
        for info, file in _tar_members(chunks, ctx):
            if file is None:
                continue
            stem, extension = _split(info.name)
            # As webdataset does it, for cameras write JPG.
            program, renamed = programs.get(extension) or programs.get(extension.lower()) or (None, None)
            if program is None and not keep_others:
                continue
            pieces = _read(file, info.size, ctx)
            if program is None and info.size > PIECE:
                # Nobody needs the whole of it at once.
                while ahead:
                    yield from ahead.entry()
                yield from entry(info.name, info, info.size, pieces)
                continue
            ahead.begin(f"{stem}.{renamed}" if renamed else info.name, info, pieces, program)
            while ahead.full:
                yield from ahead.entry()
        while ahead:
            yield from ahead.entry()
    yield b"\0" * tarfile.BLOCKSIZE * 2


def _split(name: str) -> tuple[str, str]:
    """Part `dir/000.seg.png` into `dir/000` and `seg.png`: a sample's key ends at the first dot (webdataset)."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return f"{folder}{slash}{stem}" if stem else name, extension


def _check_size(size: int) -> None:
    # Both notations, of GNU and of pax, can say less than nothing.
    if size < 0:
        raise BadInput(f"the archive has a member of {size:,} bytes")


class _Header(tarfile.TarInfo):
    """One header; tarfile itself would make room for extended ones of any size, and take a corrupt one for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise BadInput(f"the archive has a corrupt header at byte {archive.offset:,}: {error}") from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENDED and self.size > _EXTENDED_BYTES:
            raise BadInput(f"the archive has an extended header of {self.size:,} bytes; {_EXTENDED_BYTES:,} are read")
        _check_size(self.size)
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


def _tar_members(chunks: Iterator[bytes], ctx: Context) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield the members, regular files with what is in them: links and devices are nothing to follow here."""
    reader = Reader(_plain(chunks, ctx))
    with tarfile.open(fileobj=reader, mode="r|", tarinfo=_Header) as archive:
        for info in archive:
            ctx.still()
            ctx.members.add(1, ctx.limits)
            archive.members.clear()  # type: ignore[attr-defined]
            yield info, archive.extractfile(info) if info.isreg() else None
        # A header that is cut off ends the archive for tarfile as an empty one does.
        if 0 < reader.size - archive.offset < tarfile.BLOCKSIZE:
            raise BadInput("the archive is cut short within a header")


def _plain(chunks: Iterator[bytes], ctx: Context) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= tarfile.BLOCKSIZE:
            break
    whole = _after(head, chunks)
    if _is_header(head[: tarfile.BLOCKSIZE]) or not head.strip(b"\0"):
        return whole
    if not is_compressed(head):
        raise BadInput(
            "the object is no tar, nor one compressed with gzip, zstd, bzip2, LZ4 or snappy frames, and no zip"
        )
    return expanded(whole, ctx)


def _is_header(block: bytes) -> bool:
    """Tell a header of tar: by its magic, or in archives older than that, by its sum (tar(5))."""
    if block[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _after(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


def _read(file: IO[bytes], size: int, ctx: Context) -> Iterator[bytes]:
    ctx.limits.check("bytes", size, f"a member of {size:,} bytes")
    _check_size(size)
    while size:
        piece = file.read(min(size, PIECE))
        if not piece:
            raise BadInput("the archive is cut short within a member")
        size -= len(piece)
        yield piece


def _zip_member(data: bytes, ctx: Context, name: str) -> bytes:
    # What the end record says of their number is not what zipfile reads.
    ctx.members.add(data.count(_ZIP_ENTRY), ctx.limits)
    with reading("zip archive", *_ZIP_FAULTS), zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = next((one for one in reversed(archive.infolist()) if _same(one.filename, name)), None)
        if info is None:
            raise BadInput(f"the archive has no member {name!r}")
        if info.is_dir() or info.flag_bits & _ENCRYPTED:
            raise BadInput(f"the member {name!r} is {'a folder' if info.is_dir() else 'encrypted'}")
        ctx.limits.check("output_bytes", info.file_size, f"a member of {info.file_size:,} bytes, decompressed,")
        if info.file_size > _FREE:
            ratio = info.file_size / max(1, info.compress_size)
            ctx.limits.check("ratio", ratio, f"a member that grows {ratio:,.0f} times")
        with archive.open(info) as file:
            # zipfile itself reads no more than the directory promised, and checks the CRC.
            return b"".join(_pieces(file, ctx))


def _pieces(file: IO[bytes], ctx: Context) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        ctx.still()
        yield piece
