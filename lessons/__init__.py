"""The course: lessons that run as scripts, open as notebooks, and become labs.

Run from the root of the repository, where this package is; it is not installed with the codecs.

`l01_….py` … `l16_….py`
    the lessons, percent scripts of jupytext: text in ``# %% [markdown]`` cells, exercises with
    solutions
`__main__`
    ``python -m lessons``: which there are and how far you are; ``check 3``, ``open 3``
`make_labs`
    ``python -m lessons.make_labs``: notebooks and scripts without the solutions, for a class
`tools`
    what these two are made of

A lesson imports installed packages only, never this one, so that a lab works in any folder.
"""
