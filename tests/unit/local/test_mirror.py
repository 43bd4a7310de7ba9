"""The finder of the AWS provider, over folders of its own."""

from pathlib import Path

import pytest

from webhookctl.local import mirror
from webhookctl.local.mirror import AWS_PROVIDER, ProviderMirrorMissing, find_provider_mirror, terraform_environment


@pytest.fixture(autouse=True)
def optional_software(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "opt"
    folder.mkdir()
    monkeypatch.setattr(mirror, "OPTIONAL_SOFTWARE", folder)
    return folder


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has no mirror."""
    return {"HOME": str(tmp_path / "home"), "XDG_DATA_DIRS": str(tmp_path / "share")}


def with_provider(folder: Path) -> Path:
    (folder / AWS_PROVIDER).mkdir(parents=True)
    return folder


def test_the_folder_that_is_named_comes_first(tmp_path: Path, optional_software: Path, nowhere: dict[str, str]) -> None:
    with_provider(optional_software / "terraform")
    named = with_provider(tmp_path / "named")
    assert find_provider_mirror(nowhere | {"TF_PLUGIN_DIR": str(named)}) == named


def test_a_folder_of_terraforms_own_is_found(tmp_path: Path, nowhere: dict[str, str]) -> None:
    folder = with_provider(tmp_path / "home" / ".terraform.d" / "plugins")
    assert find_provider_mirror(nowhere) == folder


def test_a_folder_one_level_below_the_optional_software_is_found(
    optional_software: Path, nowhere: dict[str, str]
) -> None:
    (optional_software / "another").mkdir()
    folder = with_provider(optional_software / "terraform")
    assert find_provider_mirror(nowhere) == folder


def test_a_missing_mirror_is_said_with_where_it_was_looked_for(tmp_path: Path, nowhere: dict[str, str]) -> None:
    with pytest.raises(ProviderMirrorMissing, match="TF_PLUGIN_DIR") as error:
        find_provider_mirror(nowhere)
    assert tmp_path / "home" / ".terraform.d" / "plugins" in error.value.looked_in


def test_terraform_asks_the_registry_for_everything_but_what_the_mirror_has(
    tmp_path: Path, nowhere: dict[str, str]
) -> None:
    named = with_provider(tmp_path / "named")
    environment = terraform_environment(
        tmp_path, nowhere | {"TF_PLUGIN_DIR": str(named), "TF_CLI_CONFIG_FILE": "/nowhere/terraform.rc"}
    )
    text = Path(environment["TF_CLI_CONFIG_FILE"]).read_text(encoding="utf-8")
    assert f'path    = "{named}"' in text
    assert text.index("include") < text.index("direct") < text.index("exclude")


def test_without_a_mirror_the_callers_configuration_holds(tmp_path: Path, nowhere: dict[str, str]) -> None:
    theirs = tmp_path / "theirs.rc"
    theirs.touch()
    assert terraform_environment(tmp_path, nowhere | {"TF_CLI_CONFIG_FILE": str(theirs)})["TF_CLI_CONFIG_FILE"] == str(
        theirs
    )
    assert "TF_CLI_CONFIG_FILE" not in terraform_environment(tmp_path, nowhere)


def test_a_configuration_that_is_not_there_is_replaced_by_an_empty_one(tmp_path: Path, nowhere: dict[str, str]) -> None:
    environment = terraform_environment(tmp_path, nowhere | {"TF_CLI_CONFIG_FILE": str(tmp_path / "missing.rc")})
    assert Path(environment["TF_CLI_CONFIG_FILE"]).read_text(encoding="utf-8") == ""


def test_the_callers_settings_do_not_change_what_terraform_does(tmp_path: Path, nowhere: dict[str, str]) -> None:
    theirs = {
        "AWS_PROFILE": "prod",
        "TF_VAR_name": "x",
        "TF_CLI_ARGS_plan": "-destroy",
        "TF_WORKSPACE": "x",
        "TF_LOG": "trace",
    }
    environment = terraform_environment(tmp_path, nowhere | theirs | {"PATH": "/bin"})
    assert not theirs.keys() & environment.keys()
    assert environment["PATH"] == "/bin"
