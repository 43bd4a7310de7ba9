"""A copy of the Terraform code to plan in: tftest deletes from the folder it is given, and tests add roots."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tftest

from tests.plan.plan import Plan
from webhookctl.local.mirror import ProviderMirrorMissing, find_provider_mirror, terraform_environment
from webhookctl.local.terraform import installed_provider

PROJECT = Path(__file__).parents[2]

# Turns an environment into a root that plans without AWS: `envs/` know nothing of it.
OVERRIDE: dict[str, Any] = {
    "terraform": {"backend": {"local": {}}},
    "provider": {
        "aws": {
            "region": "eu-west-1",
            "access_key": "test",
            "secret_key": "test",
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "skip_requesting_account_id": True,
            "skip_region_validation": True,
            "allowed_account_ids": [],
        }
    },
}


class Workspace:
    """Modules, environments, zips and schemes, copied aside; each root of it is planned without AWS."""

    def __init__(self, folder: Path) -> None:
        zips = sorted((PROJECT / "build").glob("*.zip"))
        if not zips:
            raise FileNotFoundError("build/ holds no zips: run scripts/build.sh, as make test does")
        self.folder = folder
        for part in ("modules", "envs", "lambdas/common"):
            shutil.copytree(
                PROJECT / part, folder / part, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
            )
        (folder / "build").mkdir()
        for file in zips:
            shutil.copy(file, folder / "build")
        # Built on request alone, and planned as any other zip: what is in it shows when it runs.
        with_cryptography = folder / "build/processor-cryptography.zip"
        if not with_cryptography.exists():
            shutil.copy(folder / "build/processor.zip", with_cryptography)
        # Less often looking for garbage halves what Terraform and its provider compute in a plan.
        self.environment = {**terraform_environment(folder), "GOGC": "400"}

    def root(self, name: str, files: dict[str, str] | None = None) -> tftest.TerraformTest:
        """The root envs/<name>, initialised; `files` are written into it first, which makes a new one."""
        folder = self.folder / "envs" / name
        folder.mkdir(exist_ok=True)
        for file, text in (files or {}).items():
            (folder / file).write_text(text, encoding="utf-8")
        (folder / "test_override.tf.json").write_text(json.dumps(OVERRIDE), encoding="utf-8")
        root = tftest.TerraformTest(str(folder), env={})
        root.env = self.environment  # as it is: tftest only ever adds to the caller's
        try:
            root.setup()
        except tftest.TerraformTestError as error:
            raise _init_failed(error) from error
        root.env = {**self.environment, **installed_provider(folder)}
        return root

    def plan(self, name: str, files: dict[str, str] | None = None, *, targets: list[str] | None = None) -> Plan:
        """What applying the root envs/<name> to an empty account would make, or `targets` of it and what they need."""
        root = self.root(name, files)
        # tftest writes a plan to the temporary folder and leaves it there. No longer than this: what others put there,
        # another user must reach.
        previous, tempfile.tempdir = tempfile.tempdir, str(self.folder)
        try:
            return Plan.parse(root.plan(output=True, refresh=False, targets=targets))
        finally:
            tempfile.tempdir = previous


def _init_failed(error: Exception) -> Exception:
    """A missing mirror is the likely cause where there is no network, and must be said."""
    try:
        find_provider_mirror()
    except ProviderMirrorMissing as missing:
        return RuntimeError(f"terraform init failed, and {missing}\n{error}")
    return error
