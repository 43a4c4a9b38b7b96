"""Packets of a film on their way to another file, and what of that file is shown.

Sections in parentheses are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av


def microseconds(packet: Any) -> int:
    """Return when a packet is shown."""
    return int(packet.pts * packet.time_base * av.time_base)


def timed(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield the packets that are shown at all, each with the time at which it is decoded.

    Matroska has no such times, and FFmpeg finds them out only some pictures after the first, the key frame.
    """
    early: dict[int, list[Any]] = {}
    for packet in packets:
        if packet.pts is None:
            continue
        waiting = early.setdefault(packet.stream.index, [])
        waiting.append(packet)
        if packet.dts is not None:
            for distance, one in enumerate(reversed(waiting)):
                one.dts = packet.dts - distance
            yield from waiting
            waiting.clear()


def from_key_frame(packets: Iterator[Any], index: int, stamp: int) -> Iterator[Any]:
    """Yield packets from the last key frame of a stream at or before a time on, or from the first one there is.

    Of other streams those that sound from then on, also where they lie before it; of its own none that is shown before
    it, for that is made of pictures before it, too.
    """
    key: Any = None
    held: list[Any] = []
    begun = False
    for packet in packets:
        if begun:
            if packet.stream.index != index or packet.pts >= key.pts:
                yield packet
            continue
        own = packet.stream.index == index
        if own and packet.is_keyframe and (key is None or microseconds(packet) <= stamp):
            key, since = packet, packet.pts * packet.time_base
            held = [one for one in held if one.stream.index != index and one.pts * one.time_base >= since]
            # What sounds from then on is told when it comes from the picture.
            held.insert(0, packet)
        elif not own or (key is not None and packet.pts >= key.pts):
            held.append(packet)
        if key is not None and own and microseconds(packet) > stamp:
            begun = True
            yield from held
    if not begun and key is not None:
        yield from held


def until(packets: Iterator[Any], last: Fraction) -> Iterator[Any]:
    """Yield the packets that are shown before a time, and those before them of which they may be made."""
    held: dict[int, list[Any]] = {}
    for packet in packets:
        # Nothing that is decoded from then on is shown before.
        if packet.dts * packet.time_base >= last:
            continue
        waiting = held.setdefault(packet.stream.index, [])
        waiting.append(packet)
        if packet.pts * packet.time_base < last and not packet.is_discard:
            yield from waiting
            waiting.clear()


def rising(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield the packets with times of decoding that rise in each stream: those of MPEG go back by some pictures."""
    before: dict[int, int] = {}
    for packet in packets:
        index = packet.stream.index
        packet.dts = before[index] = max(packet.dts, before.get(index, packet.dts - 1) + 1)
        packet.pts = max(packet.pts, packet.dts)
        yield packet


def cut(data: bytes, hidden: Fraction, shown: Fraction) -> bytes:
    """Return an MP4 file that shows so many seconds at most, and not the first `hidden`, by its edit lists (8.6.6)."""
    whole = bytearray(data)
    movie = next(box for name, box in _boxes(whole, (0, len(whole))) if name == b"moov")
    within = dict(_boxes(whole, movie))
    scale = _scale(whole, within[b"mvhd"])
    for name, box in _boxes(whole, movie):
        if name == b"trak":
            track = dict(_boxes(whole, box))
            _edit(whole, track, round(hidden * scale), round(shown * scale), scale)
            _lower(whole, track[b"tkhd"][0], (20, 28), round(shown * scale))
    _lower(whole, within[b"mvhd"][0], (16, 24), round(shown * scale))
    return bytes(whole)


def _edit(whole: bytearray, track: dict[bytes, tuple[int, int]], hidden: int, left: int, scale: int) -> None:
    """Take what is hidden off the front of a track's edits, and leave so much of them; in the movie's ticks."""
    if b"edts" not in track:
        return
    (place, _) = dict(_boxes(whole, track[b"edts"]))[b"elst"]
    media = Fraction(_scale(whole, dict(_boxes(whole, track[b"mdia"]))[b"mdhd"]), scale)
    layout = struct.Struct(">Qq" if whole[place] else ">Ii")
    (count,) = struct.unpack_from(">I", whole, place + 4)
    for entry in range(count):
        at = place + 8 + entry * (layout.size + 4)
        duration, time = layout.unpack_from(whole, at)
        less = min(hidden, duration)
        kept = min(duration - less, left)
        # An edit of -1 shows nothing for a while.
        layout.pack_into(whole, at, kept, time if time < 0 else time + round(less * media))
        hidden, left = hidden - less, left - kept


def _scale(whole: bytearray, box: tuple[int, int]) -> int:
    """Return the ticks a second of a header (8.2.2, 8.4.2)."""
    return int(struct.unpack_from(">I", whole, box[0] + (20 if whole[box[0]] else 12))[0])


def _lower(whole: bytearray, place: int, offsets: tuple[int, int], most: int) -> None:
    """Bring down a duration, which stands at the first offset or, in version 1, at the second (8.2.2, 8.3.2)."""
    code, at = (">Q", place + offsets[1]) if whole[place] else (">I", place + offsets[0])
    struct.pack_into(code, whole, at, min(struct.unpack_from(code, whole, at)[0], most))


def _boxes(whole: bytearray, within: tuple[int, int]) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield the boxes that lie side by side, and where what is in them begins and ends (4.2)."""
    place, end = within
    while place + 8 <= end:
        size, name = struct.unpack_from(">I4s", whole, place)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", whole, place + 8), 16
        yield name, (place + head, place + size)
        place += max(size, head)
