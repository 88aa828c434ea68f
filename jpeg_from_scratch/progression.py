"""What is known of each coefficient after each scan of a progressive file (G.1.1.1).

A progressive file sends the coefficients in several scans. *Spectral selection* sends a band Ss ... Se of the
zigzag sequence at a time. *Successive approximation* sends the bits of a band from the top: the first scan of
a band leaves out the Al lowest bits, each later one adds one bit. `Progression` follows both, so that an
encoder can check a scan script, and a decoder can tell what is still missing at the end.
"""

from __future__ import annotations

import numpy as np

from .jpeg_data import ScanHeader

__all__ = ["Progression"]


class Progression:
    """Follow the scans of a progressive file.

    Attributes
    ----------
    missing : ndarray of int, shape (components, 64)
        Per coefficient, in zigzag order, how many of its lowest bits have not been sent; −1 if nothing has.
    missing_before : ndarray of int, shape (components, 64)
        The same before the last scan of the component, for coefficients 0 ... 9 and the band of that scan.
    scans : int
        How many scans there have been.
    """

    def __init__(self, components: int) -> None:
        self.missing = np.full((components, 64), -1)
        self.missing_before = np.full((components, 64), -1)
        self.scans = 0

    def add(self, scan: ScanHeader) -> str:
        """Take over a scan; say what is wrong with its place in the order of scans, empty if nothing is.

        Notes
        -----
        G.1.1.1.1 has the first DC scan of a component come before its AC scans; G.1.1.1.2 has each later scan
        of a band add the next bit.
        """
        self.scans += 1
        problem = ""
        start, end = scan.spectral_start, scan.spectral_end
        for member in scan.components:
            missing = self.missing[member.component]
            if start and missing[0] < 0:
                problem = (
                    problem or f"AC coefficients of component {member.component} before its DC coefficients"
                )
            touched = slice(min(start, 1), max(end, 9) + 1)
            self.missing_before[member.component, touched] = missing[touched] if self.scans > 1 else 0
            expected = np.maximum(missing[start : end + 1], 0)
            if (expected != scan.approx_high).any():
                k = start + int((expected != scan.approx_high).argmax())
                problem = problem or (
                    f"Ah = {scan.approx_high} for coefficient {k} of component {member.component}, "
                    f"of which {max(missing[k], 0)} bits are missing"
                )
            missing[start : end + 1] = scan.approx_low
        return problem

    @property
    def complete(self) -> bool:
        """Whether every bit of every coefficient has been sent."""
        return not self.missing.any()
