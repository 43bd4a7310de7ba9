"""The applied Terraform state: the only description of what the local stack runs.

Reads what `terraform show -json` prints, the state representation of Terraform's "JSON Output Format": `format_version`
1.x, `values.outputs`, `values.root_module` with `resources` and nested `child_modules`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUPPORTED_FORMAT = "1."


class StateError(Exception):
    """The file is not an applied Terraform state. The message is one sentence, with the path."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} is not an applied Terraform state: {problem}.")
        self.path = path
        self.problem = problem


@dataclass(frozen=True)
class Resource:
    """One managed resource as Terraform knows it after the apply; `module` is "" for the root module."""

    address: str
    type: str
    name: str
    index: str | int | None
    module: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """All managed resources, child modules flattened, in the state's order; outputs by name, sensitive ones too."""

    outputs: Mapping[str, Any]
    managed: tuple[Resource, ...] = field(default=())

    def resources(self, type_: str) -> tuple[Resource, ...]:
        """The managed resources of one type, e.g. "aws_sqs_queue"; empty when there is none."""
        return tuple(resource for resource in self.managed if resource.type == type_)


def read_state(path: Path) -> State:
    """Read the text of `terraform show -json`. Raises StateError when the file is missing or is anything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(path, f"it cannot be read ({error})") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise StateError(path, f"it is not JSON ({error})") from error
    return parse_state(document, path)


def parse_state(document: Any, path: Path) -> State:
    """The same of a document that is read already; `path` is what it is called. Raises StateError."""
    if not isinstance(document, dict) or not str(document.get("format_version", "")).startswith(SUPPORTED_FORMAT):
        raise StateError(path, "`terraform show -json` writes an object with a format_version of 1.x")
    if "planned_values" in document:
        raise StateError(path, "it is a plan")
    values = document.get("values")
    if values is None:
        raise StateError(path, "it holds no resources, so nothing was applied")
    try:
        outputs = {name: output.get("value") for name, output in values.get("outputs", {}).items()}
        return State(outputs=outputs, managed=tuple(_flatten(values.get("root_module", {}))))
    except (KeyError, TypeError, AttributeError) as error:
        raise StateError(path, f"an entry is not as Terraform documents it ({error!r})") from error


def _flatten(module: Mapping[str, Any]) -> Iterator[Resource]:
    address = module.get("address", "")
    for entry in module.get("resources", []):
        if entry.get("mode") == "managed":
            yield Resource(
                address=entry["address"],
                type=entry["type"],
                name=entry["name"],
                index=entry.get("index"),
                module=address,
                values=entry["values"],
            )
    for child in module.get("child_modules", []):
        yield from _flatten(child)
