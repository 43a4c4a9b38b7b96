from pathlib import Path

import pytest

from objectlens.settings import Listen, SettingsError, load


def loaded(tmp_path, toml=None, environ=(), options=None):
    if toml is not None:
        (tmp_path / "objectlens.toml").write_text(toml)
    return load(data=tmp_path, environ=dict(environ), options=options)


def refusal(tmp_path, **sources):
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, **sources)
    return str(caught.value)


def test_without_any_source_everything_has_its_default(tmp_path):
    settings = loaded(tmp_path)
    assert settings.data == tmp_path
    assert settings.server.listen == Listen("127.0.0.1", 9000)
    assert (settings.account.account, settings.account.region) == ("123456789012", "us-east-1")
    assert settings.database.url is None
    assert settings.folders.fsync is True


def test_the_data_directory_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load(data=Path("data"), environ={}).data == tmp_path / "data"


def test_the_environment_overrules_the_file_and_the_command_line_both(tmp_path):
    toml = '[server]\nlisten = "0.0.0.0:1"\ndrain_seconds = 1\nidle_seconds = 1.5\n'
    environ = {"OBJECTLENS_SERVER_LISTEN": "0.0.0.0:2", "OBJECTLENS_SERVER_DRAIN_SECONDS": "2"}
    server = loaded(tmp_path, toml, environ, {"server.listen": "[::1]:3", "server.domains": None}).server
    assert server.listen == Listen("::1", 3)
    assert (server.drain_seconds, server.idle_seconds) == (2.0, 1.5)


def test_domains_are_a_list_in_toml_and_separated_by_commas_elsewhere(tmp_path):
    assert loaded(tmp_path, '[server]\ndomains = ["a.example", "b.example"]\n').server.domains == (
        "a.example",
        "b.example",
    )
    assert loaded(tmp_path, environ={"OBJECTLENS_SERVER_DOMAINS": "c.example, d"}).server.domains == ("c.example", "d")


def test_another_settings_file_may_be_named(tmp_path):
    (tmp_path / "other.toml").write_text('[account]\nregion = "eu-west-1"\n')
    assert load(data=tmp_path, environ={}, config=tmp_path / "other.toml").account.region == "eu-west-1"


def test_a_settings_file_may_begin_with_the_mark_of_editors(tmp_path):
    (tmp_path / "objectlens.toml").write_text('[account]\nregion = "eu-west-1"\n', encoding="utf-8-sig")
    assert loaded(tmp_path).account.region == "eu-west-1"


def test_a_settings_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*missing\.toml: .*No such file"):
        load(data=tmp_path, environ={}, config=tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("table", "key", "value", "allowed"),
    [
        ("server", "listen", '"9000"', "HOST:PORT"),
        ("server", "listen", '"127.0.0.1:65536"', "HOST:PORT"),
        ("server", "listen", '"::1:9000"', "HOST:PORT"),
        ("server", "drain_seconds", "-1", "seconds, from 0 to 3600"),
        ("server", "drain_seconds", "nan", "seconds, from 0 to 3600"),
        ("server", "drain_seconds", "true", "seconds, from 0 to 3600"),
        ("server", "domains", '["UPPER"]', "host names in lower case"),
        ("server", "domains", "[1]", "host names in lower case"),
        ("account", "account", '"12345678901"', "12 digits"),
        ("account", "account", "123456789012", "12 digits"),
        ("account", "region", '""', "a region such as us-east-1"),
        ("functions", "capture_address", '"10.0.0.1"', "an IPv4 address of this machine alone"),
        ("functions", "capture_address", '"127.0.0.256"', "an IPv4 address of this machine alone"),
        ("functions", "max_environments", "0", "a whole number from 1 to 100000"),
        ("functions", "max_environments", "1.5", "a whole number from 1 to 100000"),
        ("functions", "max_environments", "[]", "a whole number from 1 to 100000"),
    ],
)
def test_a_bad_value_is_named_with_its_source_and_what_is_allowed(tmp_path, table, key, value, allowed):
    message = refusal(tmp_path, toml=f"[{table}]\n{key} = {value}\n")
    assert message.startswith(f"{table}.{key} = ")
    assert str(tmp_path / "objectlens.toml") in message
    assert allowed in message


def test_a_bad_value_of_the_environment_names_the_variable(tmp_path):
    message = refusal(tmp_path, environ={"OBJECTLENS_ADMISSION_MAX_REQUESTS": "many"})
    assert message == (
        "admission.max_requests = 'many' (from the environment variable OBJECTLENS_ADMISSION_MAX_REQUESTS) "
        "is not allowed: it takes a whole number from 1 to 1000000"
    )


def test_a_bad_value_of_the_command_line_names_the_option(tmp_path):
    assert "(from the option --listen)" in refusal(tmp_path, options={"server.listen": "nowhere"})


def test_secrets_are_not_repeated_in_messages_nor_shown_by_repr(tmp_path):
    assert "se cret" not in refusal(tmp_path, environ={"OBJECTLENS_ROOT_SECRET_ACCESS_KEY": "se cret"})
    environ = {"OBJECTLENS_ROOT_ACCESS_KEY_ID": "AKIAROOT", "OBJECTLENS_ROOT_SECRET_ACCESS_KEY": "not-for-eyes"}
    assert "not-for-eyes" not in repr(loaded(tmp_path, environ=environ))


def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path):
    message = refusal(tmp_path, toml="[server]\nlistne = 1\n")
    assert message == f"server.listne in {tmp_path}/objectlens.toml is not a setting; did you mean listen?"


def test_an_unknown_table_is_refused(tmp_path):
    assert "[sever] in" in refusal(tmp_path, toml="[sever]\n")
    assert "write [server]" in refusal(tmp_path, toml="server = 1\n")


def test_an_unknown_variable_of_a_table_is_refused_and_others_are_left_alone(tmp_path):
    assert "OBJECTLENS_SERVER_LISTN is not a setting" in refusal(tmp_path, environ={"OBJECTLENS_SERVER_LISTN": "x"})
    # What container platforms set for a service of that name, and what the commands use.
    loaded(tmp_path, environ={"OBJECTLENS_PORT": "tcp://10.0.0.1:9000", "OBJECTLENS_DATA": "/srv", "OBJECTLENS": ""})


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    assert "cannot read the settings file" in refusal(tmp_path, toml="[server\n")


@pytest.mark.parametrize("half", ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"])
def test_half_a_root_key_is_refused(tmp_path, half):
    assert "belong together" in refusal(tmp_path, environ={f"OBJECTLENS_ROOT_{half}": "something_long"})


def test_listen_is_printed_as_it_is_written():
    assert str(Listen("::1", 9000)) == "[::1]:9000"
    assert str(Listen("0.0.0.0", 80)) == "0.0.0.0:80"
