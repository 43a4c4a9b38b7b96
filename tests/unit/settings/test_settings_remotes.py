import pytest

from objectlens.service import _domains
from objectlens.settings import SettingsError, load

FUNCTIONS = "arn:aws:lambda:eu-west-1:210987654321:function:*"
PUBLIC = '[server]\npublic_url = "https://lens.example.org"\n'
AWS = f'{PUBLIC}[remote.aws]\nfunctions = "{FUNCTIONS}"\n'


def loaded(tmp_path, toml="", environ=()):
    (tmp_path / "objectlens.toml").write_text(toml)
    return load(data=tmp_path, environ=dict(environ))


def refusal(tmp_path, toml="", environ=()):
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, toml, environ)
    return str(caught.value)


def test_there_are_none_unless_they_are_set(tmp_path):
    assert loaded(tmp_path).remote == {}


def test_one_needs_its_functions_and_an_address_of_ours(tmp_path):
    settings = loaded(tmp_path, AWS)
    aws = settings.remote["aws"]
    assert aws.functions == (FUNCTIONS,)
    assert (aws.endpoint, aws.region, aws.profile, aws.signed) == (None, None, None, True)
    assert (aws.timeout_seconds, aws.max_concurrency) == (60.0, 32)
    assert "remote.aws.functions is missing" in refusal(tmp_path, f'{PUBLIC}[remote.aws]\nprofile = "lens"\n')
    assert "set server.public_url" in refusal(tmp_path, f'[remote.aws]\nfunctions = "{FUNCTIONS}"\n')
    own = f'[remote.aws]\nfunctions = "{FUNCTIONS}"\npublic_url = "http://10.0.0.1:9000/"\n'
    assert loaded(tmp_path, own).remote["aws"].public_url == "http://10.0.0.1:9000"


def test_there_may_be_several_which_keep_the_order_of_the_file(tmp_path):
    toml = f'{AWS}[remote.box]\nfunctions = ["{FUNCTIONS}", "{FUNCTIONS}2"]\nsigned = false\nendpoint = "http://box:8080"\n'
    remotes = loaded(tmp_path, toml).remote
    assert list(remotes) == ["aws", "box"]
    assert (remotes["box"].signed, remotes["box"].endpoint) == (False, "http://box:8080")


def test_the_environment_overrules_the_file_and_may_bring_one_of_its_own(tmp_path):
    environ = {
        "OBJECTLENS_REMOTE_AWS_MAX_CONCURRENCY": "7",
        "OBJECTLENS_REMOTE_BOX_FUNCTIONS": f"{FUNCTIONS}, {FUNCTIONS}2",
        "OBJECTLENS_REMOTE_BOX_ENDPOINT": "https://box.example",
        "OBJECTLENS_REMOTE_BOX_SIGNED": "false",
    }
    remotes = loaded(tmp_path, AWS, environ).remote
    assert remotes["aws"].max_concurrency == 7
    assert (remotes["box"].functions, remotes["box"].signed) == ((FUNCTIONS, f"{FUNCTIONS}2"), False)


def test_an_unsigned_one_needs_an_endpoint(tmp_path):
    assert "remote.aws.endpoint is missing" in refusal(tmp_path, f"{AWS}signed = false\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('functions = "resize"', "ARNs of functions"),
        ('functions = "arn:aws:s3:::bucket"', "ARNs of functions"),
        ("functions = [1]", "ARNs of functions"),
        ('endpoint = "lambda.example"', "http://HOST:PORT or https://HOST"),
        ('endpoint = "http://box:65536"', "http://HOST:PORT or https://HOST"),
        ('public_url = "https://lens.example.org/base"', "without a path"),
        ('signed = "yes"', "true or false"),
        ("signed = 1", "true or false"),
        ("max_concurrency = 0", "a whole number from 1 to 1000"),
        ('profile = "a b"', "the name of a profile"),
        ("secret = 1", "is not a setting; there are functions"),
    ],
)
def test_a_bad_value_is_named(tmp_path, line, says):
    message = refusal(tmp_path, f"{PUBLIC}[remote.aws]\n{line}\n")
    assert "remote.aws." in message
    assert says in message


@pytest.mark.parametrize("name", ["AWS", "my-lambda", "1", "a" * 33])
def test_a_name_has_letters_and_digits(tmp_path, name):
    assert "lower-case letters and digits" in refusal(tmp_path, f'[remote.{name}]\nfunctions = "{FUNCTIONS}"\n')


def test_the_table_itself_is_no_remote(tmp_path):
    assert "write [remote.NAME]" in refusal(tmp_path, f'[remote]\nfunctions = "{FUNCTIONS}"\n')
    assert "write [remote.NAME]" in refusal(tmp_path, "[remote.aws]\n")
    assert "is not a setting" in refusal(tmp_path, environ={"OBJECTLENS_REMOTE_AWS": "1"})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "https://lens.example.org", "http://[::1]:9000", "http://a:65535"]
)
def test_urls(tmp_path, url):
    assert loaded(tmp_path, f'[server]\npublic_url = "{url}"\n').server.public_url == url


def test_hosts_of_public_urls_are_names_of_this_server(tmp_path):
    toml = f"{AWS}public_url = 'http://10.0.0.1:9000'\n"
    assert {"lens.example.org", "10.0.0.1", "localhost"} <= set(_domains(loaded(tmp_path, toml)))
