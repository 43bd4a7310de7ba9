"""moto's list of a service's operations is made once instead of at each call.

No behaviour of AWS: moto inspects every attribute of the service's class for each request, a tenth of the time that a
PutItem takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import moto.core.responses
from moto.core.utils import method_names_from_class

from webhookctl.local.aws.extensions.patch import patched

_method_names = cache(method_names_from_class)


@contextmanager
def applied() -> Iterator[None]:
    """Answer from the list while the block runs."""
    with patched(moto.core.responses, "method_names_from_class", _method_names):
        yield
