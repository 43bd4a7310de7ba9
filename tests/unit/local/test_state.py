import json
from pathlib import Path

import pytest

from webhookctl.local.state import StateError, read_state

STATE = {
    "format_version": "1.0",
    "terraform_version": "1.11.4",
    "values": {
        "outputs": {"endpoint": {"value": "https://x", "type": "string"}, "key": {"value": "k", "sensitive": True}},
        "root_module": {
            "resources": [
                {
                    "address": "data.aws_region.current",
                    "mode": "data",
                    "type": "aws_region",
                    "name": "current",
                    "values": {},
                },
                {
                    "address": "aws_sqs_queue.a",
                    "mode": "managed",
                    "type": "aws_sqs_queue",
                    "name": "a",
                    "values": {"name": "a"},
                },
            ],
            "child_modules": [
                {
                    "address": "module.webhook",
                    "child_modules": [
                        {
                            "address": 'module.webhook.module.processor["github"]',
                            "resources": [
                                {
                                    "address": 'module.webhook.module.processor["github"].aws_sqs_queue.this["x"]',
                                    "mode": "managed",
                                    "type": "aws_sqs_queue",
                                    "name": "this",
                                    "index": "x",
                                    "values": {"name": "x"},
                                }
                            ],
                        }
                    ],
                }
            ],
        },
    },
}


def written(path: Path, content: object) -> Path:
    file = path / "state.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_resources_of_all_modules_are_found_by_type(tmp_path: Path) -> None:
    state = read_state(written(tmp_path, STATE))

    root, nested = state.resources("aws_sqs_queue")

    assert (root.module, root.name, root.index, root.values) == ("", "a", None, {"name": "a"})
    assert (nested.module, nested.index) == ('module.webhook.module.processor["github"]', "x")
    assert nested.address.startswith(nested.module)
    assert state.resources("aws_lambda_function") == ()


def test_data_sources_are_no_resources(tmp_path: Path) -> None:
    assert read_state(written(tmp_path, STATE)).resources("aws_region") == ()


def test_outputs_are_values_sensitive_or_not(tmp_path: Path) -> None:
    assert read_state(written(tmp_path, STATE)).outputs == {"endpoint": "https://x", "key": "k"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "it is not JSON"),
        ("[]", "an object with a format_version of 1.x"),
        ({"version": 4, "resources": []}, "an object with a format_version of 1.x"),
        ({"format_version": "1.0", "terraform_version": "1.11.4"}, "nothing was applied"),
        ({"format_version": "1.2", "planned_values": {}}, "it is a plan"),
        ({"format_version": "1.0", "values": {"root_module": {"resources": [{"mode": "managed"}]}}}, "KeyError"),
        ({"format_version": "1.0", "values": []}, "not as Terraform documents it"),
    ],
)
def test_any_other_file_is_refused_with_its_path_and_what_it_is_not(
    tmp_path: Path, content: object, problem: str
) -> None:
    file = written(tmp_path, content)

    with pytest.raises(StateError) as refused:
        read_state(file)

    assert refused.value.path == file
    assert problem in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_missing_file_is_refused_the_same_way(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        read_state(tmp_path / "none.json")
