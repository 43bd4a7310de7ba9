"""Who calls a method with IAM authorization: Signature Version 4, computed anew by botocore.

IAM User Guide, "AWS Signature Version 4 for API requests". There is one caller, with the credentials that the local
stack gives to everybody; `aws sts get-caller-identity` says the same of it. That a missing signature is
MISSING_AUTHENTICATION_TOKEN and a wrong one INVALID_SIGNATURE is documented ("Gateway response types for API Gateway"),
and the rest is taken for the latter. The messages are those of AWS re:Post, "How do I troubleshoot signature mismatch
errors when making SigV4 signed requests with IAM authentication to API Gateway?".
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from webhookctl.local.gateway.errors import Refused
from webhookctl.local.gateway.exchange import Exchange
from webhookctl.local.gateway.model import Api

ACCESS_KEY = SECRET_KEY = SESSION_TOKEN = USER = "local"  # noqa: S105  # as webhookctl/local/program.py says it
SERVICE = "execute-api"
MAX_SKEW_SECONDS = 5 * 60

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/([0-9]{8})/([^/, ]+)/([^/, ]+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})"
)
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_UNKNOWN_KEY = "The security token included in the request is invalid."
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def authenticate(exchange: Exchange, api: Api, now: float) -> None:
    """Note who signed the request. Raises Refused unless it is a caller of this account, and the request is fresh."""
    given = exchange.headers.find("Authorization")
    if not given:
        raise Refused("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
    parts = _AUTHORIZATION.fullmatch(given)
    signed_at = exchange.headers.find("X-Amz-Date") or ""
    if parts is None or not _DATE.fullmatch(signed_at):
        raise _invalid(
            "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters, and a date."
        )
    key, date, region, service, names, signature = parts.groups()
    if key != ACCESS_KEY or (exchange.headers.find("X-Amz-Security-Token") or SESSION_TOKEN) != SESSION_TOKEN:
        raise _invalid(_UNKNOWN_KEY)
    if (date, region, service) != (signed_at[:8], api.region, SERVICE):
        raise _invalid(f"Credential should be scoped to a valid region and correct service: '{SERVICE}'.")
    _check_date(signed_at, now)
    signed = names.split(";")
    if not {"host", "x-amz-date"} <= set(signed) or not hmac.compare_digest(
        _expected(exchange, api, signed), signature
    ):
        raise _invalid(_MISMATCH)
    exchange.context["identity"] |= {
        "accessKey": key,
        "accountId": api.account_id,
        "caller": USER,
        "user": USER,
        "userArn": f"arn:aws:iam::{api.account_id}:user/{USER}",
    }


def _check_date(signed_at: str, now: float) -> None:
    try:
        moment = datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _invalid(_MISMATCH) from None
    if abs(now - moment) > MAX_SKEW_SECONDS:
        expired = "Signature expired" if moment < now else "Signature not yet current"
        raise _invalid(f"{expired}: {signed_at} is more than {MAX_SKEW_SECONDS // 60} min from now.")


def _expected(exchange: Exchange, api: Api, signed: list[str]) -> str:
    """The right signature over the request as it came. What a header says of the payload is not taken on trust."""
    values = {name: exchange.headers.find(name) or "" for name in signed}
    if "x-amz-content-sha256" in values:
        values["x-amz-content-sha256"] = hashlib.sha256(exchange.body).hexdigest()
    url = f"https://{values['host']}{exchange.context['path']}"
    request = AWSRequest(exchange.method, f"{url}?{exchange.query}" if exchange.query else url, values, exchange.body)
    request.context["timestamp"] = values["x-amz-date"]
    signer = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), SERVICE, api.region)
    try:
        return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))
    except ValueError:  # a Host that is none
        raise _invalid(_MISMATCH) from None


def _invalid(message: str) -> Refused:
    return Refused("INVALID_SIGNATURE", message)
