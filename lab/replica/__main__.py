"""Entry point of `python -m lab.replica`; started by the supervisor, which talks over stdin."""

import sys

from lab.replica.process import main

sys.exit(main())
