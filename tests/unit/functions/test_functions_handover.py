"""Reads of the source by `urllib`, `urllib3` and streams of `requests`: with acceleration and without they are the same."""

from support.accelerated import three_ways

SOURCE = "/bucket-s3alias/key-{}?X-Amz-Signature=ab%2Fcd&x=a%20b"
KINDS = ("", "missing", "refused", "gzip", "long", "empty", "chunked", "moved", "same", "cookie", "cut", "short", "error")

URLLIB = '''
import http.client, os, urllib.error, urllib.request

def seen(answer):
    first = answer.read(3)
    lines = [answer.readline(), answer.read1(4), answer.peek(1)[:1] if hasattr(answer, "peek") else b""]
    buffer = bytearray(5)
    lines.append(bytes(buffer[: answer.readinto(buffer)]))
    length = answer.length
    rest = answer.read()
    headers = [(name, value) for name, value in answer.getheaders() if name != "Date"]
    out = [type(answer).__name__, type(answer.fp).__name__, answer.status, answer.reason, answer.version, answer.code]
    out += [answer.msg if isinstance(answer.msg, str) else sorted(set(answer.msg) - {"Date"}), headers]
    out += [answer.url, answer.geturl(), sorted(set(answer.info()) - {"Date"}), answer.getheader("X-Twice")]
    out += [str(first), str(lines), length, len(rest), hash_of(rest), answer.headers.get_all("X-Twice")]
    out += [answer.read(), answer.closed, answer.isclosed(), answer.will_close, answer.chunked]
    answer.close()
    return out + [answer.closed, type(answer).__module__]

def hash_of(content):
    import hashlib
    return hashlib.sha256(content).hexdigest()

def causes(error):
    found = []
    while error is not None and len(found) < 4:
        found.append([type(error).__name__, str(error).replace(os.environ["AWS_ENDPOINT_URL_S3"], "")])
        error = getattr(error, "reason", None) if not isinstance(getattr(error, "reason", None), str) else None
    return found

def handler(event, context):
    path, options = event
    headers, timeout = options.get("headers"), options.get("timeout")
    os.environ.update(options.get("environ", {}))
    url = os.environ["AWS_ENDPOINT_URL_S3"] + path
    if headers is not None:
        url = urllib.request.Request(url, headers=headers, data=options.get("data", "").encode() or None,
            method=options.get("method"))
    more = {} if timeout is None else {"timeout": timeout}
    try:
        with urllib.request.urlopen(url, **more) as answer:
            return str(seen(answer))
    except urllib.error.HTTPError as error:
        out = [error.code, error.reason, error.msg, str(error), error.url, error.read()[:99], type(error.fp).__name__]
        return str(out + [sorted(set(error.headers) - {"Date"}), error.fp.closed])
    except Exception as error:
        return str(causes(error))
    finally:
        for name in options.get("environ", {}):
            os.environ.pop(name)
'''

URLLIB3 = '''
import os, urllib3, hashlib, io
pool = urllib3.PoolManager()

def seen(answer, how):
    out = []
    if how == "read": out += [len(answer.read(4)), answer.tell(), len(answer.read())]
    if how == "stream": out += [hashlib.sha256(b"".join(answer.stream(1000))).hexdigest(), answer.tell()]
    if how == "raw": out += [hashlib.sha256(answer.read(decode_content=False)).hexdigest()]
    if how == "lines": out += [io.TextIOWrapper(io.BufferedReader(answer)).readline()[:50], answer.closed]
    if how == "drain": answer.drain_conn()
    headers = [(name, value) for name, value in answer.headers.items() if name != "Date"]
    out += [answer.connection is None, answer.isclosed(), type(answer).__name__, answer.status, answer.reason]
    out += [answer.version, headers, answer.headers.getlist("X-Twice"), answer.geturl(), answer.length_remaining]
    out += [hashlib.sha256(answer.data or b"").hexdigest(), answer.tell(), answer.retries and answer.retries.total]
    out += [[one.status for one in answer.retries.history] if answer.retries else None, type(answer._original_response).__name__]
    answer.release_conn()
    out += [answer.connection is None, answer.closed]
    answer.close()
    return out + [answer.closed, type(answer).__module__]

def ask(url, options):
    by = options.pop("by", "new")
    if "timeouts" in options:
        options["timeout"] = urllib3.Timeout(**options.pop("timeouts"))
    if by == "pool":
        return pool.request("GET", url, **options)
    if by == "module":
        return urllib3.request("GET", url, **options) if hasattr(urllib3, "request") else pool.request("GET", url)
    if by == "host":
        at = url.index("/", 8)
        with urllib3.connectionpool.connection_from_url(url[:at]) as host:
            return host.request("GET", url[at:], **options)
    if by == "urlopen":
        at = url.index("/", 8)
        return urllib3.HTTPConnectionPool(url[7:at].split(":")[0], int(url[7:at].split(":")[1])).urlopen("GET", url[at:], **options)
    return urllib3.PoolManager().request(options.pop("method", "GET"), url, **options)

def handler(event, context):
    path, options = event
    url, how = os.environ["AWS_ENDPOINT_URL_S3"] + path, options.pop("how", "")
    try:
        return str(seen(ask(url, options), how))
    except Exception as error:
        found = []
        while error is not None and len(found) < 4:
            text = str(error).replace(os.environ["AWS_ENDPOINT_URL_S3"][7:], "")
            found.append([type(error).__name__, text.partition(" at 0x")[0].partition("port=")[0]])
            error = getattr(error, "reason", None) or error.__cause__
        return str(found)
'''

STREAM = '''
import os, requests, hashlib, pickle
kept = requests.Session()

def handler(event, context):
    path, options = event
    url = os.environ["AWS_ENDPOINT_URL_S3"] + path
    get = {"kept": kept.get, "new": requests.Session().get, "once": requests.get}[options.pop("by", "new")]
    how = options.pop("how", "")
    try:
        answer = get(url, **options)
        out = [type(answer).__name__, type(answer.raw).__name__, answer.status_code, answer.reason, answer.url]
        out += [[(name, value) for name, value in answer.headers.items() if name != "Date"], answer.cookies.get_dict()]
        if how == "lines": out += [len(list(answer.iter_lines()))]
        if how == "chunks": out += [hashlib.sha256(b"".join(answer.iter_content(777))).hexdigest()]
        if how == "raw": out += [len(answer.raw.read(10)), answer.raw.tell(), len(answer.raw.read(decode_content=True))]
        else: out += [hashlib.sha256(answer.content).hexdigest(), answer.text[:20], len(answer.raw.read())]
        if how == "pickle":
            again = pickle.loads(pickle.dumps(answer))
            out += [again.content == answer.content, again.headers == answer.headers, again.url]
        out += [len(answer.history), answer.raw.headers.getlist("X-Twice"), answer.raw.version, answer.raw.isclosed()]
        with answer: pass
        return str(out)
    except Exception as error:
        return str([type(error).__name__, type(error.args[0]).__name__, str(error)[:20], getattr(getattr(error, "request", None), "url", "").partition("alias")[2]])
'''


def cases(*options, kinds=KINDS):
    """Every kind of answer, and the usual one with each of these options."""
    return [*((SOURCE.format(kind), {}) for kind in kinds), *((SOURCE.format(""), one) for one in options)]


def same(bench, recorder, code, reads):
    """Check that all comes to the same, answers and what the service saw of them, and that the channel was taken."""
    fast, plain, channel, asked = three_ways(bench, recorder, code, reads)
    for number, read in enumerate(reads):
        assert fast[0][number] == plain[0][number], read
        assert channel[0][number] == plain[0][number], read
    assert fast[1] == plain[1]
    return plain, channel, asked


def test_urlopen_of_the_source(bench, recorder):
    reads = cases(
        {"timeout": 5},
        {"timeout": 0},
        {"headers": {"Range": "bytes=0-3", "X-Other": "ä"}},
        {"headers": {"Range": "bytes=0-3", "If-Match": '"x"'}},
        {"headers": {"Host": "another"}},
        {"headers": {"Authorization": "mine"}},
        {"headers": {}, "data": "a body"},
        {"headers": {}, "method": "PUT", "data": "a"},
        {"environ": {"http_proxy": "http://127.0.0.1:1"}},
    )
    reads += [
        (SOURCE.format("slow"), {"timeout": 0.3}),
        (SOURCE.format("slow"), {"timeout": 30}),
        (SOURCE.format("") + "#fragment", {}),
        (SOURCE.format("") + "&low=%2f&wild=%zz", {}),
        (SOURCE.format("") + "&é", {}),
        (SOURCE.format("") + "&a b", {}),
        ("/bucket/key-", {}),
    ]
    same(bench, recorder, URLLIB, reads)


def test_urllib3_reads_the_source(bench, recorder):
    ways = [{"by": by, "how": how, "preload_content": preload} for by, how, preload in (
        ("pool", "", True), ("pool", "read", False), ("pool", "stream", False), ("pool", "raw", False),
        ("pool", "lines", False), ("pool", "drain", False), ("pool", "", False), ("module", "", True),
        ("host", "", True), ("urlopen", "", True), ("urlopen", "read", False), ("pool", "", True),
    )]
    reads = cases(
        *ways,
        {"timeout": 5},
        {"timeouts": {"connect": 1, "read": 2}},
        {"timeouts": {"total": 3}},
        {"timeout": "soon"},
        {"timeout": 0},
        {"headers": {"K": "v", "Range": "bytes=0-3"}},
        {"headers": {"User-Agent": "me", "Accept-Encoding": "gzip"}},
        {"headers": {"K": "ü"}},
        {"headers": {"Host": "another"}},
        {"fields": {"more": "ü"}},
        {"retries": False},
        {"redirect": False},
        {"method": "HEAD"},
    )
    for kind in ("gzip", "long", "empty", "missing", "chunked", "short"):
        reads += [(SOURCE.format(kind), {"how": how, "preload_content": False}) for how in ("read", "stream", "raw")]
        reads += [(SOURCE.format(kind), {"decode_content": False})]
    reads += [
        (SOURCE.format("slow"), {"timeout": 0.3, "retries": False}),
        (SOURCE.format("slow"), {"timeouts": {"read": 0.3, "connect": 5}, "retries": 0}),
        (SOURCE.format("slow"), {"timeouts": {"total": 0.3}, "retries": 1}),
        (SOURCE.format("moved"), {"redirect": False}),
        (SOURCE.format("") + "&low=%2f&wild=%zz&é=ü#x", {}),
        ("/bucket/key-", {}),
    ]
    same(bench, recorder, URLLIB3, reads)


def test_requests_stream_the_source_and_sessions_read_it(bench, recorder):
    reads = []
    for kind in KINDS:
        reads += [(SOURCE.format(kind), {"by": by, "stream": stream}) for by in ("new", "kept") for stream in (0, 1)]
    for how in ("lines", "chunks", "raw", "pickle"):
        reads += [(SOURCE.format(kind), {"how": how, "stream": True, "by": "once"}) for kind in ("", "long", "gzip")]
    reads += [(SOURCE.format("slow"), {"timeout": 0.3, "stream": stream, "by": by}) for stream in (0, 1) for by in ("new", "once")]
    same(bench, recorder, STREAM, reads)
