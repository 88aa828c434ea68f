"""``python -m codec_eval``: the same as the command ``codec-eval``."""

from __future__ import annotations

import sys

from codec_eval.cli import main

if __name__ == "__main__":
    sys.exit(main())
