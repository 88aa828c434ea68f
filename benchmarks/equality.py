"""How often `jpeg_from_scratch` is equal to libjpeg-turbo: tried, equal, not equal and why.

    python benchmarks/equality.py                     every list of cases that the tests walk
    python benchmarks/equality.py --quick             without the long ones
    python benchmarks/equality.py --backend reference

Lists whose data or program is absent are named and left out. The exit status is 1 if anything is not equal.
"""

from __future__ import annotations

import _environment  # noqa: F401

# isort: split
import argparse
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import codec_data
import jpeg_cases as cases
import jpeg_corpus as corpus
import jpeg_freedoms as freedoms
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_processes as processes
import jpeg_surgery as surgery
from jpeg_cases import DecodeCase, Tally

Job = tuple[str, Callable[[], Tally]]


def kodak(mode: str) -> dict[str, pictures.Picture]:
    """Return the Kodak pictures by name; empty where they are absent."""
    return {path.stem: codec_data.load_picture(path, mode) for path in codec_data.kodak_paths()}


def kodak_of(
    list_of_cases: Callable[..., Iterator[cases.EncodeCase]], qualities: tuple[int, ...]
) -> Iterator[cases.EncodeCase]:
    """Yield the cases of the Kodak pictures in colour and in grey."""
    yield from list_of_cases(kodak("RGB"), qualities)
    yield from list_of_cases(kodak("L"), qualities)


def spliced_cases() -> Iterator[DecodeCase]:
    """Every choice of sampling factors 1 … 4 that libjpeg-turbo decodes, in scans of one component."""
    for factors in surgery.all_factors():
        if not surgery.is_fractional(factors):
            sizes = surgery.component_sizes(factors, 19, 21)
            planes = [pictures.grey(pictures.synthetic(*size, seed=i)) for i, size in enumerate(sizes)]
            data = surgery.spliced(planes, factors, 19, 21)
            yield DecodeCase(peers.factor_text(factors), data, peers.pillow_decode)


def round_trips() -> Tally:
    """Count the corpus files that come back byte for byte, and say what the others lost."""
    tally, reasons = freedoms.compare_round_trips(corpus.sequential_files(codec_data.jpeg_manifest()))
    print(freedoms.line(tally, reasons))
    return tally


def jobs(backend: str, quick: bool) -> Iterator[Job]:
    """Yield the lists: encoding, decoding, round trips."""

    def encoding(title: str, list_of_cases: Callable[[], Iterator[cases.EncodeCase]]) -> Job:
        return title, lambda: cases.compare_encode(title, list_of_cases(), backend)

    def decoding(title: str, list_of_cases: Callable[[], Iterator[DecodeCase]]) -> Job:
        return title, lambda: cases.compare_decode(title, list_of_cases(), backend)

    colour = pictures.synthetic(47, 61)
    made = {"synthetic": colour, "synthetic, grey": pictures.grey(colour)}
    yield encoding("qualities 1 … 100", partial(cases.quality_cases, made, range(1, 101)))
    yield encoding("restart intervals", cases.restart_cases)
    yield encoding("comments", cases.comment_cases)
    yield encoding("quantisation tables", cases.quant_table_cases)
    yield encoding("progressive, sizes and restarts", processes.progressive_sizes)
    yield encoding("RGB and CMYK", processes.color_cases)
    yield encoding("Exif, ICC, comment", processes.metadata_cases)
    if find_spec("imagecodecs"):
        yield encoding("imagecodecs: 12 bits, YCCK, lossless", processes.imagecodecs_cases)
    else:
        print("left out: imagecodecs is not installed")
    if not quick:
        yield encoding("sizes 1×1 … 33×33", cases.size_cases)
    if not quick and len(codec_data.kodak_paths()) == 24:
        yield encoding("Kodak, colour", lambda: cases.quality_cases(kodak("RGB")))
        yield encoding("Kodak, grey", lambda: cases.quality_cases(kodak("L")))
        yield encoding("Kodak, progressive", partial(kodak_of, processes.progressive_cases, cases.QUALITIES))
        if peers.programs_installed():
            three = processes.ISSUE_QUALITIES
            yield encoding("Kodak, arithmetic", partial(kodak_of, processes.arithmetic_cases, three))
    elif not quick:
        print(f"left out: the Kodak pictures are not in {codec_data.folder()}")
    yield decoding("files by Pillow", cases.pillow_files)
    yield decoding("sampling factors, whole ratios", spliced_cases)
    if peers.programs_installed():
        yield encoding("cjpeg -sample", cases.cjpeg_cases)
        yield encoding("cjpeg -arithmetic, sizes and restarts", processes.arithmetic_sizes)
        yield encoding("cjpeg -scans", processes.script_cases)
        yield decoding("files by cjpeg", cases.cjpeg_files)
    else:
        print("left out: cjpeg and djpeg are not installed")
    manifest = codec_data.jpeg_manifest()
    valid, rescued = corpus.valid_files(manifest), corpus.rescued_files(manifest)
    if manifest:
        print(f"corpus, valid pictures: {corpus.counts(valid)}")
        print(f"corpus, damaged files that libjpeg-turbo decodes: {corpus.counts(rescued)}")
        yield "", lambda: corpus.compare_pixels("corpus, pixels", valid, manifest, backend)
        yield "", lambda: corpus.compare_planes("corpus, planes", valid, backend)
        yield "", lambda: corpus.compare_coefficients("corpus, coefficients", valid)
        lenient = "corpus, damaged, strict=False"
        yield "", lambda: corpus.compare_pixels(lenient, rescued, manifest, backend, strict=False)
        yield "", lambda: corpus.compare_coefficients(f"{lenient}, coefficients", rescued, strict=False)
        yield "corpus", round_trips
    else:
        print(f"left out: the JPEG corpus is not in {codec_data.folder()}")


def main() -> int:
    """Run what the command line asks for."""
    summary, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="without the long lists")
    parser.add_argument("--backend", choices=("fast", "reference"), default="fast")
    options = parser.parse_args()
    unequal = 0
    for _, job in jobs(options.backend, options.quick):
        tally = job()
        unequal += len(tally.different)
        print(tally.report(), flush=True)
    return 1 if unequal else 0


if __name__ == "__main__":
    raise SystemExit(main())
