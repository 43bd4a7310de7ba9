"""What moto lacks, one behaviour of AWS per module; each module's `applied()` is in force for a `with` block."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from webhookctl.local.aws.extensions import (
    api_policy,
    attribute_values,
    batch_execute_statement,
    binary_media_types,
    event_source_mapping,
    index_projection,
    item_size,
    logging_config,
    method_names,
    on_demand_throughput,
    query_candidates,
    queue_url,
    redrive_allow_policy,
    service_folders,
)


class Extension(Protocol):
    """A module of this package."""

    def applied(self) -> AbstractContextManager[None]:
        """Mend moto while the block runs."""


FOR_APPLY: tuple[Extension, ...] = (
    api_policy,
    binary_media_types,
    event_source_mapping,
    logging_config,
    on_demand_throughput,
    queue_url,
    redrive_allow_policy,
    service_folders,
)
"""What `terraform apply` needs."""

FOR_DATA: tuple[Extension, ...] = (
    attribute_values,
    batch_execute_statement,
    index_projection,
    item_size,
    method_names,
    query_candidates,
)
"""What the data plane needs."""


@contextmanager
def applied(extensions: Iterable[Extension]) -> Iterator[None]:
    """Several extensions at once."""
    with ExitStack() as stack:
        for extension in extensions:
            stack.enter_context(extension.applied())
        yield
