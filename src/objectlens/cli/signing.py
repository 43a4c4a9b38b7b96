"""Requests that no AWS client makes: signed as for S3, for the pages below `/-/`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError

from objectlens.cli.clients import reach, refusal

Line = dict[str, Any]
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


def reason(answer: Any) -> str:
    """Return what the server says in an error's document, in plain text."""
    found = _MESSAGE.search(answer.text)
    return html.unescape(found[1]) if found else f"status {answer.status_code}, as a server of an older version would"


class Refused(click.ClickException):
    """The server answered, and not with what was asked for."""


class Signer:
    """One server, and the key to ask it with; `seconds` is how long it may be silent."""

    def __init__(self, data: Path, config: Path | None, endpoint: str | None, *, seconds: float = 60) -> None:
        self.url, self.session, self.region = reach(data, config, endpoint)
        self._http = URLLib3Session(timeout=seconds)

    def read(self, path: str, body: object = None) -> str:
        """Return what a page says: of a GET, or of a POST of JSON. Ends the command with the server's reason."""
        return str(self._sent(path, body, stream=False).text)

    def lines(self, path: str, body: object, headers: Mapping[str, str] = MappingProxyType({})) -> Iterator[Line]:
        """Yield the lines of JSON that answer a POST, as they come in; `headers` are sent with it."""
        answer = self._sent(path, body, headers, stream=True)
        rest = b""
        try:
            for chunk in answer.raw.stream(65536):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in whole)
        except HTTPError as error:
            raise click.ClickException(f"the answer of {self.url} was cut: {error}") from error
        finally:
            answer.raw.close()

    def _sent(self, path: str, body: object, headers: Mapping[str, str] = MappingProxyType({}), *, stream: bool) -> Any:
        data = None if body is None else json.dumps(body).encode()
        said = {**headers} if body is None else {"Content-Type": "application/json", **headers}
        method = "GET" if body is None else "POST"
        request = AWSRequest(method, f"{self.url}{path}", headers=said, data=data, stream_output=stream)
        try:
            S3SigV4Auth(self._key(), "s3", self.region).add_auth(request)
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            raise click.ClickException(refusal(error, self.url)) from error
        if answer.status_code != 200:
            raise Refused(reason(answer))
        return answer

    def _key(self) -> object:
        credentials = self.session.get_credentials()
        if credentials is None:
            raise click.ClickException("there is no key to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        return credentials.get_frozen_credentials()
