"""GetSecretValue with the standard library: an SDK would be most of the authorizer's cold start.

Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TIMEOUT_SECONDS = 2
_SERVICE = "secretsmanager"
_CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGET = "secretsmanager.GetSecretValue"


class SecretUnavailable(Exception):
    """Secrets Manager did not give the secret. The message has its error code, never a value."""


class SecretsManager:
    """A client for one region, with the credentials that Lambda puts into the environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._region = environ["AWS_REGION"]
        self._access_key_id = environ["AWS_ACCESS_KEY_ID"]
        self._secret_access_key = environ["AWS_SECRET_ACCESS_KEY"]
        self._session_token = environ.get("AWS_SESSION_TOKEN", "")
        suffix = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        default = f"https://{_SERVICE}.{self._region}.{suffix}"
        # The two variables by which every AWS SDK is pointed at another endpoint.
        url = environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environ.get("AWS_ENDPOINT_URL") or default
        self._endpoint = urllib.parse.urlsplit(url)

    def live_versions(self, name: str, now: datetime | None = None) -> list[str]:
        """The secret's current text and, when there is one, the previous. Raises SecretUnavailable."""
        moment = now or datetime.now(UTC)
        current = self._get(name, "AWSCURRENT", moment)
        if current is None:
            raise SecretUnavailable(f"{name} has no value as text; put one with: aws secretsmanager put-secret-value")
        previous = self._get(name, "AWSPREVIOUS", moment)
        return [current] if previous is None else [current, previous]

    def _get(self, name: str, stage: str, moment: datetime) -> str | None:
        """The version's text; None where there is no version, or a binary one."""
        payload = json.dumps({"SecretId": name, "VersionStage": stage}).encode()
        status, answer = self._post(payload, moment)
        if status == http.client.OK and ("SecretString" in answer or "SecretBinary" in answer):
            return answer.get("SecretString")
        code = str(answer.get("__type", "no code")).rpartition("#")[2]
        if code == "ResourceNotFoundException":
            return None
        raise SecretUnavailable(f"{name} ({stage}): status {status}, {code}")

    def _post(self, payload: bytes, moment: datetime) -> tuple[int, Mapping[str, Any]]:
        secure = self._endpoint.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(self._endpoint.hostname or "", self._endpoint.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/", payload, self._signed_headers(payload, moment))
            response = connection.getresponse()
            return response.status, _object(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise SecretUnavailable(f"Secrets Manager can't be reached: {type(error).__name__}") from error
        finally:
            connection.close()

    def _signed_headers(self, payload: bytes, moment: datetime) -> dict[str, str]:
        headers = {
            "content-type": _CONTENT_TYPE,
            "host": self._endpoint.netloc,
            "x-amz-date": moment.strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": _TARGET,
        }
        if self._session_token:
            headers["x-amz-security-token"] = self._session_token
        return headers | {"authorization": self._authorization(headers, payload)}

    def _authorization(self, headers: Mapping[str, str], payload: bytes) -> str:
        date = headers["x-amz-date"]
        scope = f"{date[:8]}/{self._region}/{_SERVICE}/aws4_request"
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(payload).hexdigest()}"
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = ("AWS4" + self._secret_access_key).encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return (
            f"AWS4-HMAC-SHA256 Credential={self._access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
