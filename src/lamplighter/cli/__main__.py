"""`python -m lamplighter.cli` is `lamplighter`."""

import sys

from lamplighter.cli.main import main

sys.exit(main())
