"""The commands of ``jpeg-from-scratch``, a file each: ``EXAMPLES``, ``add_parser`` and what it runs."""
