"""Where Terraform finds the AWS provider on this machine, and the environment in which Terraform is run.

The provider comes from the registry as usual. Without a network it comes from a folder laid out as Terraform's
documentation says ("Provider Installation", filesystem_mirror), looked for where people keep such folders.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

AWS_PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
OPTIONAL_SOFTWARE = Path("/opt")  # Filesystem Hierarchy Standard 3.0, 3.13

_NOT_INHERITED = ("AWS_", "TF_CLI_ARGS", "TF_LOG", "TF_VAR_")
_NOT_INHERITED_NAMES = frozenset({"TF_DATA_DIR", "TF_WORKSPACE"})


class ProviderMirrorMissing(RuntimeError):
    """No folder on this machine holds the AWS provider; `looked_in` says where it was looked for."""

    def __init__(self, looked_in: tuple[Path, ...]) -> None:
        super().__init__(
            f"no folder with {AWS_PROVIDER} in it was found: Terraform needs a network to fetch the AWS provider, "
            "or a mirror of it (terraform providers mirror <folder>) that TF_PLUGIN_DIR names. Looked in "
            + ", ".join(map(str, looked_in))
        )
        self.looked_in = looked_in


def find_provider_mirror(environment: Mapping[str, str] = os.environ) -> Path:
    """The first folder that holds the AWS provider. Raises ProviderMirrorMissing."""
    looked_in = tuple(dict.fromkeys(_candidates(environment)))
    for folder in looked_in:
        if (folder / AWS_PROVIDER).is_dir():
            return folder
    raise ProviderMirrorMissing(looked_in)


def terraform_environment(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for Terraform: the caller's without those that change what it does, and the mirror if there is one.

    A CLI configuration that says where providers come from is written into `folder`. Without a mirror the caller's own
    configuration holds, unless it names a file that is not there.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_NOT_INHERITED) and name not in _NOT_INHERITED_NAMES
    }
    kept |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    configuration = _cli_configuration(environment)
    if configuration is not None:
        file = folder / "terraform.rc"
        file.write_text(configuration, encoding="utf-8")
        kept["TF_CLI_CONFIG_FILE"] = str(file)
    return kept


def _cli_configuration(environment: Mapping[str, str]) -> str | None:
    try:
        mirror = find_provider_mirror(environment)
    except ProviderMirrorMissing:
        named = environment.get("TF_CLI_CONFIG_FILE")
        return "" if named and not Path(named).is_file() else None
    # `direct` must leave out what the mirror has: Terraform asks every source that may have a provider, and fails when
    # one does not answer.
    return (
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {json.dumps(str(mirror))}\n"
        f"    include = [{json.dumps(AWS_PROVIDER.as_posix())}]\n"
        "  }\n"
        "  direct {\n"
        f"    exclude = [{json.dumps(AWS_PROVIDER.as_posix())}]\n"
        "  }\n"
        "}\n"
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    if named := environment.get("TF_PLUGIN_DIR"):
        yield Path(named).resolve()
    yield from _implied_mirrors(environment)
    if OPTIONAL_SOFTWARE.is_dir():
        yield from sorted(folder for folder in OPTIONAL_SOFTWARE.iterdir() if folder.is_dir())


def _implied_mirrors(environment: Mapping[str, str]) -> Iterator[Path]:
    """Terraform's own, in its order ("Provider Installation", Implied Local Mirror Directories)."""
    home = Path(environment.get("HOME", "~")).expanduser()
    yield home / ".terraform.d" / "plugins"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
        yield Path("/Library/Application Support/io.terraform/plugins")
        return
    yield Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "terraform" / "plugins"
    for folder in (environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(folder) / "terraform" / "plugins"
