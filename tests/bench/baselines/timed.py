"""Stands before a handler in its execution environment, and answers what a call of it cost the process.

The handler is named by the variable MEASURED.
"""

import importlib
import os
import time
from typing import Any

if os.environ.get("WITHOUT_TRACES"):
    import processor.tracing

    processor.tracing.trace_aws_calls = lambda: None

_module, _, _function = os.environ["MEASURED"].rpartition(".")
_handle = getattr(importlib.import_module(_module), _function)


def handle(event: Any, context: Any) -> dict[str, Any]:
    """The handler's answer, how long it took, and the processor time of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = _handle(event, context)
    return {"answer": answer, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
