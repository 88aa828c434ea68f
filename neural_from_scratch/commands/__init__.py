"""The commands of ``neural-from-scratch``, one file each: `add_parser` declares a command, `run` does it."""
