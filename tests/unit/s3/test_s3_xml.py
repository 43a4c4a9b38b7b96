"""XML: escaping on the way out, bounds on the way in."""

import time
from xml.etree import ElementTree as ET  # the reference reader

import pytest

from objectlens.errors import MalformedXML, NoSuchKey
from objectlens.s3 import xml


@pytest.mark.parametrize("text", ["a&b", "<>\"'", "a\r\nb\tc", "  spaces  ", "日本 \U0001f600", "]]>", "&amp;"])
def test_text_comes_back(text):
    document = xml.document("R", (xml.tag("A", text),))
    assert ET.fromstring(document)[0].text == text


def test_what_xml_cannot_carry():
    assert xml.escape("\x00\x1f\x0b") == "&#x0;&#x1f;&#xb;"
    assert xml.document("R", (xml.tag("A", "\ud800"),)).endswith(b"<A>\xef\xbf\xbd</A></R>")


def test_elements():
    assert xml.tag("A", None) == ""
    assert xml.tag("A", None, empty=True) == "<A/>"
    assert xml.tag("A", "") == "<A/>"
    assert xml.tag("A", value=True) == "<A>true</A>"
    assert xml.tag("A", 0) == "<A>0</A>"
    assert xml.nest("A", ()) == "<A/>"
    assert xml.document("R", (), namespace=None).endswith(b"\n<R></R>")


def test_error_details_stand_between_message_and_ids():
    text = xml.render_error(NoSuchKey("gone", Key="k", BucketName="b"), "R", "H").decode()
    assert text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>gone</Message><Key>k</Key>'
        "<BucketName>b</BucketName><RequestId>R</RequestId><HostId>H</HostId></Error>"
    )


@pytest.mark.parametrize(
    "body",
    [
        b'<a:Delete xmlns:a="http://s3.amazonaws.com/doc/2006-03-01/"><a:Quiet>x</a:Quiet></a:Delete>',
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>x</Quiet></Delete>',
        b"<Delete><Quiet>x</Quiet><Quiet>y</Quiet></Delete>",
        '<?xml version="1.0" encoding="UTF-16"?><Delete><Quiet>x</Quiet></Delete>'.encode("utf-16"),
    ],
)
def test_bodies_with_and_without_namespace(body):
    root = xml.parse(body, "Delete")
    assert xml.text_of(root, "Quiet") == "x"
    assert xml.text_of(root, "Other") is None
    with pytest.raises(MalformedXML):
        xml.required_text(root, "Other")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<Delete>",
        b"<Delete></Delete><Delete/>",
        b"<Other/>",
        b"<Delete>\xff</Delete>",
        b"<Delete>&undefined;</Delete>",
        b"<Delete>&#0;</Delete>",
        b'<?xml version="1.0" encoding="klingon"?><Delete/>',
        b"<!DOCTYPE Delete><Delete/>",
        b'<!DOCTYPE Delete [<!ENTITY a "b">]><Delete>&a;</Delete>',
        b'<!DOCTYPE Delete SYSTEM "file:///etc/passwd"><Delete/>',
    ],
)
def test_what_is_not_our_xml(body):
    with pytest.raises(MalformedXML):
        xml.parse(body, "Delete")


def test_bodies_are_bounded_before_they_cost_anything():
    started = time.monotonic()
    for body in (
        b"<Delete>" + b"a" * xml.MAX_BYTES + b"</Delete>",
        b"<Delete>" + b"<a/>" * 900_000 + b"</Delete>",
        b"<Delete>" * 500_000,
    ):
        with pytest.raises(MalformedXML):
            xml.parse(body, "Delete")
    assert time.monotonic() - started < 5


def test_the_longest_legal_body_passes():
    part = "<Part><PartNumber>10000</PartNumber><ETag>&quot;{}&quot;</ETag><ChecksumSHA512>{}</ChecksumSHA512></Part>"
    body = "<CompleteMultipartUpload>" + part.format("a" * 38, "b" * 88) * 10_000 + "</CompleteMultipartUpload>"
    assert len(xml.parse(body.encode(), "CompleteMultipartUpload")) == 10_000


def test_an_error_that_repeats_control_characters_is_still_xml() -> None:
    error = NoSuchKey(Key="a\x00b\x1f\uffffc")
    root = ET.fromstring(xml.render_error(error, "request", "host"))
    assert root.findtext("Code") == "NoSuchKey"
    assert root.findtext("Key") == "a\ufffdb\ufffd\ufffdc"
