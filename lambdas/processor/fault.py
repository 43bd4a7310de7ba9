"""What logs say of a fault: neither its message nor its traceback, since either could quote a body or a header."""


def describe_fault(error: BaseException) -> dict[str, str]:
    """The fields of a log line: the error's type, where it was raised, and AWS's code where it is AWS's answer."""
    return {"error": type(error).__name__, "at": _place(error), "aws_code": _aws_code(error)}


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else ""


def _aws_code(error: BaseException) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
