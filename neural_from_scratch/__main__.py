"""``python -m neural_from_scratch``."""

import sys

from .cli import main

sys.exit(main())
