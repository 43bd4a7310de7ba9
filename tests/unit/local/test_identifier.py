import uuid

from webhookctl.local.identifier import new_uuid


def test_an_identifier_is_a_random_uuid_as_python_writes_it() -> None:
    made = [new_uuid() for _ in range(200)]
    for text in made:
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, text)
    assert len(set(made)) == 200
