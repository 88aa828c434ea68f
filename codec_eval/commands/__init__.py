"""The commands of ``codec-eval``, one file each: `add_parser` declares a command, `run` does it."""
