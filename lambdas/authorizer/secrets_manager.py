"""GetSecretValue with the standard library: an SDK would be most of the authorizer's cold start.

Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final

from authorizer.authorities import Authorities

TIMEOUT_SECONDS = 2
_SERVICE = "secretsmanager"
_CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGET = "secretsmanager.GetSecretValue"


class SecretUnavailable(Exception):
    """Secrets Manager did not give the secret. The message has its error code, never a value."""


class _Credentials:
    """Not a tuple, as other records are: that would show what is in it."""

    def __init__(self, access_key_id: str, secret_access_key: str, session_token: str) -> None:
        self.access_key_id: Final = access_key_id
        self.secret_access_key: Final = secret_access_key
        self.session_token: Final = session_token


class SecretsManager:
    """A client for one region.

    Nothing of it goes stale in a snapshot of the process: credentials and connection are new each time.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        # The two variables by which every AWS SDK is pointed at another endpoint.
        self._url = environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environ.get("AWS_ENDPOINT_URL")
        # Read once, and where there is time: at the start.
        self._authorities = None if (self._url or "").startswith("http:") else Authorities()

    @cached_property
    def _region(self) -> str:
        return self._environ["AWS_REGION"]

    @cached_property
    def _endpoint(self) -> urllib.parse.SplitResult:
        suffix = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        return urllib.parse.urlsplit(self._url or f"https://{_SERVICE}.{self._region}.{suffix}")

    def live_versions(self, name: str, now: datetime | None = None) -> list[str]:
        """The secret's current text and, when there is one, the previous. Raises SecretUnavailable."""
        credentials, moment = _credentials(self._environ), now or datetime.now(UTC)
        try:
            with closing(self._connected()) as connection:
                get = partial(self._get, connection, credentials, moment, name)
                current = get("AWSCURRENT")
                if current is None:
                    raise SecretUnavailable(
                        f"{name} has no value as text; put one with: aws secretsmanager put-secret-value"
                    )
                try:
                    previous = get("AWSPREVIOUS")
                except ConnectionError:  # it was kept, and the server may close it at any time
                    connection.close()  # the next request opens it anew
                    previous = get("AWSPREVIOUS")
        except (OSError, http.client.HTTPException) as error:
            raise SecretUnavailable(f"Secrets Manager can't be reached: {type(error).__name__}") from error
        return [current] if previous is None else [current, previous]

    def _connected(self) -> http.client.HTTPConnection:
        connect = partial(_connection, self._endpoint)
        return connect(None) if self._authorities is None else self._authorities.vouch(connect)

    def _get(
        self,
        connection: http.client.HTTPConnection,
        credentials: _Credentials,
        moment: datetime,
        name: str,
        stage: str,
    ) -> str | None:
        """The version's text; None where there is no version, or a binary one."""
        payload = json.dumps({"SecretId": name, "VersionStage": stage}).encode()
        connection.request("POST", "/", payload, self._signed_headers(credentials, payload, moment))
        response = connection.getresponse()
        status, answer = response.status, _object(response.read())
        if status == http.client.OK and ("SecretString" in answer or "SecretBinary" in answer):
            return answer.get("SecretString")
        code = str(answer.get("__type", "no code")).rpartition("#")[2]
        if code == "ResourceNotFoundException":
            return None
        raise SecretUnavailable(f"{name} ({stage}): status {status}, {code}")

    def _signed_headers(self, credentials: _Credentials, payload: bytes, moment: datetime) -> dict[str, str]:
        headers = {
            "content-type": _CONTENT_TYPE,
            "host": self._endpoint.netloc,
            "x-amz-date": moment.strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": _TARGET,
        }
        if credentials.session_token:
            headers["x-amz-security-token"] = credentials.session_token
        return headers | {"authorization": self._authorization(credentials, headers, payload)}

    def _authorization(self, credentials: _Credentials, headers: Mapping[str, str], payload: bytes) -> str:
        date = headers["x-amz-date"]
        scope = f"{date[:8]}/{self._region}/{_SERVICE}/aws4_request"
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(payload).hexdigest()}"
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = ("AWS4" + credentials.secret_access_key).encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )


def _credentials(environ: Mapping[str, str]) -> _Credentials:
    """Those that Lambda puts into the environment; for a function that starts from a snapshot, those at a URL in it.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """
    url = urllib.parse.urlsplit(environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""))
    if not url.netloc:
        token = environ.get("AWS_SESSION_TOKEN", "")
        return _Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
    connection = http.client.HTTPConnection(
        url.hostname or "", url.port, timeout=TIMEOUT_SECONDS
    )  # in the same machine
    try:
        path = url.path + (f"?{url.query}" if url.query else "")
        connection.request("GET", path, headers={"authorization": environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")})
        given = _object(connection.getresponse().read())
        return _Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["Token"])
    except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError) as error:
        # Without what it says: of a header that can't be sent, that is the token.
        raise SecretUnavailable(f"there are no credentials to ask with: {type(error).__name__}") from None
    finally:
        connection.close()


def _connection(endpoint: urllib.parse.SplitResult, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """One that is open: with TLS the server has shown who it is, before it is sent anything."""
    host, port = endpoint.hostname or "", endpoint.port
    if tls is None:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=tls)
    connection.connect()
    return connection


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
