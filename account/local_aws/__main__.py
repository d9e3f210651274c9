"""The embedded account from a command line: ``python -m local_aws COMMAND``; ``cli.py`` has the commands."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
