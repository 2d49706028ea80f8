"""The command line, as ``python -m sklearn_csg2a``."""

import sys

from sklearn_csg2a.cli import main

if __name__ == "__main__":
    sys.exit(main())
