"""A plan's JSON as data (Terraform's "JSON Output Format"): what it would make, and the configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One planned resource. `values` has what is known before the apply."""

    address: str
    type: str
    name: str
    index: str | None
    module: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """All planned resources, the outputs as far as they are known, and the configuration's root module."""

    planned: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    configuration: Mapping[str, Any]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Plan":
        """Read what `terraform show -json <plan>` prints."""
        return cls(
            planned=tuple(
                Resource(
                    address=change["address"],
                    type=change["type"],
                    name=change["name"],
                    index=change.get("index"),
                    module=change.get("module_address", ""),
                    values=change["change"]["after"],
                )
                for change in document.get("resource_changes", [])
                if change["mode"] == "managed"
            ),
            outputs={name: change.get("after") for name, change in document.get("output_changes", {}).items()},
            configuration=document["configuration"]["root_module"],
        )

    def resources(self, kind: str, *, name: str | None = None, module: str = "") -> list[Resource]:
        """The resources of one type; `name` is theirs in the configuration, `module` begins their module's address."""
        return [
            resource
            for resource in self.planned
            if resource.type == kind and name in (None, resource.name) and resource.module.startswith(module)
        ]

    def resources_of_module(self, module: str) -> list[Resource]:
        """The resources of a module and of those that it calls."""
        return [
            resource
            for resource in self.planned
            if resource.module == module or resource.module.startswith(f"{module}.")
        ]

    def by_source(self, kind: str, *, name: str | None = None, module: str = "") -> dict[str, Mapping[str, Any]]:
        """The values of resources that exist once for each source, by source."""
        found = self.resources(kind, name=name, module=module)
        by_source = {resource.index or _module_index(resource.module): resource.values for resource in found}
        assert len(by_source) == len(found), f"{kind} is there more than once for a source"
        return by_source

    def one(self, kind: str, *, module: str = "") -> Mapping[str, Any]:
        """The values of the only resource of this type."""
        (resource,) = self.resources(kind, module=module)
        return resource.values

    def module_calls(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every module call in the configuration, with the path of names to it."""
        yield from _module_calls("", self.configuration)


def _module_calls(path: str, module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, call in module.get("module_calls", {}).items():
        yield f"{path}{name}", call
        yield from _module_calls(f"{path}{name}.", call["module"])


def _module_index(address: str) -> str:
    """The key of the innermost module that has one: `billing` in module.processor["billing"].module.function."""
    return address.split('"')[-2] if '"' in address else ""
