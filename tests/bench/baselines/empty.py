"""A handler that does nothing: what the runtime itself costs."""


def handle(_event: object, _context: object) -> dict[str, object]:
    """Nothing."""
    return {}
