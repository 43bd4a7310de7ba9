from common.scheme import presets
from tests.unit.common.vectors import all_vectors
from tests.unit.senders import FILE, table


def test_the_table_of_senders_is_what_the_schemes_say() -> None:
    assert FILE.read_text(encoding="utf-8") == table()


def test_every_signing_scheme_has_a_vector_that_says_where_it_is_from() -> None:
    vectors = all_vectors()
    assert all(vector.origin.startswith(("published", "derived")) for vector in vectors)
    proven = {vector.scheme for vector in vectors}
    assert {name for name, data in presets().items() if data["kind"] not in ("token", "unsigned")} <= proven
