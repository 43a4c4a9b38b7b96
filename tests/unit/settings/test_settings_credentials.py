import re
import threading

import pytest

from objectlens.settings import Credentials, Settings, SettingsError, load, root_credentials


def test_a_key_is_made_once_and_kept_for_its_owner_alone(tmp_path):
    settings = Settings(data=tmp_path / "deep" / "data")
    made = root_credentials(settings)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made.secret_access_key)
    assert root_credentials(settings) == made
    assert (settings.data / "credentials").stat().st_mode & 0o777 == 0o600
    assert settings.data.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in settings.data.iterdir()] == ["credentials"]


def test_the_file_is_in_the_format_that_the_sdks_share(tmp_path, monkeypatch):
    from botocore.session import Session

    made = root_credentials(Settings(data=tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    found = Session().get_credentials()
    assert (found.access_key, found.secret_key) == (made.access_key_id, made.secret_access_key)


def test_a_key_that_is_set_is_used_and_not_written(tmp_path):
    environ = {"OBJECTLENS_ROOT_ACCESS_KEY_ID": "AKIAROOT", "OBJECTLENS_ROOT_SECRET_ACCESS_KEY": "not-for-eyes"}
    settings = load(data=tmp_path, environ=environ)
    assert root_credentials(settings) == Credentials("AKIAROOT", "not-for-eyes")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_others_may_read_is_refused(tmp_path):
    root_credentials(Settings(data=tmp_path))
    (tmp_path / "credentials").chmod(0o640)
    with pytest.raises(SettingsError, match=r"may be read by others \(mode 0640\): chmod 600"):
        root_credentials(Settings(data=tmp_path))


@pytest.mark.parametrize(
    "content",
    ["", "[default]\naws_access_key_id = AKIA\n", "no section", "[default]\nx", "aws_secret_access_key = s3cr3t\n"],
)
def test_a_damaged_file_is_refused_and_left_alone_and_not_shown(tmp_path, content):
    path = tmp_path / "credentials"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(SettingsError, match="restore it, or remove it to have a new key made") as caught:
        root_credentials(Settings(data=tmp_path))
    assert "s3cr3t" not in str(caught.value)
    assert path.read_text() == content


def test_starts_at_the_same_time_agree_on_one_key(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(root_credentials(Settings(data=tmp_path)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_secret_does_not_show_in_repr():
    assert "secret" not in repr(Credentials("AKIA", "the secret"))
