"""moto's list of services is read once instead of at each request.

No behaviour of AWS: moto lists and checks some 200 folders of its own package for each HTTP request that it routes,
which is most of the time that a small request takes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import moto.backends

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Answer with one list, made now, while the block runs."""
    folders = tuple(moto.backends.list_of_moto_modules())

    def list_of_moto_modules() -> Iterable[str]:
        return folders

    with patched(moto.backends, "list_of_moto_modules", list_of_moto_modules):
        yield
