"""The suite's configuration file: a server of ours, and the users that the tests play with."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from urllib.parse import urlsplit

from objectlens.objects.context import owner
from support.live import LiveServer

# There is one account here, and its users are told apart by their keys: all of them own what any of them makes.
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def write(server: LiveServer, path: Path) -> None:
    """Make the users and write the file."""
    where = urlsplit(server.url)
    parser = configparser.RawConfigParser()
    parser["DEFAULT"] = {"host": where.hostname, "port": str(where.port), "is_secure": "False", "ssl_verify": "False"}
    parser["fixtures"] = {"bucket prefix": "s3-tests-{random}-"}
    root = {"access_key": server.access_key_id, "secret_key": server.secret_access_key}
    parser["s3 main"] = _section(server, "main", root) | {"api_name": server.region}
    parser["s3 alt"] = _section(server, "alt", _user(server, "alt"))
    parser["s3 tenant"] = _section(server, "tenant", _user(server, "tenant")) | {"tenant": "tenant"}
    for name in ("iam", "iam root", "iam alt root"):
        parser[name] = _section(server, name, root)
    with path.open("w") as file:
        parser.write(file)


def _section(server: LiveServer, name: str, key: dict[str, str]) -> dict[str, str]:
    return key | {
        "display_name": name,
        "user_id": owner(server.account).id,
        "email": f"{name.replace(' ', '-')}@example.com",
    }


def _user(server: LiveServer, name: str) -> dict[str, str]:
    iam = server.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="everything-in-s3", PolicyDocument=json.dumps(_EVERYTHING))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
