"""What Terraform concludes from a scheme is what the Lambdas conclude from it."""

import json
from typing import Any

import pytest

from common.scheme import load
from common.scheme import presets as known
from tests.plan.plan import Plan
from tests.plan.workspace import Workspace

CUSTOM: dict[str, dict[str, Any]] = {
    "body": {"kind": "hmac", "signature": {"header": "X-Acme-Signature"}},
    "token": {"kind": "token", "signature": {"header": "X-Acme-Token"}, "id": {"form": "id"}, "type": {"form": "kind"}},
    "url": {
        "kind": "hmac",
        "signature": {"header": "X-Acme-Signature", "encoding": "base64"},
        "timestamp": {"header": "X-Acme-Time", "unit": "iso8601"},
        "signed": "{method} {url} {timestamp} {body}",
        "id": {"pointer": "/id"},
    },
    "time_in_the_body": {
        "kind": "hmac",
        "signature": {"header": "X-Acme-Signature"},
        "timestamp": {"pointer": "/sent_at", "unit": "milliseconds"},
    },
}
CALLS: dict[str, Any] = {
    **{name: {"scheme": name} for name in known()},
    **{f"custom_{name}": {"custom_scheme": scheme} for name, scheme in CUSTOM.items()},
}


@pytest.fixture(scope="module")
def concluded(workspace: Workspace) -> dict[str, Any]:
    """The outputs of modules/scheme, by call."""
    files = {}
    for name, call in CALLS.items():
        inputs: dict[str, Any] = {"source": "../../modules/scheme", "source_name": name, **call}
        if name == "unsigned":
            inputs["insecure"] = True
        if name == "meta":
            inputs["verify_token"] = "0123456789abcdef"
        files[f"{name}.tf.json"] = json.dumps(
            {"module": {name: inputs}, "output": {name: {"value": f"${{module.{name}}}"}}}
        )
    plan: Plan = workspace.plan("schemes", files)
    return dict(plan.outputs)


@pytest.mark.parametrize("name", CALLS)
def test_terraform_and_the_lambdas_read_a_scheme_alike(concluded: dict[str, Any], name: str) -> None:
    outputs = concluded[name]
    scheme = load(json.loads(outputs["json"]))
    assert json.loads(outputs["json"]) == CALLS[name].get("custom_scheme", name)
    assert outputs["kind"] == scheme.kind
    assert outputs["verified_at_edge"] == scheme.verified_at_edge
    assert outputs["signs_url"] == scheme.signs_url
    assert outputs["needs_cryptography"] == scheme.needs_cryptography
    headers = scheme.signature.headers if scheme.signature else ()
    assert outputs["signature_header"] == (headers[0] if len(headers) == 1 else None)


def test_the_handshake_is_the_presets(concluded: dict[str, Any]) -> None:
    assert {name: concluded[name]["handshake"] for name in CALLS} == {
        name: known().get(name, {}).get("handshake") for name in CALLS
    }
