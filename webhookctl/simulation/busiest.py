"""The most that happened in any span of a given length, of the spans that lie end to end."""


class Busiest:
    """Time only goes forward."""

    __slots__ = ("_count", "_number", "_seconds", "most")

    def __init__(self, seconds: float) -> None:
        self.most = 0
        self._seconds = seconds
        self._number = -1
        self._count = 0

    def add(self, now: float, count: int) -> None:
        """So many now."""
        number = int(now / self._seconds)
        self._count = self._count + count if number == self._number else count
        self._number = number
        if self._count > self.most:
            self.most = self._count
