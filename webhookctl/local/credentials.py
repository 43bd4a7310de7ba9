"""The credentials that a function finds: as variables, or where it starts from snapshots, which outlive them, at a URL.

Lambda Developer Guide, "Activating and managing Lambda SnapStart"; AWS SDKs and Tools Reference Guide, "Container
credential provider". They are worth nothing here, and nothing looks at them but `answer`.
"""

import datetime
from collections.abc import Mapping

PATH = "/credentials"
VALID = datetime.timedelta(hours=6)

_TOKEN = "local"  # noqa: S105 - no secret


def in_variables() -> dict[str, str]:
    """The variables of a function that is initialised in each execution environment."""
    return dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), _TOKEN)


def at_url(aws_endpoint_url: str) -> dict[str, str]:
    """The variables of a function that starts from snapshots."""
    return {
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": _TOKEN,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws_endpoint_url}{PATH}",
    }


def answer(authorization: str | None, now: datetime.datetime) -> tuple[int, Mapping[str, str]]:
    """What is found at the URL: status, and a document."""
    if authorization != _TOKEN:
        return 403, {"code": "AccessDenied", "message": "The Authorization header is not the token."}
    keys = dict.fromkeys(("AccessKeyId", "SecretAccessKey", "Token"), _TOKEN)
    return 200, {**keys, "Expiration": f"{now + VALID:%Y-%m-%dT%H:%M:%SZ}"}
