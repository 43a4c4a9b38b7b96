import pytest

from objectlens import errors
from objectlens.objects.documents import SMALL


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/pics?tagging"),
        ("PUT", "/pics?acl"),
        ("PUT", "/pics?publicAccessBlock"),
        ("PUT", "/other"),
        ("PUT", "/pics/k?tagging"),
        ("POST", "/pics?delete"),
        ("POST", "/pics/k?uploadId=u"),
    ],
)
def test_a_document_that_is_too_long_is_refused(play, method, target):
    async def scenario(world):
        await world("PUT", "/pics/k", b"x")
        body = b"<a>" + b"x" * (5 * 1024 * 1024 if method == "POST" else SMALL)
        error = await world.refused(errors.MalformedXML, method, target, body)
        assert "longer than" in error.message

    play(scenario)
