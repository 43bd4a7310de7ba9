"""How a command ends when it can't do what it was asked: one sentence that says what to change."""

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells do


class Failure(Exception):
    """A foreseeable fault. The message is for the person at the terminal; the command ends with `exit_code`."""

    exit_code = FAILED


class WrongUsage(Failure):
    """The command was given something that can't work."""

    exit_code = WRONG_USAGE
