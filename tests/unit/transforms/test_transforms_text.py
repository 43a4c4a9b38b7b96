"""Text steps against the standard library, ftfy and tokenizers, and hostile texts."""

import io
import json
import time
import unicodedata

import ftfy
import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from objectlens.transforms import BadArgument, BadInput, Context, LimitExceeded, Limits, Resources, compile_pipeline
from objectlens.transforms import text as steps

GERMAN = "Süße Grüße aus München, schöne Straßen und Häuser. " * 20


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_decode_finds_the_charset(charset):
    assert bytes(steps.decode(GERMAN.encode(charset))).decode() == GERMAN


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["plain English, and nothing else", GERMAN, "Ω и 漢字 in some text of English words"])
def test_utf_16_with_and_without_a_mark(charset, text):
    for mark in ("", "\ufeff"):
        assert bytes(steps.decode((mark + text).encode(charset))).decode() == text


def test_a_mark_is_enough_to_tell_and_zeros_may_be_text():
    for charset in ("utf-16", "utf-32"):
        for text in ("", "hü", "漢"):
            assert bytes(steps.decode(text.encode(charset))).decode() == text
    for data in (b"\0", b"a\0", b"\0" * 99, b"name\0value\0"):
        assert bytes(steps.decode(data)) == data


def test_decode_by_name_and_its_errors():
    assert bytes(steps.decode("ü".encode("cp437"), charset="cp437")).decode() == "ü"
    with pytest.raises(BadArgument, match="no charset 'klingon'"):
        steps.decode(b"a", charset="klingon")
    with pytest.raises(BadInput, match="not ascii"):
        steps.decode(b"\xff", charset="ascii")
    assert bytes(steps.decode(b"a\xff", charset="ascii", errors="ignore")) == b"a"


def test_encode_normalize_fix_lower():
    assert bytes(steps.encode("aü€".encode(), charset="latin-1")) == "aü?".encode("latin-1")
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert steps.normalize.function("ﬁ é", Context(), form=form) == unicodedata.normalize(form, "ﬁ é")
    broken = "süß".encode().decode("latin-1")
    assert steps.fix.function(broken, Context()) == ftfy.fix_text(broken) == "süß"
    assert bytes(steps.lower("ÄB".encode())).decode() == "äb"


@pytest.mark.parametrize(
    ("charset", "named"),
    [("utf-8", "utf-8"), ("utf-16", "utf-16"), ("latin-1", "iso-8859-1"), ("ascii", "us-ascii")],
)
def test_the_charset_stands_in_the_content_type(charset, named):
    program = compile_pipeline({"family": "text", "pipeline": ["lower", {"encode": {"charset": charset}}]})
    result = program.run(b"Ab")
    assert (result.body, result.content_type) == ("ab".encode(charset), f"text/plain; charset={named}")
    assert bytes((steps.encode(charset=charset) >> steps.decode(charset=charset) >> steps.lower)(b"AB")) == b"ab"


@pytest.mark.parametrize("step", [steps.normalize(form="NFD"), steps.normalize(form="NFKC"), steps.fix()])
def test_very_many_marks_on_one_letter_are_refused(step):
    marks = "\u0315\u0300"
    with pytest.raises(BadInput, match="more than 1000 combining marks in a row"):
        step(("a" + marks * 1_000_000).encode())
    assert bytes(step(("a" + marks * 500).encode()))
    assert bytes(step(("漢" * 5000 + "e\u0301" * 5000).encode()))


def test_html():
    page = (
        b"<html><head><title>t</title></head><body><p>One &amp; <b>two</b></p><script>x()</script><p>three</p></body>"
    )
    assert bytes(steps.html(page)) == b"One &\ntwo\nthree"
    assert bytes(steps.html(page, selector="b")) == b"two"
    assert bytes(steps.html(b"")) == b""


@pytest.mark.parametrize("page", [b"<div>" * 200_000, b"<div></x>" * 200_000, b"</b>" * 9_000 + b"<B id=1>" * 9_000])
def test_deeply_nested_html_is_refused(page):
    with pytest.raises(LimitExceeded, match="'nesting'"):
        steps.html(page)


@pytest.mark.parametrize(
    "page", ["x<br>", "<p>x", "<li>x", "<tr><td>x", "<dt>x<dd>y", "<IMG src=a>x", "<b>x</b>", "1<2"]
)
def test_long_pages_are_not_deep(page):
    assert len(bytes(steps.html(f"<table>{page * 20_000}".encode()))) >= 20_000


def test_redact():
    text = "Mail ann.b+c@example.co.uk, call +49 (30) 1234 5678, pay 4111 1111 1111 1111; order 1234567812345678, 2026."
    got = bytes(steps.redact(text.encode(), patterns={"order": r"order"})).decode()
    assert "[email]" in got
    assert "[phone]" in got
    assert "[card]" in got
    assert "[order]" in got
    assert "2026" in got
    assert "example" not in got
    assert "4111" not in got
    assert bytes(steps.redact(b"a@b.de", kinds=["phone"])) == b"a@b.de"


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "(?<=a*", r"\L<words>", "(?P<x>a)(?P<x", "*a"])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(BadArgument, match="'bad' is no regular expression"):
        steps.redact(b"a", patterns={"bad": pattern})


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:(?:a{99}){99}){99}){99}",
        "(?:(?:(?:a{99,}){99,}){99,}){99,}",
        "((([ab]{99}c){99}|d){99})",
        r"(?:(?:\w{9999}){9999})",
        "(?:(?: {999}){999})",
        "a{5001}",
        "(?:(){999}){999}",
        "(?:{2{6553}){99}",
        "(?:(?:a{999})(?#b){999})",
        "(?x)((a{999})  {999})",
        "(?ix-s:(a{999})#\n{999})",
        r"\\(?x)a",
    ],
)
def test_patterns_of_which_nothing_short_is_found_are_refused(pattern):
    with pytest.raises(BadArgument, match="'long' matches nothing shorter than 5,000 characters"):
        steps.redact(patterns={"long": pattern})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(?:a|aa)+$", "a" * 60 + "b"),
        ("(?:ab|ba|a|b)+$", "ab" * 40 + "c"),
        (r"([a-z]+)\1\1$", "ab" * 20_000),
    ],
)
def test_patterns_that_take_forever_are_stopped(pattern, text):
    limits = Limits(pattern_seconds=0.2)
    with pytest.raises(LimitExceeded, match=r"pattern 'slow' .* the limit of 0\.2 on 'pattern_seconds'"):
        redacted(text, patterns={"quick": "q", "slow": pattern}, limits=limits)


def test_all_patterns_share_the_time():
    slow = {f"slow{number}": "(?:a|aa)+$" for number in range(3)}
    with pytest.raises(LimitExceeded, match="'slow0'"):
        redacted("a" * 60 + "b", patterns=slow, limits=Limits(pattern_seconds=0.1))


def test_a_pattern_that_needs_too_much_memory_is_told():
    with pytest.raises(BadInput, match=r"pattern 'greedy' needs too much memory .*\(\?:\.\.\.\)"):
        redacted("ab c " * 4_000_000, patterns={"greedy": r"(\w|\s)*"})


@pytest.mark.parametrize("text", ["a" * 200_000, "1 " * 100_000, "a@" * 100_000, "1-" * 100_000, "a." * 100_000 + "@"])
def test_redact_takes_time_in_proportion(text):
    start = time.perf_counter()
    steps.redact(text.encode())
    assert time.perf_counter() - start < 10


@pytest.fixture
def tokenizer_file(tmp_path):
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "hello": 1, "world": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_tokenize(tokenizer_file):
    pipeline = {"family": "text", "pipeline": [{"tokenize": {"file": "tokenizer.json", "max_length": 3, "pad_to": 5}}]}
    program = compile_pipeline(pipeline, resources=Resources(tokenizer_file))
    got = np.load(io.BytesIO(program.run(b"hello there world world").body))
    assert got.tolist() == [1, 0, 2, 0, 0]
    assert got.dtype == np.int32
    digest = program.digest
    (tokenizer_file / "other.json").write_text("{}")
    changed = json.dumps(pipeline).replace("tokenizer.json", "other.json")
    other = compile_pipeline(changed, resources=Resources(tokenizer_file))
    with pytest.raises(BadInput, match="no tokenizer"):
        other.run(b"hello")
    (tokenizer_file / "tokenizer.json").write_text((tokenizer_file / "tokenizer.json").read_text() + " ")
    assert compile_pipeline(pipeline, resources=Resources(tokenizer_file)).digest != digest


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 6, 7, 20])
def test_tokens_are_cut_as_the_library_cuts_them(tmp_path, length, special):
    words = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e"]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.save(str(tmp_path / "t.json"))
    ctx = Context(resources=Resources(tmp_path))
    arguments = {"file": "t.json", "max_length": length, "special_tokens": special}
    got = steps.tokenize.function("a b c d e", ctx, **arguments).array.tolist()
    if special and length < 2:
        assert got == [1]
        return
    tokenizer.enable_truncation(length)
    assert got == tokenizer.encode("a b c d e", add_special_tokens=special).ids


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("length", [2, 3, 5])
def test_tokens_are_cut_on_the_side_that_the_file_says(tmp_path, length, special):
    words = ["[UNK]", "[CLS]", "[SEP]", *"abcdefgh"]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.enable_truncation(6, direction="left")
    tokenizer.save(str(tmp_path / "t.json"))
    arguments = {"file": "t.json", "max_length": length, "special_tokens": special}
    got = steps.tokenize.function("a b c d e f g h", Context(resources=Resources(tmp_path)), **arguments)
    tokenizer.enable_truncation(length, direction="left")
    assert got.array.tolist() == tokenizer.encode("a b c d e f g h", add_special_tokens=special).ids


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("text", ["a b", "", "a b a b a b a b a b"])
def test_padding_that_a_tokenizers_file_asks_for_is_left_out(tmp_path, text, special):
    words = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "[PAD]": 9}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16, pad_id=9)
    tokenizer.save(str(tmp_path / "t.json"))
    ctx = Context(resources=Resources(tmp_path))
    arguments = {"file": "t.json", "special_tokens": special}
    tokenizer.no_padding()
    assert steps.tokenize.function(text, ctx, **arguments).array.tolist() == (
        tokenizer.encode(text, add_special_tokens=special).ids
    )
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=10, pad_id=9)
    assert steps.tokenize.function(text, ctx, **arguments, max_length=8, pad_to=10, pad_id=9).array.tolist() == (
        tokenizer.encode(text, add_special_tokens=special).ids
    )


RECORDS = [{"id": 1, "user": {"age": 17}}, {"id": 2, "user": {"age": 30}, "tags": ["x"]}, {"id": 3}]
LINES = b"".join(json.dumps(one).encode() + b"\n" for one in RECORDS)


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ([["user.age", ">=", 18]], [2]),
        ([["user.age", "<", 18]], [1]),
        ([["user.age", "exists", False]], [3]),
        ([["tags", "contains", "x"]], [2]),
        ([["id", "!=", 2]], [1, 3]),
        ([["id", ">", 1], ["id", "<=", 3]], [2, 3]),
        ([["id", "==", "1"]], []),
        ([["id", "<", "1"]], []),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_jsonl_filters(where, ids, size):
    chunks = (LINES[start : start + size] for start in range(0, len(LINES), size))
    got = bytes(steps.jsonl(chunks, where=where))
    assert [json.loads(line)["id"] for line in got.splitlines()] == ids


def test_jsonl_projects_and_stops():
    got = bytes(steps.jsonl(LINES, keep=["id", "user.age"], limit=2)).splitlines()
    assert list(map(json.loads, got)) == [{"id": 1, "user.age": 17}, {"id": 2, "user.age": 30}]


def test_jsonl_knows_names_that_have_dots_themselves():
    lines = b'{"http.status": 200}\n{"http": {"status": 404}}\n{"http.status": 500, "http": {"status": 1}}\n'
    got = bytes(steps.jsonl(lines, keep=["http.status"])).splitlines()
    assert [json.loads(line)["http.status"] for line in got] == [200, 404, 500]
    assert bytes(steps.jsonl(lines, where=[["http.status", ">", 300]])) == lines[lines.index(b'{"http": ') :]


def test_json_lines_with_a_mark_of_utf_16_and_with_halves_of_pairs():
    assert bytes(steps.jsonl(b'\xef\xbb\xbf{"a": 1}\n', keep=["a"])) == b'{"a":1}\n'
    with pytest.raises(BadInput, match=r"UTF-16; begin with text\.decode"):
        bytes(steps.jsonl('{"a": 1}\n'.encode("utf-16"), keep=["a"]))
    both = bytes((steps.decode >> steps.jsonl(keep=["a"]))('{"a": 1}\n'.encode("utf-16")))
    assert both == b'{"a":1}\n'
    halved = bytes(steps.jsonl(b'{"a": "\\ud800 \xc3\xbc"}\n', keep=["a"]))
    assert json.loads(halved.decode()) == {"a": "\ud800 ü"}


def test_jsonl_keeps_numbers_as_they_are_and_refuses_what_is_none():
    odd = b'{"a": 1e400, "b": {"c": [1.10, "x\\ud800\xc3\xbc", -1e999, null, true]}, "d": 12345678901234567890123}\n'
    assert bytes(steps.jsonl(odd, keep=["a", "b", "x"])) == (
        b'{"a":1e400,"b":{"c":[1.10,"x\\ud800\xc3\xbc",-1e999,null,true]},"x":null}\n'
    )
    assert bytes(steps.jsonl(odd, keep=["d"])) == b'{"d":12345678901234567890123}\n'
    assert bytes(steps.jsonl(odd, where=[["a", ">", 1]])) == odd
    for word in ("NaN", "Infinity", "-Infinity"):
        for keep in ([], ["b"]):
            with pytest.raises(BadInput, match=f"line 2 is not JSON: it has no {word}; write null"):
                bytes(steps.jsonl(b'{"b": 2}\n{"a": %s, "b": 1}\n' % word.encode(), keep=keep))


def test_jsonl_tells_true_from_one():
    lines = b'{"a": true}\n{"a": 1}\n{"a": false}\n{"a": 0}\n'
    for test, kept in (
        (["a", "==", 1], b'{"a": 1}\n'),
        (["a", "==", True], b'{"a": true}\n'),
        (["a", "<", 1], b'{"a": 0}\n'),
        (["a", "!=", False], b'{"a": true}\n{"a": 1}\n{"a": 0}\n'),
    ):
        assert bytes(steps.jsonl(lines, where=[test])) == kept


def test_jsonl_of_very_many_short_lines():
    # As one list they would take ten times their size.
    got = steps.jsonl(b"12\n" * 300_000, where=[["a", "exists", False]], limit=200_000)
    assert bytes(got) == b"12\n" * 200_000


def test_hostile_json_lines():
    with pytest.raises(BadInput, match="line 1 is not JSON"):
        bytes(steps.jsonl(b"{]\n"))
    with pytest.raises(LimitExceeded, match="'nesting'"):
        bytes(steps.jsonl(b"[" * 100_000 + b"]" * 100_000 + b"\n"))
    with pytest.raises(BadArgument, match="operator"):
        bytes(steps.jsonl(LINES, where=[["id", "~", 1]]))
    assert bytes(steps.jsonl(b'["[[[[", ' + b'"[", ' * 100 + b"1]\n")).startswith(b"[")


def test_superscripts_are_no_digits():
    assert bytes(steps.redact("4\u00b9ann@example.com, 12\u00b9".encode())).decode() == "[email], 12\u00b9"


RUSSIAN = "Это русский текст для проверки определения кодировки. Москва является столицей России."
JAPANESE = "これは日本語の文章です。文字コードを判定するための十分な長さのテキストが必要です。"


@pytest.mark.parametrize(
    ("said", "charset"),
    [
        (RUSSIAN, "utf-16-le"),
        (RUSSIAN, "utf-16-be"),
        ("Ξένος και ψυχή", "utf-16-le"),
        ("טקסט בעברית לבדיקה", "utf-16-be"),
        (JAPANESE, "iso2022_jp"),
        (JAPANESE, "shift_jis"),
        ("Müller", "windows-1252"),
        ("señor José", "windows-1252"),
    ],
)
def test_charsets_without_a_mark(said, charset):
    assert steps.decode.function(said.encode(charset), Context()) == said


def test_escapes_that_are_none_of_japanese():
    for data in (b"\x1b[31mred\x1b[0m", "\x1b$B\u00fc".encode()):
        assert steps.decode.function(data, Context()) == data.decode()


def redacted(said, **arguments):
    limits = arguments.pop("limits", Limits())
    return steps.redact.function(said, Context(limits=limits), **{**REDACT, **arguments})


REDACT = {"kinds": ["email", "card", "phone"], "patterns": {}, "replacement": "[{kind}]"}


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 123456",
        "+49 (0)30 1234567",
        "030/1234567",
        "(030) 123 45 67",
        "+1 (555) 123-4567",
        "1-800-555-0199",
        "+33 1 23 45 67 89",
        "01.23.45.67.89",
        "+81 3-1234-5678",
        "+86 138 0013 8000",
        "+4915112345678",
        "+7 (495) 123-45-67",
    ],
)
def test_telephone_numbers_of_many_countries(number):
    assert redacted(f"tel:{number}, or not") == "tel:[phone], or not"


@pytest.mark.parametrize(
    "said",
    [
        "2024-01-15",
        "15.01.2024",
        "01-15-2024",
        "01/15/2024",
        "192.168.100.200",
        "3.14159265358979",
        "48.858370, 2.294481",
        "-33.8567844, 151.2152967",
        "geo:37.7749295,-122.4194155",
    ],
)
def test_digits_that_are_no_telephone_number(said):
    assert redacted(said) == said


@pytest.mark.parametrize("day", ["2024-01-31", "31.01.2024", "31-01-2024"])
def test_a_day_is_no_part_of_a_telephone_number(day):
    for behind in (" 12:30:00,123", " 12.30", "T12:30:00Z", ": 404", ", 12"):
        assert redacted(f"{day}{behind}") == f"{day}{behind}"
    assert redacted(f"[42] {day} 12:30 called 555-123-4568") == f"[42] {day} 12:30 called [phone]"
    assert redacted(f"{day} 555-123-4568") == f"{day} [phone]"


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2009", "\u202f", "\u2011"])
def test_groups_of_digits_that_stay_on_one_line(space):
    number = space.join(["4111", "1111", "1111", "1111"])
    assert redacted(f"paid with {number}.") == "paid with [card]."
    assert redacted(f"call {space.join(['06', '12', '34', '56', '78'])}.") == "call [phone]."
    assert redacted(f"call {space.join(['+49', '30', '123456'])}.") == "call [phone]."
    assert redacted(f"{space.join(['4111', '1111', '1111', '1112'])}", kinds=["card"]).startswith("4111")


def test_mail_addresses_of_all_sorts():
    for address in ("a+b@c.de", "o'brien@x.ie", "a%b@c.de", "jürgen@müller.de", "用户@例子.公司", "x@xn--mller-kva.de"):
        assert redacted(f"to '{address}'.") == "to '[email]'."


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"-?\s*\(?\s*\d+", "a-(12)", "a[p])"),
        (r"(?:[A-Z]{2}-)+\d+", "of DE-AB-12, AB-", "of [p], AB-"),
        (r"(?<!\d)\d{2}(?!\d)", "12 123", "[p] 123"),
        (r"(\w)\1", "aab", "[p]b"),
        (r"(?:\w+ )*\w+!", "is it so! no", "[p] no"),
        (r"\p{Lu}+", "ÄÖ ab", "[p] ab"),
        ("a?" * 40 + "a" * 40, "a" * 40, "[p]"),
        (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[{]\d{9}}", "1" * 8 + "-2222" * 3 + "-" + "3" * 12, "[p]"),
        (r"(?P<x>a){2}\x62{3}", "aabbb", "[p]"),
        (r"\(?ext:? \d+\)?|\(?#\d", "(ext: 12) #3", "[p] [p]"),
    ],
)
def test_patterns_that_people_write(pattern, text, expected):
    assert redacted(text, patterns={"p": pattern}) == expected


def test_a_replacement_is_taken_as_it_is():
    assert redacted("a", patterns={"p": "(a)"}, replacement=r"\1{kind}\g<1>") == r"\1p\g<1>"


def test_html_shows_no_text_twice_and_none_that_is_hidden():
    page = "<div class=a>1<div class=a>2</div></div><p hidden>3</p><iframe>4</iframe><div class=a>5</div>"
    assert steps.html.function(page, Context(), separator="\n", selector=".a") == "1\n2\n5"
    assert steps.html.function(page, Context(), separator="\n", selector="") == "1\n2\n5"


@pytest.mark.parametrize("selector", ["", "p", ".a"])
@pytest.mark.parametrize("hidden", ["html", "body", "div"])
def test_html_may_hide_all_of_a_page(hidden, selector):
    page = "<html><body><div><p class=a hidden>1<b hidden>2</b></p></div></body></html>"
    page = page.replace(f"<{hidden}>", f"<{hidden} hidden>")
    assert steps.html.function(page, Context(), separator="\n", selector=selector) == ""


def test_html_has_no_line_for_what_lies_between_tags():
    page = "<div>\n  <p>a</p>\n  <p> b <i> </i><b>c</b>\n</p> <!-- d -->\n</div>\n"
    for selector in ("", "div"):
        assert steps.html.function(page, Context(), separator="\n", selector=selector) == "a\nb\nc"
    assert steps.html.function(page, Context(), separator=" ", selector="p, div") == "a b c"
    nulls = "<textarea>a\0b</textarea><svg><desc><![CDATA[c\0d]]></desc></svg>\0e&#0;<plaintext>\0f"
    assert steps.html.function(nulls, Context(), separator="|", selector="") == "a\ufffdb|cd|e\ufffd|\ufffdf"


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ("4111 1111 1111 1111 12/26", "[card] 12/26"),
        ("4111-1111-1111-1111 123", "[card] 123"),
        ("4111111111111111 123", "[card] 123"),
        ("2 4111 1111 1111 1111", "2 [card]"),
        ("3782 822463 10005 12/26", "[card] 12/26"),
        ("4111 1111 1111 1112 12/26", "4111 1111 1111 1112 12/26"),
        ("89 3704 0044 0532 0130", "89 3704 0044 0532 0130"),
    ],
)
def test_cards_beside_other_numbers(said, hidden):
    assert redacted(said, kinds=["card"]) == hidden


def test_a_text_that_a_tokenizer_does_not_take(tmp_path):
    Tokenizer(WordLevel({"a": 1})).save(str(tmp_path / "t.json"))
    with pytest.raises(BadInput, match=r"the tokenizer 't.json' does not take this text: .*\[UNK\]"):
        steps.tokenize(file="t.json")(b"b", ctx=Context(resources=Resources(tmp_path)))
