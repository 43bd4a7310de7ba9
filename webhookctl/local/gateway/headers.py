"""A request's header fields as API Gateway shows them: names spelled as they were sent, some hidden, its own added."""

from collections.abc import Iterable
from functools import lru_cache

# Neither authorizers nor templates see these: recorded against AWS in LocalStack (api gateway, `header_utils.py`).
HIDDEN = frozenset(
    {
        "connection",
        "content-length",
        "content-md5",
        "expect",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    }
)
# TLS ends at API Gateway, which serves nothing else.
PORT = "443"
PROTOCOL = "https"
_REPLACED = frozenset({"x-forwarded-port", "x-forwarded-proto"})


class Headers:
    """The visible fields. `single` has a name's last value, `multi` all of them, both under the name as it was spelled.

    Two spellings of one name are two entries: whoever looks up a header has to think of both.
    """

    __slots__ = ("_folded", "multi", "single")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self.multi: dict[str, list[str]] = {}
        self.single: dict[str, str] = {}
        self._folded: dict[str, str] = {}
        for raw_name, raw_value in fields:
            name, folded, visible = _read(raw_name)
            if visible:
                value = raw_value.decode("utf-8", "replace")
                if name in self.single:
                    self.multi[name].append(value)
                else:
                    self.multi[name] = [value]
                self.single[name] = self._folded[folded] = value

    def find(self, name: str) -> str | None:
        """The last value of a header, its name in any spelling."""
        return self._folded.get(name.lower())

    def set(self, name: str, value: str) -> None:
        """Put a header in, in place of any that had this name."""
        folded = name.lower()
        if folded in self._folded:
            for spelled in [each for each in self.multi if each.lower() == folded]:
                del self.multi[spelled], self.single[spelled]
        self.multi[name], self.single[name], self._folded[folded] = [value], value, value

    def add_forwarding(self, source_ip: str) -> None:
        """Add what API Gateway adds for the caller's address and its own end of the connection."""
        before = self._folded.get("x-forwarded-for")
        self.set("X-Forwarded-For", f"{before}, {source_ip}" if before else source_ip)
        self.set("X-Forwarded-Port", PORT)
        self.set("X-Forwarded-Proto", PROTOCOL)


@lru_cache(maxsize=4096)  # senders write the same few into every request
def _read(raw_name: bytes) -> tuple[str, str, bool]:
    """A field's name as it is spelled and in lower case, and whether anybody sees the field."""
    name = raw_name.decode("utf-8", "replace")
    folded = name.lower()
    return name, folded, folded not in HIDDEN and folded not in _REPLACED
