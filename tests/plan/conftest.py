"""One copy of the Terraform code for the whole run, and each root planned once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plan.plan import Plan
from tests.plan.workspace import Workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    # tftest writes plans to the temporary folder and leaves them there.
    previous, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("plans"))
    yield Workspace(tmp_path_factory.mktemp("terraform"))
    tempfile.tempdir = previous


@pytest.fixture(scope="session")
def dev(workspace: Workspace) -> Plan:
    return workspace.plan("dev")


@pytest.fixture(scope="session")
def prod(workspace: Workspace) -> Plan:
    return workspace.plan("prod")


@pytest.fixture(params=["dev", "prod"])
def environment(request: pytest.FixtureRequest) -> Plan:
    plan: Plan = request.getfixturevalue(request.param)
    return plan


@pytest.fixture(scope="session")
def presets() -> Path:
    return Path(__file__).parents[2] / "lambdas" / "common" / "schemes.json"
