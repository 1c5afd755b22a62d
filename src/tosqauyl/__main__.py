"""`python -m tosqauyl` is the command line."""

import sys

from tosqauyl.cli import main

if __name__ == "__main__":
    sys.exit(main())
