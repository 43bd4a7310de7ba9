"""The signature vectors, and what it takes to verify them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from common.headers import gather
from common.keys import read_keys
from common.scheme import preset
from common.signature import Request, check_freshness, verify

DATA = Path(__file__).parents[2] / "data" / "signature_vectors.json"
TOLERANCE_SECONDS = 300


@dataclass(frozen=True)
class Vector:
    scheme: str
    origin: str
    secret: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int
    url: str = ""
    method: str = "POST"

    @property
    def request(self) -> Request:
        """Its head."""
        return Request(gather(self.headers.items()), self.method, self.url)

    def check(self) -> None:
        """Raises what the verifier raises."""
        scheme = preset(self.scheme)
        keys = read_keys([self.secret], scheme.key_encoding)
        head, _ = verify(scheme, keys, self.request, self.body)
        check_freshness(head, self.received_at, TOLERANCE_SECONDS)

    def with_header(self, name: str, value: str) -> "Vector":
        return replace(self, headers={**self.headers, name: value})

    def without_header(self, name: str) -> "Vector":
        return replace(self, headers={other: value for other, value in self.headers.items() if other != name})


def vector_of(scheme: str) -> Vector:
    """The first of a scheme."""
    return next(vector for vector in all_vectors() if vector.scheme == scheme)


def all_vectors() -> list[Vector]:
    document = json.loads(DATA.read_text(encoding="utf-8"))
    return [Vector(**{**fields, "body": fields["body"].encode("utf-8")}) for fields in document["signatures"]]
