"""How things stood over time, in a bounded number of samples: the longer a simulation, the further apart they are."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_SAMPLES = 1_200


@dataclass(slots=True)
class Sample:
    """From `at` until the next sample: what happened in it, and the most there was of each thing at once."""

    at: float
    arrived: int = 0
    refused: int = 0
    done: int = 0
    waiting: int = 0
    in_flight: int = 0
    authorizers: int = 0
    processors: int = 0

    def see(self, waiting: int, in_flight: int, authorizers: int, processors: int) -> None:
        """So it stands at a moment."""
        if waiting > self.waiting:
            self.waiting = waiting
        if in_flight > self.in_flight:
            self.in_flight = in_flight
        if authorizers > self.authorizers:
            self.authorizers = authorizers
        if processors > self.processors:
            self.processors = processors


class Timeline:
    """The first sample begins at 0. `step_seconds` is doubled whenever there are too many."""

    def __init__(self, step_seconds: float = 0.01) -> None:
        self.step_seconds = step_seconds
        self._samples = [Sample(0.0)]
        self._end = step_seconds
        self._state = (0, 0, 0, 0)

    @property
    def samples(self) -> Sequence[Sample]:
        """All, in order, with no gap between them."""
        return self._samples

    def see(self, now: float, waiting: int, in_flight: int, authorizers: int, processors: int) -> None:
        """So it stands from now on."""
        state = (waiting, in_flight, authorizers, processors)
        if now >= self._end or state != self._state:
            self.at(now).see(*state)
            self._state = state

    def at(self, now: float) -> Sample:
        """The sample of now. Until now all stood as it was seen last."""
        while now >= self._end:
            if len(self._samples) >= MAX_SAMPLES:
                self._halve()
            else:
                sample = Sample(self._end)
                sample.see(*self._state)
                self._samples.append(sample)
                self._end += self.step_seconds
        return self._samples[-1]

    def _halve(self) -> None:
        self._samples = [
            _merged(first, second)
            for first, second in zip(self._samples[::2], self._samples[1::2], strict=True)  # there is an even number
        ]
        self.step_seconds *= 2
        self._end = self._samples[-1].at + self.step_seconds


def _merged(first: Sample, second: Sample) -> Sample:
    first.arrived += second.arrived
    first.refused += second.refused
    first.done += second.done
    first.see(second.waiting, second.in_flight, second.authorizers, second.processors)
    return first
