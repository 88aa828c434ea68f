"""Figures. Matplotlib is imported here only, and only when a figure is asked for.

=================  ==========================================================================
`plot_learned`     the demonstration: a photograph, the network before and after, its latents
`plot_content`     a coded file: what its bits are spent on, and how well they were foreseen
`plot_training`    a training run: its curves, and its way through rate and distortion
`page`             what they are drawn on, and `render`, which makes a file of them
=================  ==========================================================================
"""

from .content import plot_content
from .learned import plot_learned
from .page import FORMATS, figure_format, render
from .training import plot_training

__all__ = ["FORMATS", "figure_format", "plot_content", "plot_learned", "plot_training", "render"]
