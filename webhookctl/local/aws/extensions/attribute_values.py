"""An item is answered as it is kept.

No behaviour of AWS: moto looks for each of the ten members of an attribute value under several names, for each value
of each item. That is most of the time that a Query or a Scan takes.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.model import StructureShape
from moto.core.serialize import BaseJSONSerializer

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Write attribute values, which are in DynamoDB's form already, as they are while the block runs."""
    serialize = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001

    def serialize_structure(
        self: BaseJSONSerializer, serialized: dict[str, Any], value: Any, shape: StructureShape, key: str
    ) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict):
            serialized[key] = _in_json(value)
        else:
            serialize(self, serialized, value, shape, key)

    with patched(BaseJSONSerializer, "_serialize_type_structure", serialize_structure):
        yield


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _in_json(member) for name, member in value.items()}
    return [_in_json(member) for member in value] if isinstance(value, list) else value
