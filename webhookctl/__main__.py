"""`python -m webhookctl` is the command `webhookctl`."""

import sys

from webhookctl.cli import main

if __name__ == "__main__":
    sys.exit(main())
