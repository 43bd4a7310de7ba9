"""One copy of the Terraform code for all tests of plans, and each root planned once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plan.inputs import SENDERS
from tests.plan.plan import Plan
from tests.plan.workspace import PROJECT, Workspace


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="package")
def dev(workspace: Workspace) -> Plan:
    return workspace.plan("dev")


@pytest.fixture(scope="package")
def prod(workspace: Workspace) -> Plan:
    return workspace.plan("prod")


@pytest.fixture(scope="package")
def senders(workspace: Workspace) -> Plan:
    """An environment as dev is, with a sender of each kind that needs more than a route of its own."""
    return _environment(workspace, "senders", SENDERS)


@pytest.fixture(scope="package")
def switched(workspace: Workspace) -> Plan:
    """The same, with the handshake of one sender off and of another on."""
    changed = {"zoom": {**SENDERS["zoom"], "handshake": False}, "slack": {**SENDERS["slack"], "handshake": True}}
    return _environment(workspace, "switched", SENDERS | changed)


@pytest.fixture(scope="package")
def snapped(workspace: Workspace) -> Plan:
    """One source's functions and the authorizer start from snapshots, another source's functions do not."""
    sources = {"zoom": {**SENDERS["zoom"], "snap_start": True}, "slack": {**SENDERS["slack"], "handshake": True}}
    return _environment(workspace, "snapped", sources, authorizer_snap_start=True)


def _environment(workspace: Workspace, root: str, sources: dict[str, Any], **inputs: Any) -> Plan:
    parts = {file: (PROJECT / "envs/dev" / file).read_text(encoding="utf-8") for file in ("terraform.tf", "outputs.tf")}
    call = {"source": "../../modules/webhook", "name": "webhook-dev", "sources": sources, **inputs}
    return workspace.plan(root, {**parts, "main.tf.json": json.dumps({"module": {"webhook": call}})})


@pytest.fixture(params=["dev", "prod", "senders"])
def environment(request: pytest.FixtureRequest) -> Plan:
    plan: Plan = request.getfixturevalue(request.param)
    return plan


@pytest.fixture(scope="session")
def presets() -> Path:
    return Path(__file__).parents[2] / "lambdas" / "common" / "schemes.json"
