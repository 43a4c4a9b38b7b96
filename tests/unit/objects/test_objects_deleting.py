import base64
import hashlib

from objectlens import errors
from objectlens.s3.xml import escape


def request(*names, quiet=False):
    objects = "".join(f"<Object>{name}</Object>" for name in names)
    return f"<Delete>{objects}<Quiet>{str(quiet).lower()}</Quiet></Delete>".encode()


def key(name, inner=""):
    return f"<Key>{escape(name)}</Key>{inner}"


def test_delete_is_always_204(play):
    async def scenario(world):
        await world("PUT", "/pics/a/b", b"x")
        for _ in range(2):
            answer = await world("DELETE", "/pics/a/b")
            assert (answer.status, answer.body) == (204, b"")
        assert (await world("DELETE", "/pics/k?versionId=null"))["x-amz-version-id"] == "null"
        # S3 tells a version that was never there as one that is gone.
        assert (await world("DELETE", "/pics/k?versionId=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv")).status == 204
        await world.refused(errors.InvalidArgument, "DELETE", "/pics/k?versionId=v")

    play(scenario)


def test_conditional_deletes(play):
    async def scenario(world):
        etag = (await world("PUT", "/pics/k", b"x"))["ETag"]
        await world.refused(errors.PreconditionFailed, "DELETE", "/pics/k", If_Match='"other"')
        assert (await world("DELETE", "/pics/k", If_Match=etag)).status == 204
        # What is gone already cannot be deleted in a state that nobody wants.
        assert (await world("DELETE", "/pics/k", If_Match=etag)).status == 204
        kept = {"x_amz_if_match_size": "2"}
        await world("PUT", "/pics/k", b"x")
        await world.refused(errors.PreconditionFailed, "DELETE", "/pics/k", **kept)
        assert (await world("DELETE", "/pics/k", x_amz_if_match_size="1")).status == 204

    play(scenario)


def test_many_at_once(play):
    async def scenario(world):
        names = [f"k{number}" for number in range(40)]
        for name in names:
            await world("PUT", f"/pics/{name}", b"x")
        answer = await world("POST", "/pics?delete", request(*map(key, [*names, "missing", "&<"])))
        assert answer.text.count("<Deleted>") == 42
        assert "<Key>&amp;&lt;</Key>" in answer.text
        assert "<Error>" not in answer.text
        assert "<KeyCount>0</KeyCount>" in (await world("GET", "/pics?list-type=2")).text
        quiet = await world("POST", "/pics?delete", request(key("a"), quiet=True))
        assert "<Deleted>" not in quiet.text

    play(scenario)


def test_each_key_is_authorised_and_told_of(play):
    async def scenario(world):
        for name in ("mine/a", "yours/a", "mine/b"):
            await world("PUT", f"/pics/{name}", b"x")
        user = await world.user(
            "user", {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::pics/mine/*"}
        )
        names = (
            key("mine/a"),
            key("yours/a"),
            key("mine/c", "<VersionId>vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv</VersionId>"),
            key("mine/b", "<ETag>other</ETag>"),
            key("mine/" + "x" * 1024),
        )
        answer = await world("POST", "/pics?delete", request(*names, quiet=True), caller=user)
        assert answer.status == 200
        codes = [part.partition("</Code>")[0] for part in answer.text.split("<Code>")[1:]]
        assert codes == ["AccessDenied", "AccessDenied", "PreconditionFailed", "KeyTooLongError"]
        left = (await world("GET", "/pics?list-type=2")).text
        assert "mine/a" not in left
        assert "yours/a" in left
        assert "mine/b" in left

    play(scenario)


def test_bodies_that_are_refused(play):
    async def scenario(world):
        body = request(key("a"))
        md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        await world.refused(errors.BadDigest, "POST", "/pics?delete", body, Content_MD5=md5)
        await world.refused(errors.BadDigest, "POST", "/pics?delete", body, x_amz_checksum_crc32="AAAAAA==")
        await world.refused(errors.MalformedXML, "POST", "/pics?delete", b"<Delete></Delete>")
        await world.refused(errors.MalformedXML, "POST", "/pics?delete", request(*[key("k")] * 1001))

    play(scenario)
