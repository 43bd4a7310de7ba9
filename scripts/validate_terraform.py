"""Runs `terraform validate` on every environment and example, in a copy: nothing is left where they are."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from webhookctl.local.mirror import terraform_environment

PROJECT = Path(__file__).parents[1]
PARTS = ("build", "envs", "examples", "lambdas/common", "modules")
LEFT_BEHIND = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__", "vendor")


def main() -> int:
    """The first exit code that is not 0, if any."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in PARTS:
            shutil.copytree(PROJECT / part, copy / part, ignore=LEFT_BEHIND)
        variables = terraform_environment(copy)
        for environment in sorted([*(copy / "envs").iterdir(), *(copy / "examples").iterdir()]):
            for step in (["init", "-backend=false"], ["validate"]):
                command = ["terraform", f"-chdir={environment}", *step, "-no-color"]
                done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.stderr.write(
                        f"{environment.relative_to(copy)}: terraform {step[0]} failed\n{done.stdout}{done.stderr}"
                    )
                    return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
