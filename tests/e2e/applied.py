"""Applies beforehand what the tests here run from: `python -m tests.e2e.applied`, while others compute."""

from tests.e2e.conftest import PROJECT
from webhookctl.cache import cache_directory
from webhookctl.local.terraform import apply

ENVIRONMENTS = (PROJECT / "envs" / "dev", PROJECT / "examples" / "email-events")

if __name__ == "__main__":
    for environment in ENVIRONMENTS:
        apply(environment, cache_directory())
