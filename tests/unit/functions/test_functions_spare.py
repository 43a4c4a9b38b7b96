"""The session of boto3 that a template makes for its forks: each comes to what it would have come to without."""

import pytest

from support.accelerated import three_ways

SESSION = """
import boto3, os
{module}
def kept(session):
    return len(vars(session).get("_objectlens_clients", ()))
def handler(event, context):
    before = boto3.DEFAULT_SESSION is None
    {first}
    client = boto3.client("s3")
    session, credentials = boto3.DEFAULT_SESSION, client._request_signer._credentials
    other = boto3.Session()
    answer = client.write_get_object_response(RequestRoute="r", RequestToken="token", Body=b"x")
    facts = [
        before,
        [getattr(credentials, name) for name in ("access_key", "secret_key", "token", "method")]
            == [*map(os.environ.get, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")), "env"],
        credentials is session.get_credentials(),
        session.region_name, session.profile_name, client.meta.region_name, client.meta.endpoint_url,
        client.meta.config.user_agent.split("#")[0],
        sorted(name for name in vars(session) if "objectlens" not in name),
        sorted(name for name in vars(client) if name != "write_get_object_response"),
        other.events is session.events, other._session is session._session,
        other.client("s3") is client, session.client("sqs").meta.endpoint_url,
        answer["ResponseMetadata"]["HTTPStatusCode"],
    ]
    return facts, event
"""
NOT_TAKEN = {
    "an argument": ("", 'boto3.setup_default_session(region_name="eu-west-3")'),
    "a region": ("", 'os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = "eu-west-3"'),
    "no credentials": ("", 'os.environ.pop("AWS_SESSION_TOKEN")'),
    "a file of the user's": ("", 'os.makedirs(os.path.expanduser("~/.aws"))'),
    "a tool in the handler": ("", "import tool; tool.watch()"),
    "a tool in the module": ("import tool; tool.watch()", ""),
    "a session in the module": ("boto3.setup_default_session()", ""),
}
TOOL = """
import botocore.client
made = botocore.client.ClientCreator.create_client
def create_client(self, *arguments, **options):
    return made(self, *arguments, **options)
def watch():
    botocore.client.ClientCreator.create_client = create_client
"""


def run(bench, recorder, module="", first="", code=SESSION):
    # (Formatting would take the braces of the code for its own.)
    code = code.replace("{module}", module).replace("{first}", first or "pass")
    return three_ways(bench, recorder, code, [None], {"tool.py": TOOL})


@pytest.mark.parametrize(("module", "first"), [("", ""), *NOT_TAKEN.values()], ids=["plain", *NOT_TAKEN])
def test_a_session_is_what_it_would_be(bench, recorder, module, first):
    fast, plain, channel, _ = run(bench, recorder, module, first)
    assert fast[0] == plain[0] == channel[0]
    assert [len(seen) for _, seen in (fast, plain)] == [1, 1]  # and nothing was sent before


@pytest.mark.parametrize(("module", "first", "taken"), [("", "", True), *((*one, False) for one in NOT_TAKEN.values())])
def test_it_is_taken_where_it_would_be_the_same(bench, recorder, module, first, taken):
    before = SESSION.replace(
        "{first}",
        "{first}; boto3.DEFAULT_SESSION or boto3.setup_default_session(); there = kept(boto3.DEFAULT_SESSION)",
    )
    code = before.replace("return facts, event", "return there")
    fast, plain, channel, _ = run(bench, recorder, module, first, code)
    assert (fast[0], plain[0], channel[0]) == ([int(taken)], [0], [int(taken)])


def test_it_is_taken_once(bench, recorder):
    code = SESSION.replace("return facts, event", "return [kept(boto3.Session()) for _ in range(2)]")
    fast, _, _, _ = run(bench, recorder, code=code)
    assert fast[0] == [[0, 0]]


def test_nobody_sees_the_rehearsal(bench, recorder):
    module = """
import botocore.client
calls, made = [], botocore.client.BaseClient._make_api_call
def _make_api_call(self, name, members):
    calls.append(name)
    return made(self, name, members)
botocore.client.BaseClient._make_api_call = _make_api_call
"""
    code = SESSION.replace("return facts, event", "return calls")
    fast, plain, channel, _ = run(bench, recorder, module, code=code)
    assert fast[0] == plain[0] == channel[0] == [["WriteGetObjectResponse"]]
