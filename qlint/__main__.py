"""`python -m qlint`."""

import sys

from qlint.cli.main import main

sys.exit(main())
