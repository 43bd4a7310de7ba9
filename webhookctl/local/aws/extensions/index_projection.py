"""An index's attributes are chosen by their names.

No behaviour of AWS: moto turns the whole item into Python values and back for each attribute that the index has.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import SecondaryIndex

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Leave out the other attributes of an item, and nothing else, while the block runs."""

    def project(self: SecondaryIndex, item: Item) -> Item:
        if self.projection["ProjectionType"] == "ALL":
            return item
        keys = [*self.table_key_attrs, *self.schema_key_attrs]
        kept = {*keys, *self.projection.get("NonKeyAttributes", [])}
        attributes = {name: value for name, value in item.attrs.items() if name in kept}
        return Item(item.hash_key, item.range_key, attributes)

    with patched(SecondaryIndex, "project", project):
        yield
