import re
from xml.etree.ElementTree import fromstring

from objectlens import errors

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def texts(answer, path):
    return [one.text or "" for one in fromstring(answer.body).findall("/".join(NS + name for name in path.split("/")))]


async def fill(world, *keys):
    for key in keys:
        await world("PUT", f"/pics/{key}", b"x")


def test_version_two(play):
    async def scenario(world):
        await fill(world, "a", "b/1", "b/2", "c")
        answer = await world("GET", "/pics?list-type=2&delimiter=/")
        assert answer["Content-Type"] == "application/xml"
        assert texts(answer, "Name") == ["pics"]
        assert texts(answer, "Contents/Key") == ["a", "c"]
        assert texts(answer, "CommonPrefixes/Prefix") == ["b/"]
        assert texts(answer, "KeyCount") == ["3"]
        assert texts(answer, "IsTruncated") == ["false"]
        assert texts(answer, "Contents/Size") == ["1", "1"]
        assert texts(answer, "Contents/Owner/ID") == []
        owned = await world("GET", "/pics?list-type=2&fetch-owner=true&prefix=b/")
        assert texts(owned, "Contents/Key") == ["b/1", "b/2"]
        assert all(re.fullmatch("[0-9a-f]{64}", one) for one in texts(owned, "Contents/Owner/ID"))
        after = await world("GET", "/pics?list-type=2&start-after=b/1")
        assert (texts(after, "Contents/Key"), texts(after, "StartAfter")) == (["b/2", "c"], ["b/1"])

    play(scenario)


def test_pages(play):
    async def scenario(world):
        keys = [f"k{number:02}" for number in range(7)]
        await fill(world, *keys)
        found, token = [], ""
        while True:
            answer = await world("GET", f"/pics?list-type=2&max-keys=3{token}")
            found += texts(answer, "Contents/Key")
            if texts(answer, "IsTruncated") == ["false"]:
                break
            token = f"&continuation-token={texts(answer, 'NextContinuationToken')[0]}"
        assert found == keys
        assert answer.headers is not None
        zero = await world("GET", "/pics?list-type=2&max-keys=0")
        assert (texts(zero, "IsTruncated"), texts(zero, "MaxKeys"), texts(zero, "Contents/Key")) == (
            ["false"],
            ["0"],
            [],
        )
        await world.refused(errors.InvalidArgument, "GET", "/pics?list-type=2&continuation-token=x")
        await world.refused(errors.InvalidArgument, "GET", "/pics?list-type=2&max-keys=-1")

    play(scenario)


def test_version_one(play):
    async def scenario(world):
        await fill(world, "a", "b/1", "b/2", "c")
        answer = await world("GET", "/pics?max-keys=2")
        assert texts(answer, "Contents/Key") == ["a", "b/1"]
        assert texts(answer, "NextMarker") == []
        assert len(texts(answer, "Contents/Owner/ID")) == 2
        answer = await world("GET", "/pics?max-keys=2&delimiter=/")
        assert texts(answer, "NextMarker") == ["b/"]
        answer = await world("GET", "/pics?delimiter=/&marker=b/")
        assert (texts(answer, "Contents/Key"), texts(answer, "Marker")) == (["c"], ["b/"])

    play(scenario)


def test_encoding(play):
    async def scenario(world):
        await fill(world, "a%20b", "%C3%A9%26", "x%01y")
        answer = await world("GET", "/pics?list-type=2&encoding-type=url")
        assert texts(answer, "Contents/Key") == ["a%20b", "x%01y", "%C3%A9%26"]
        await world.refused(errors.InvalidArgument, "GET", "/pics?list-type=2&encoding-type=base64")

    play(scenario)


def test_versions(play):
    async def scenario(world):
        await fill(world, "a", "b", "c")
        answer = await world("GET", "/pics?versions&max-keys=2")
        assert texts(answer, "Version/Key") == ["a", "b"]
        assert texts(answer, "Version/VersionId") == ["null", "null"]
        assert texts(answer, "Version/IsLatest") == ["true", "true"]
        assert texts(answer, "NextKeyMarker") == ["b"]
        answer = await world("GET", "/pics?versions&key-marker=b&version-id-marker=null")
        assert texts(answer, "Version/Key") == ["c"]
        assert (await world("GET", "/pics?versioning")).body.endswith(b'/doc/2006-03-01/"></VersioningConfiguration>')

    play(scenario)


def test_through_an_access_point_the_name_is_the_buckets(play):
    async def scenario(world):
        await fill(world, "a")
        point = await world.access_point("raw", "pics")
        answer = await world("GET", f"/{point.alias}?list-type=2")
        assert (texts(answer, "Name"), texts(answer, "Contents/Key")) == (["pics"], ["a"])

    play(scenario)
