import base64
import hashlib
import re
import zlib

from objectlens import errors
from objectlens.s3 import checksums

MIB = 1024 * 1024
BIG = bytes(range(256)) * (5 * MIB // 256)


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def inside(answer, name):
    return re.findall(f"<{name}>([^<]*)</{name}>", answer.text)


async def begin(world, key="k", **headers):
    return inside(await world("POST", f"/pics/{key}?uploads", **headers), "UploadId")[0]


async def part(world, upload, number, body, key="k", **headers):
    return (await world("PUT", f"/pics/{key}?partNumber={number}&uploadId={upload}", body, **headers))["ETag"]


def listed(*parts, **more):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag>{inner}</Part>" for n, tag in parts)
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()


def test_from_parts_to_an_object(play):
    async def scenario(world):
        upload = await begin(world, "a/k", Content_Type="image/png", x_amz_meta_k="v", x_amz_tagging="a=b")
        tags = [await part(world, upload, n, body, "a/k") for n, body in ((1, BIG), (2, BIG), (7, b"end"))]
        await world.refused(errors.NoSuchKey, "GET", "/pics/a/k")
        body = listed((1, tags[0]), (2, tags[1]), (7, tags[2]))
        done = await world("POST", f"/pics/a/k?uploadId={upload}", body)
        digests = b"".join(hashlib.md5(one).digest() for one in (BIG, BIG, b"end"))
        etag = f"{hashlib.md5(digests).hexdigest()}-3"
        assert inside(done, "ETag") == [f"&quot;{etag}&quot;"]
        assert inside(done, "Location") == ["http://localhost:9000/pics/a/k"]
        whole = BIG + BIG + b"end"
        got = await world("GET", "/pics/a/k", x_amz_checksum_mode="ENABLED")
        assert got.body == whole
        assert got["ETag"] == f'"{etag}"'
        assert (got["Content-Type"], got["x-amz-meta-k"], got["x-amz-tagging-count"]) == ("image/png", "v", "1")
        crc = checksums.new("CRC64NVME")
        crc.update(whole)
        assert got["x-amz-checksum-crc64nvme"] == checksums.encode(crc.digest())
        second = await world("GET", "/pics/a/k?partNumber=2")
        assert (second.status, second.body == BIG, second["x-amz-mp-parts-count"]) == (206, True, "3")
        third = await world("HEAD", "/pics/a/k?partNumber=3")
        assert (third.length, third["Content-Range"]) == (3, f"bytes {10 * MIB}-{10 * MIB + 2}/{10 * MIB + 3}")
        again = await world("POST", f"/pics/a/k?uploadId={upload}", body)
        assert inside(again, "ETag") == inside(done, "ETag")
        await world.refused(errors.NoSuchUpload, "POST", f"/pics/a/k?uploadId={upload}", listed((1, tags[0])))

    play(scenario)


def test_checksums_of_parts_and_of_the_whole(play):
    async def scenario(world):
        upload = await begin(world, x_amz_checksum_algorithm="CRC32")
        first = await part(world, upload, 1, BIG, x_amz_checksum_crc32=crc32(BIG))
        last = await part(world, upload, 2, b"x")
        await world.refused(
            errors.InvalidRequest,
            "PUT",
            f"/pics/k?partNumber=3&uploadId={upload}",
            b"x",
            x_amz_checksum_sha256=base64.b64encode(hashlib.sha256(b"x").digest()).decode(),
        )
        await world.refused(
            errors.BadDigest, "PUT", f"/pics/k?partNumber=3&uploadId={upload}", b"x", x_amz_checksum_crc32=crc32(b"y")
        )
        shown = await world("GET", f"/pics/k?uploadId={upload}")
        assert inside(shown, "ChecksumCRC32") == [crc32(BIG), crc32(b"x")]
        assert inside(shown, "ChecksumAlgorithm") == ["CRC32"]
        body = listed((1, first), (2, last))
        composite = crc32(zlib.crc32(BIG).to_bytes(4, "big") + zlib.crc32(b"x").to_bytes(4, "big"))
        target = f"/pics/k?uploadId={upload}"
        await world.refused(errors.BadDigest, "POST", target, body, x_amz_checksum_crc32=crc32(b"z"))
        await world.refused(errors.InvalidPart, "POST", target, listed((1, first), ChecksumCRC32=crc32(b"z")))
        done = await world("POST", target, body, x_amz_checksum_crc32=composite)
        assert inside(done, "ChecksumCRC32") == [f"{composite}-2"]
        assert inside(done, "ChecksumType") == ["COMPOSITE"]

    play(scenario)


def test_a_full_object_checksum(play):
    async def scenario(world):
        upload = await begin(world, x_amz_checksum_algorithm="CRC32", x_amz_checksum_type="FULL_OBJECT")
        tags = [await part(world, upload, 1, BIG), await part(world, upload, 2, b"tail")]
        done = await world("POST", f"/pics/k?uploadId={upload}", listed(*enumerate(tags, 1)))
        assert inside(done, "ChecksumCRC32") == [crc32(BIG + b"tail")]
        assert inside(done, "ChecksumType") == ["FULL_OBJECT"]

    play(scenario)


def test_what_complete_refuses(play):
    async def scenario(world):
        upload = await begin(world)
        small = await part(world, upload, 1, b"small")
        big = await part(world, upload, 2, BIG)
        target = f"/pics/k?uploadId={upload}"
        await world.refused(errors.EntityTooSmall, "POST", target, listed((1, small), (2, big)))
        await world.refused(errors.InvalidPartOrder, "POST", target, listed((2, big), (1, small)))
        await world.refused(errors.InvalidPart, "POST", target, listed((2, small)))
        await world.refused(errors.InvalidPart, "POST", target, listed((3, big)))
        await world.refused(errors.MalformedXML, "POST", target, b"<Complete/>")
        await world.refused(errors.InvalidRequest, "POST", target, listed((2, big)), x_amz_mp_object_size="1")
        await world.refused(errors.NoSuchUpload, "POST", "/pics/other?uploadId=" + upload, listed((2, big)))
        await world.refused(errors.NoSuchUpload, "POST", "/pics/k?uploadId=nonsense", listed((2, big)))
        await world("PUT", "/pics/k", b"there")
        await world.refused(errors.PreconditionFailed, "POST", target, listed((2, big)), If_None_Match="*")
        assert (await world("GET", "/pics/k")).body == b"there"
        assert (await world("POST", target, listed((2, big)), x_amz_mp_object_size=str(len(BIG)))).status == 200

    play(scenario)


def test_abort(play):
    async def scenario(world):
        upload = await begin(world)
        await part(world, upload, 1, b"x")
        await world.refused(errors.NoSuchUpload, "DELETE", f"/pics/other?uploadId={upload}")
        assert (await world("DELETE", f"/pics/k?uploadId={upload}")).status == 204
        await world.refused(errors.NoSuchUpload, "DELETE", f"/pics/k?uploadId={upload}")
        await world.refused(errors.NoSuchUpload, "PUT", f"/pics/k?partNumber=1&uploadId={upload}", b"x")
        await world.refused(errors.NoSuchUpload, "GET", f"/pics/k?uploadId={upload}")

    play(scenario)


def test_parts_page_by_page(play):
    async def scenario(world):
        upload = await begin(world)
        for number in (1, 2, 5):
            await part(world, upload, number, b"x" * number)
        first = await world("GET", f"/pics/k?uploadId={upload}&max-parts=2")
        assert (inside(first, "PartNumber"), inside(first, "IsTruncated")) == (["1", "2"], ["true"])
        assert inside(first, "NextPartNumberMarker") == ["2"]
        rest = await world("GET", f"/pics/k?uploadId={upload}&part-number-marker=2")
        assert (inside(rest, "PartNumber"), inside(rest, "Size")) == (["5"], ["5"])
        assert inside(rest, "IsTruncated") == ["false"]

    play(scenario)


def test_uploads_page_by_page(play):
    async def scenario(world):
        begun = [await begin(world, key) for key in ("a", "b/1", "b/1", "b/2", "c")]
        everything = await world("GET", "/pics?uploads")
        assert inside(everything, "Key") == ["a", "b/1", "b/1", "b/2", "c"]
        assert inside(everything, "UploadId") == begun
        found, markers = [], ""
        while True:
            answer = await world("GET", f"/pics?uploads&max-uploads=2{markers}")
            found += inside(answer, "UploadId")
            if inside(answer, "IsTruncated") == ["false"]:
                break
            key, upload = inside(answer, "NextKeyMarker")[0], inside(answer, "NextUploadIdMarker")[0]
            markers = f"&key-marker={key}&upload-id-marker={upload}"
        assert found == begun
        rolled = await world("GET", "/pics?uploads&delimiter=/")
        assert (inside(rolled, "Key"), inside(rolled, "Prefix")) == (["a", "c"], ["b/"])
        first = await world("GET", "/pics?uploads&delimiter=/&max-uploads=2")
        assert (inside(first, "Prefix"), inside(first, "NextKeyMarker")) == (["b/"], ["b/"])
        rest = await world("GET", "/pics?uploads&delimiter=/&max-uploads=2&key-marker=b/")
        assert (inside(rest, "Key"), inside(rest, "Prefix")) == (["c"], [])
        assert inside(await world("GET", "/pics?uploads&prefix=b/2"), "Key") == ["b/2"]
        assert inside(await world("GET", "/pics?uploads&max-uploads=0"), "IsTruncated") == ["false"]

    play(scenario)


def test_attributes_of_a_multipart_object(play):
    async def scenario(world):
        upload = await begin(world)
        tags = [await part(world, upload, 1, BIG), await part(world, upload, 2, b"tail")]
        await world("POST", f"/pics/k?uploadId={upload}", listed(*enumerate(tags, 1)))
        answer = await world("GET", "/pics/k?attributes", x_amz_object_attributes="ETag,ObjectParts,ObjectSize")
        assert inside(answer, "PartsCount") == ["2"]
        assert inside(answer, "ObjectSize") == [str(len(BIG) + 4)]
        assert inside(answer, "ETag")[0].endswith("-2")

    play(scenario)
