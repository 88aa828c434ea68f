"""The command line: ``jpeg-from-scratch encode | decode | info``.

Pictures come and go in any format that Pillow knows. An error is one line on stderr and exit code 2; an
output file is complete or not there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import secrets
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from . import __version__, decode, encode
from .backend import announce_compilation
from .errors import JpegError
from .microscope import describe
from .sampling import SUBSAMPLINGS

if TYPE_CHECKING:
    from PIL import Image

    from ._types import Samples

__all__ = ["main"]

_EXAMPLES = {
    "encode": """\
examples:
  jpeg-from-scratch encode photo.png photo.jpg
  jpeg-from-scratch encode photo.png small.jpg -q 30 --subsampling 4:2:0 --optimize
  jpeg-from-scratch encode - - < photo.png > photo.jpg
""",
    "decode": """\
examples:
  jpeg-from-scratch decode photo.jpg photo.png
  jpeg-from-scratch decode - - --format ppm < photo.jpg > photo.ppm
""",
    "info": """\
examples:
  jpeg-from-scratch info photo.jpg
""",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0, or 2 for an error. Mistakes in the arguments leave through `SystemExit`, with 2 as
        well.
    """
    arguments = _parser().parse_args(argv)
    try:
        with announce_compilation(), warnings.catch_warnings(record=True) as notes:
            arguments.run(arguments)
        sys.stdout.flush()
        for note in dict.fromkeys(str(caught.message) for caught in notes):
            print(f"jpeg-from-scratch: note: {note}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of our output, `head` say, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (JpegError, ValueError, OSError, MemoryError) as error:
        print(f"jpeg-from-scratch: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jpeg-from-scratch: interrupted", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where `argparse` prints the usage as well."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"jpeg-from-scratch: error: {message} (try: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jpeg-from-scratch",
        description="JPEG (ITU-T T.81), from scratch: files equal to libjpeg-turbo's bit for bit.",
        epilog="".join(
            text if n == 0 else text.split("\n", 1)[1] for n, text in enumerate(_EXAMPLES.values())
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jpeg-from-scratch {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=_EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    encoder = command("encode", "compress a picture to a JPEG file")
    encoder.add_argument(
        "input", metavar="IN", help="PNG, BMP, TIFF, WebP, PPM ...; 8 bits, grey or RGB; - for stdin"
    )
    encoder.add_argument("output", metavar="OUT", help="the JPEG file; - for stdout")
    encoder.add_argument("-q", "--quality", type=int, default=75, metavar="Q", help="1 ... 100 (default: 75)")
    encoder.add_argument(
        "--subsampling",
        default="4:2:0",
        metavar="S",
        help=f"of the colours: {', '.join(SUBSAMPLINGS)} (default: 4:2:0)",
    )
    encoder.add_argument(
        "--optimize", action="store_true", help="Huffman tables made for this picture: smaller file"
    )
    encoder.add_argument("--restart", type=int, default=0, metavar="N", help="a restart marker every N MCUs")
    encoder.set_defaults(run=_encode)

    decoder = command("decode", "decode a JPEG file to a picture")
    decoder.add_argument("input", metavar="IN", help="the JPEG file; - for stdin")
    decoder.add_argument("output", metavar="OUT", help="the picture, its format by its suffix; - for stdout")
    decoder.add_argument(
        "--format", metavar="F", help="PNG, PPM, BMP ... (default: by the suffix of OUT; PNG on stdout)"
    )
    decoder.set_defaults(run=_decode)

    info = command("info", "show what is where in a JPEG file")
    info.add_argument("input", metavar="FILE", help="the JPEG file; - for stdin")
    info.set_defaults(run=_info)
    return parser


def _encode(arguments: argparse.Namespace) -> None:
    image = _read_picture(arguments.input)
    data = encode(
        image,
        arguments.quality,
        subsampling=arguments.subsampling,
        optimize=arguments.optimize,
        restart_interval=arguments.restart,
    )
    _write_bytes(arguments.output, data)


def _decode(arguments: argparse.Namespace) -> None:
    from PIL import Image

    kind = _picture_format(arguments.output, arguments.format)
    with _named(arguments.input):
        pixels = decode(_read_bytes(arguments.input))
    picture = Image.fromarray(np.asarray(pixels))
    stream = io.BytesIO()
    picture.save(stream, kind, **({"lossless": True} if kind == "WEBP" else {}))
    _write_bytes(arguments.output, stream.getvalue())


def _info(arguments: argparse.Namespace) -> None:
    with _named(arguments.input):
        print(describe(_read_bytes(arguments.input), Path(arguments.input).name))


# --------------------------------------------------------------------------------------------------
# Pictures and files


def _read_picture(path: str) -> Samples:
    """Read a picture as grey or RGB samples; `ValueError` for what these cannot hold."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    data = _read_bytes(path)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(_grey_or_rgb(ImageOps.exif_transpose(opened)))
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not a picture in a format that Pillow reads") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: {error}") from None


def _grey_or_rgb(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            raise ValueError("the picture is partly transparent, which JPEG cannot say; flatten it first")
        return picture.convert("RGB")
    if picture.mode in ("1", "L", "LA"):
        return picture.convert("L")
    if picture.mode in ("RGB", "RGBA", "P"):
        return picture.convert("RGB")
    raise ValueError(f"the picture has the mode {picture.mode}; 8-bit grey or RGB is needed")


def _picture_format(path: str, wanted: str | None) -> str:
    """Return Pillow's name of the format to be written."""
    from PIL import Image

    Image.init()
    if wanted is None:
        kind = "PNG" if path == "-" else Image.registered_extensions().get(Path(path).suffix.lower(), "")
        message = f"{path}: the suffix {Path(path).suffix!r} names no picture format; try --format PNG"
    else:
        kind = {"JPG": "JPEG", "TIF": "TIFF"}.get(wanted.upper(), wanted.upper())
        message = f"--format {wanted}: unknown, allowed are PNG, PPM, BMP, TIFF, WEBP ..."
    if kind not in Image.SAVE:
        raise ValueError(message)
    return kind


def _read_bytes(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def _write_bytes(path: str, data: bytes) -> None:
    """Write all of a file, or nothing: into a temporary file beside it, then rename."""
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(21, "Is a directory", path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Put the name of the file before an error about it."""
    try:
        yield
    except JpegError as error:
        raise ValueError(f"{path}: {error}") from error


def _one_line(error: BaseException) -> str:
    """Return the message without line breaks; for errors of the system which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
