"""``python -m jpeg_from_scratch``."""

import sys

from .cli import main

sys.exit(main())
