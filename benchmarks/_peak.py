"""One encoding or decoding, and the peak of this process's memory: `jpeg_costs` runs it as a process.

python _peak.py encode 4:2:0 1 picture.npy
python _peak.py decode 4:2:0 2 picture.jpg

The number is that of the threads.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import jpeg_from_scratch as jpeg


def peak_memory() -> int:
    """Return the peak of this process's resident memory, in bytes.

    On Linux ``ru_maxrss`` of a new process starts at what its parent held when it was forked; the high-water
    mark of its own memory stands in /proc.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    operation, subsampling, threads, path = sys.argv[1:]
    if operation == "encode":
        result: object = jpeg.encode(np.load(path), subsampling=subsampling, threads=int(threads))
    else:
        result = jpeg.decode(Path(path).read_bytes(), threads=int(threads))
    print(peak_memory())
