"""Reads of the source by `urllib`, `urllib3` and streams of `requests`, with acceleration and without."""

import asyncio

from objectlens.testing.executors import make_function, make_zip
from support.accelerated import three_ways
from support.recorder import HUGE

SOURCE = "/bucket-s3alias/key-{}?X-Amz-Signature=ab%2Fcd&x=a%20b"
KINDS = (
    "",
    "missing",
    "refused",
    "gzip",
    "long",
    "empty",
    "chunked",
    "moved",
    "same",
    "cookie",
    "cut",
    "short",
    "error",
)

URLLIB = """
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
"""

URLLIB3 = """
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
    out += [[one.status for one in answer.retries.history] if answer.retries else None]
    out += [type(answer._original_response).__name__]
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
        host, port = url[7:at].split(":")
        return urllib3.HTTPConnectionPool(host, int(port)).urlopen("GET", url[at:], **options)
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
"""

STREAM = """
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
        path = getattr(getattr(error, "request", None), "url", "").partition("alias")[2]
        return str([type(error).__name__, type(error.args[0]).__name__, str(error)[:20], path])
"""


def cases(*options, kinds=KINDS):
    """Every kind of answer, and the usual one with each of these options."""
    return [*((SOURCE.format(kind), {}) for kind in kinds), *((SOURCE.format(""), one) for one in options)]


def same(bench, recorder, code, reads, *, seen=True):
    """Check that all comes to the same, with `seen` also the requests that reach the service."""
    fast, plain, channel, asked = three_ways(bench, recorder, code, reads)
    for number, read in enumerate(reads):
        assert fast[0][number] == plain[0][number], read
        assert channel[0][number] == plain[0][number], read
    assert not seen or fast[1] == plain[1]
    assert {http.path for http in asked} >= {path.partition("?")[0] for path, _ in reads if "alias" in path}


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
    ways = [
        {"by": by, "how": how, "preload_content": preload}
        for by, how, preload in (
            ("pool", "", True),
            ("pool", "read", False),
            ("pool", "stream", False),
            ("pool", "raw", False),
            ("pool", "lines", False),
            ("pool", "drain", False),
            ("pool", "", False),
            ("module", "", True),
            ("host", "", True),
            ("urlopen", "", True),
            ("urlopen", "read", False),
            ("pool", "", True),
        )
    ]
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
    reads += [
        (SOURCE.format("slow"), {"timeout": 0.3, "stream": stream, "by": by})
        for stream in (0, 1)
        for by in ("new", "once")
    ]
    same(bench, recorder, STREAM, reads, seen=False)  # odd answers are asked for again


OTHERS = r"""
import asyncio, boto3, http.client, os, urllib3
from botocore import UNSIGNED
from botocore.config import Config
place = os.environ["AWS_ENDPOINT_URL_S3"][7:]

def by_client(path):
    connection = http.client.HTTPConnection(place)
    connection.request("GET", path, headers={"K": "v"})
    answer = connection.getresponse()
    return [answer.status, answer.read().decode(), type(connection.sock).__name__]

async def by_streams(path):
    reader, writer = await asyncio.open_connection(*place.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()

def by_boto3(path):
    s3 = boto3.client("s3")
    got = s3.get_object(Bucket="bucket-s3alias", Key="key-")
    names = sorted(set(got) - {"ResponseMetadata"})
    return [got["Body"].read().decode(), names, got["ResponseMetadata"]["HTTPStatusCode"]]

class Mine(urllib3.connection.HTTPConnection):
    pass

class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = Mine

def by_own_kind(path):
    host, port = place.split(":")
    answer = Pool(host, int(port)).request("GET", path, preload_content=False, headers={"Own": "kind"})
    return [answer.data.decode(), type(answer).__name__]

def handler(event, context):
    return [by_client(event), asyncio.run(by_streams(event)), by_boto3(event), by_boto3(event), by_own_kind(event)]
"""


LOW = """
import os, socket, urllib3
host, port = os.environ["AWS_ENDPOINT_URL_S3"][7:].split(":")
def handler(event, context):
    path, when, timeout = event
    connection = urllib3.connection.HTTPConnection(host, int(port), timeout=timeout)
    out = []
    try:
        for _ in range(2):
            if "before" in when:
                connection.connect()
                out.append(connection.sock.getpeername()[0])
            connection.request("GET", path, body=b"more" if "body" in when else None)
            if "between" in when:
                out.append([connection.sock.getpeername()[0], connection.sock.gettimeout()])
                out.append(connection.sock.fileno() > 2)
            answer = connection.getresponse()
            out += [answer.status, answer.data.decode(), answer.headers.get("X-Twice")]
            if "close" in when:
                connection.close()
    except Exception as error:
        out.append([type(error).__name__, str(error).partition("port=")[0]])
    return out
"""


def test_connections_by_hand(bench, recorder):
    usual = SOURCE.format("")
    reads = [(usual, when, 5) for when in ("", "before", "between", "body", "close", "before between close")]
    reads += [(usual, "", timeout) for timeout in (None, -1, 0)]
    fast, plain, channel, _ = three_ways(bench, recorder, LOW, reads)
    for number, read in enumerate(reads):
        assert fast[0][number] == plain[0][number] == channel[0][number], read


def test_other_libraries_take_connections(bench, recorder):
    fast, plain, channel, asked = three_ways(bench, recorder, OTHERS, [SOURCE.format("")])
    assert fast[0] == plain[0] == channel[0]
    assert not asked
    assert len(fast[1]) == len(plain[1]) == len(channel[1]) == 5


AGAIN = """
import boto3
def handler(event, context):
    for _ in range(event):
        boto3.client("s3").get_object(Bucket="bucket-s3alias", Key="key-")["Body"].read()
"""


def test_clients_made_again_share_their_connections(bench, recorder):
    asked = {}
    for switch in ("1", "0"):
        before = recorder.connections
        value(bench, recorder, AGAIN, 4, switch)
        asked[switch] = recorder.connections - before
    assert asked == {"1": 1, "0": 4}


THREADS = """
import concurrent.futures, os, pickle, requests, urllib.request, urllib3
URL = os.environ["AWS_ENDPOINT_URL_S3"] + "/bucket-s3alias/key-{}?X-Amz-Signature=ab"
pool = urllib3.PoolManager()
def read(number):
    url = URL.format(["", "long", "gzip"][number % 3])
    ways = [
        lambda: urllib.request.urlopen(url).read(),
        lambda: pool.request("GET", url).data,
        lambda: requests.get(url, stream=True).content,
        lambda: requests.get(url).content,
    ]
    return len(ways[number % 4]())
def handler(event, context):
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        return list(threads.map(read, range(event)))
"""


def test_threads_read_beside_each_other(bench, recorder):
    fast, plain, channel, _ = three_ways(bench, recorder, THREADS, [48])
    assert fast[0] == plain[0] == channel[0]


OBSERVED = """
import http.client, os, socket, urllib.request, urllib3
url = os.environ["AWS_ENDPOINT_URL_S3"] + "/bucket-s3alias/key-?X-Amz-Signature=x"
seen = []
def watch(owner, name):
    made = getattr(owner, name)
    def watching(*arguments, **options):
        seen.append(name)
        return made(*arguments, **options)
    setattr(owner, name, watching)
    return lambda: setattr(owner, name, made)
def handler(event, context):
    for read in (lambda: urllib.request.urlopen(url).read(), lambda: urllib3.PoolManager().request("GET", url).data):
        for owner, names in (
            (http.client.HTTPConnection, ("connect", "putrequest", "putheader", "endheaders", "send", "getresponse")),
            (urllib.request.OpenerDirector, ("open",)),
            (urllib.request.AbstractHTTPHandler, ("do_open",)),
            (urllib3.connectionpool.HTTPConnectionPool, ("urlopen", "_make_request")),
            (urllib3.connection.HTTPConnection, ("connect", "request", "getresponse", "_new_conn")),
            (socket, ("getaddrinfo", "create_connection")),
            (socket.socket, ("connect", "sendall")),
        ):
            for name in names:
                undo = watch(owner, name)
                read()
                undo()
        seen.append("then")
    return seen
"""


def test_tools_that_observe_these_libraries_see_calls(bench, recorder):
    fast, plain, channel, _ = three_ways(bench, recorder, OBSERVED, [None])
    assert fast[0] == plain[0]
    assert [name for name in plain[0][0] if name not in {"connect", "sendall"}] == [
        name for name in channel[0][0] if name not in {"connect", "sendall"}
    ]


def value(bench, recorder, code, event, switch):
    """Return what a handler says, without a channel."""

    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": code}))
            variables = {"OBJECTLENS_ACCELERATE": switch}
            return await opened.value(make_function(package, environment=variables), event)

    return asyncio.run(main())


LONG = """
import os, resource, urllib.request, requests, urllib3
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL_S3"] + event
    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (64 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
    with urllib.request.urlopen(url) as answer:
        out = [sum(map(len, iter(lambda: answer.read(1 << 20), b"")))]
    with requests.get(url, stream=True) as answer:
        out.append(sum(map(len, answer.iter_content(1 << 20))))
    answer = urllib3.PoolManager().request("GET", url, preload_content=False)
    out.append(sum(map(len, answer.stream(1 << 20))))
    answer.release_conn()
    before = len(os.listdir("/proc/self/fd"))
    urllib.request.urlopen(url).close()
    with urllib.request.urlopen(url) as answer:
        answer.read(10)
    return [*out, len(os.listdir("/proc/self/fd")) <= before]
"""


def test_what_is_longer_than_the_functions_memory_is_streamed(bench, recorder):
    sizes = [HUGE] * 3
    for values, _ in three_ways(bench, recorder, LONG, [SOURCE.format("huge")])[:3]:
        assert values == [[*sizes, True]]
