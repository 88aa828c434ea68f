"""compress, decompress, eval and train, as a user types them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from codec_cases import picture, small_weights
from command_line import refused, run
from hyper_cases import NAMES
from ladder_cases import ladder, shipped
from PIL import Image

from neural_from_scratch.container import unpack
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.weights import qualities, read_weights, write_weights


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a picture and weights, to be in."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(50, 70)).save("photo.png")
    write_weights("own.npz", small_weights())
    return tmp_path


@pytest.fixture
def ladders(place: Path) -> Iterator[Path]:
    """The same, and small hyperpriors that are shipped; one more is not."""
    folder = place / "trained"
    folder.mkdir()
    write_weights("told.npz", ladder(NAMES[1])[1])
    with shipped(folder, *NAMES):
        yield place


def test_there_and_back(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one's own weights: names by default, what it cost, and a picture of the same size."""
    assert run("compress", "photo.png", "--weights", "own.npz") == 0
    said = capsys.readouterr().out
    assert said.startswith("photo.nfs: 70×50, ")
    assert "bits a pixel, compression ratio" in said
    assert f"{os.path.getsize('photo.nfs'):,} bytes" in said
    os.remove("photo.png")
    assert run("decompress", "photo.nfs", "--weights", "own.npz") == 0
    assert capsys.readouterr().out == "photo.png: 70×50, RGB\n"
    with Image.open("photo.png") as decoded:
        assert decoded.size == (70, 50)


def test_which_model_which_weights_which_step(ladders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As told, and the second line says it again; decompress needs to be told nothing."""
    sizes = []
    for step in (45, 64, 90):
        words = ("--model", NAMES[0], "--quality", 2, *(("--step", step) if step != 64 else ()))
        assert run("compress", "photo.png", *words) == 0
        made = capsys.readouterr().out.splitlines()
        assert made[1:] == [f"made with {NAMES[0]}, quality 2, step {step}/64"]
        sizes.append(os.path.getsize("photo.nfs"))
        assert run("decompress", "photo.nfs", "--out", "again.png") == 0
        assert capsys.readouterr().out == "again.png: 70×50, RGB\n"
    assert sizes == sorted({*sizes}, reverse=True)
    assert run("compress", "photo.png", "--weights", "told.npz", "--step", 90) == 0
    assert capsys.readouterr().out.endswith(f"made with {NAMES[1]}, weights told.npz, step 90/64\n")
    assert run("compress", "photo.png", "--weights", "own.npz") == 0
    assert capsys.readouterr().out.endswith("made with factorized-prior, weights own.npz\n")


def test_targets(ladders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes and bits a pixel are not passed, a PSNR is reached; what was chosen is told, and true."""
    told = re.compile(
        r"photo\.nfs: 70×50, ([\d,]+) bytes, ([\d.]+) bits a pixel, compression ratio [\d.]+, "
        r"PSNR ([\d.]+) dB\nmade with ([\w-]+), (?:quality (\d)|weights told.npz), step (\d+)/64, "
        r"the best of (\d+) files\n"
    )
    for words in (
        ("--bytes", 250, "--model", NAMES[0]),
        ("--bpp", 0.6, "--model", NAMES[1]),
        ("--psnr", 16.5, "--model", NAMES[1]),
        ("--bpp", 0.4, "--weights", "told.npz"),
        ("--bytes", 250, "--model", NAMES[1], "--effort", 2),
    ):
        assert run("compress", "photo.png", *words) == 0, words
        match = told.fullmatch(capsys.readouterr().out)
        assert match, words
        data = Path("photo.nfs").read_bytes()
        assert len(data) == int(match[1])
        if "--psnr" in words:
            assert float(match[3]) >= 16.5
        else:
            most = 250 if "--bytes" in words else words[1] * 70 * 50 / 8  # type: ignore[operator]
            assert 0.9 * most < len(data) <= most
        header, _ = unpack(data)
        model = ladder(match[4])[int(match[5] or 2) - 1]
        assert (header.model_id, header.quality) == (model.model.model_id, int(match[5] or 0))
        again = (
            ("--weights", "told.npz") if "told.npz" in words else ("--model", match[4], "--quality", match[5])
        )
        if "--effort" not in words:
            assert run("compress", "photo.png", *again, "--step", match[6], "--out", "same.nfs") == 0
            assert Path("same.nfs").read_bytes() == data
            capsys.readouterr()
        own = ("--weights", "told.npz") if "told.npz" in words else ()
        assert run("decompress", "photo.nfs", "--out", "again.png", *own) == 0
        capsys.readouterr()


def test_options_that_do_not_go_together(ladders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names both; and targets that nothing meets."""
    for words, message in (
        (("--weights", "told.npz", "--model", NAMES[0]), "--model: not allowed with --weights"),
        (("--weights", "told.npz", "--quality", 1), "--quality: not allowed with --weights"),
        (("--bytes", 300, "--quality", 1), "--quality: not allowed with --bytes"),
        (("--psnr", 30, "--step", 64), "--step: not allowed with --psnr"),
        (("--bpp", 1, "--psnr", 30), "not allowed with argument --bpp"),
        (("--bpp", 0), "0 is not a number above 0"),
        (("--bpp", "nan"), "nan is not a number above 0"),
        (("--bytes", 2.5), "'2.5' is not a whole number"),
        (("--psnr", "good"), "'good' is not a number"),
        (("--step", 0), "0 is not 1 or more"),
        (("--model", "perpetuum"), "invalid choice: 'perpetuum'"),
        (("--model", NAMES[0], "--quality", 4), f"quality=4, there are 1 … 3 of {NAMES[0]}"),
        (("--model", NAMES[0], "--quality", 1, "--step", 1025), "step=1025, must be 1 … 1024"),
        (("--model", NAMES[0], "--bytes", 20), "20 bytes cannot be met: the least possible is"),
        (("--model", NAMES[0], "--psnr", 90), "90 dB cannot be met: the most possible is"),
        (("--weights", "own.npz", "--step", 65), "step=65, must be 64: factorized-prior has one only"),
        (("--weights", "own.npz", "--bytes", 20), "(factorized-prior, these weights)"),
        (("--bpp", 1), f"no weights are shipped for {FactorizedPrior.name}"),
        ((), f"quality=4, there are none of {FactorizedPrior.name}"),
    ):
        assert message in refused(capsys, "compress", "photo.png", *words), words
        if not {"--bpp", "--bytes", "--psnr"} & {*words}:
            assert message in refused(capsys, "eval", "photo.png", *words), words


def test_grey_and_a_shipped_quality(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture(20, 30)[..., 1]).save("grey.png")
    assert run("compress", "grey.png", "--quality", qualities()[0], "--out", "g.nfs", "--effort", 1) == 0
    assert run("decompress", "g.nfs", "--out", "g.tif") == 0
    assert capsys.readouterr().out.endswith("g.tif: 30×20, grey\n")


def test_eval(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each picture, one for the mean; what cannot be read is named."""
    Path("sub").mkdir()
    Image.fromarray(picture(180, 190)).save("sub/b.png")
    Path("sub/broken.png").write_bytes(b"no picture")
    assert run("eval", "photo.png", "sub", "--weights", "own.npz") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["picture", "photo.png", "b.png", "mean"]
    bpp, estimate = (float(number) for number in lines[2].split()[2:4])
    assert abs(bpp - estimate) < 0.01 * bpp + 0.02
    assert 0 < float(lines[2].split()[5]) < 1
    assert err.startswith("left out: sub/broken.png")


def test_eval_with_a_step(ladders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer bits, and the model's own estimate still tells how many."""
    rates = []
    for step in (40, 64, 110):
        words = ("--model", NAMES[1], "--quality", 3, "--step", step)
        assert run("eval", "photo.png", *words) == 0
        bpp, estimate, psnr = (float(n) for n in capsys.readouterr().out.splitlines()[-1].split()[2:5])
        assert abs(estimate + 8 * 26 / (70 * 50) - bpp) < 0.03 * bpp  # what is around the payload
        rates.append((bpp, psnr))
    assert rates == sorted(rates, reverse=True)


def _few(made: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, of 4 squares of 64×64 whatever it is asked for."""
    return lambda model, pictures, seed, squares=4, side=64: made(model, pictures, seed, 4, 64)


def test_train_and_use(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights, a card that says how, a figure, no checkpoint left; then a neighbour from them."""
    Path("photos").mkdir()
    for i in range(3):
        Image.fromarray(picture(40, 48, seed=i)).save(f"photos/{i}.png")
    Path("photos/broken.jpg").write_bytes(b"\xff\xd8 no more")
    small = ("--width", 4, "--latents", 6, "--side", 32, "--batch", 2)
    shown = ("--validate", "photo.png", "--plot", "curves.svg", "--every", 4)
    assert (
        run("train", "--data", "photos", "--lambda", 0.01, "--steps", 8, "--out", "a.npz", *small, *shown)
        == 0
    )
    out, err = capsys.readouterr()
    assert out.startswith("a.npz: 8 steps, λ = 0.01")
    assert "left out: broken.jpg" in err
    assert "step 4: " in err
    assert "step 8: " in err
    card = read_weights("a.npz").card
    assert (card["lambda"], card["steps"], card["pictures"], card["data"]) == (0.01, 8, 3, "photos")
    assert card["validation"]["step"] == 8
    json.dumps(card)
    assert "<svg" in Path("curves.svg").read_text()
    assert not list(Path().glob("*checkpoint*"))
    finer = ("--lambda", 0.04, "--steps", 2, "--start", "a.npz", "--out", "b.npz")
    assert run("train", "--data", "photos", *finer, *small) == 0
    assert read_weights("b.npz").card["start"] == "a.npz"
    assert run("compress", "photo.png", "--weights", "b.npz") == 0


@pytest.mark.parametrize("model", ["factorized-prior", "mean-scale-hyperprior"])
def test_train_goes_on(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Stopped in the middle, the same command makes what it would have made; no folder: dead leaves."""
    from neural_from_scratch import hyper_start, train
    from neural_from_scratch.commands import train as command

    monkeypatch.setattr(command, "GENERATED", 2)
    few = _few(hyper_start.latents_of_squares)
    monkeypatch.setattr(hyper_start, "latents_of_squares", few)
    words = f"train --lambda 0.01 --steps 6 --width 4 --latents 6 --side 32 --batch 1 --model {model}".split()
    words += ["--alone", "3", "--finish", "2"]
    assert run(*words, "--out", "whole.npz") == 0
    real = train.Trainer.step

    def step(self):
        if self.steps_done == 4:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(train.Trainer, "step", step)
    assert run(*words, "--out", "halves.npz", "--every", 2) == 130
    assert Path("halves.checkpoint.npz").is_file()
    assert not Path("halves.npz").exists()
    monkeypatch.setattr(train.Trainer, "step", real)
    capsys.readouterr()
    assert run(*words, "--out", "halves.npz", "--every", 2) == 0
    assert "going on from step 4" in capsys.readouterr().err
    assert read_weights("whole.npz").hash == read_weights("halves.npz").hash
    card = read_weights("whole.npz").card
    assert card["data"] == "dead leaves"
    assert (card.get("alone"), card.get("finish")) == ((3, 2) if "hyper" in model else (None, None))


def test_a_hyperprior_on_transforms_that_stay(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No steps that train everything."""
    from neural_from_scratch import hyper_start

    few = _few(hyper_start.latents_of_squares)
    monkeypatch.setattr(hyper_start, "latents_of_squares", few)
    Path("photos").mkdir()
    Image.fromarray(picture(260, 256, seed=1)).save("photos/0.png")
    own = read_weights("own.npz")
    width, latents = own.model.width, own.model.latents
    words = f"train --lambda {own.weight} --width {width} --latents {latents} --start own.npz".split()
    words += [
        "--steps",
        "0",
        "--alone",
        "5",
        "--finish",
        "2",
        "--side",
        "64",
        "--data",
        "photos",
        "--validate",
        "photo.png",
    ]
    assert run(*words, "--model", "scale-hyperprior", "--out", "told.npz") == 0
    out, err = capsys.readouterr()
    assert out.startswith("told.npz: 7 steps of the hyperprior alone")
    assert "step 0: " in err
    card = read_weights("told.npz").card
    assert (card["steps"], card["alone"], card["finish"]) == (0, 5, 2)
    assert card["validation"]["bpp"] > 0
    before, after = own.model.state_dict(), read_weights("told.npz").model.state_dict()
    assert all((after[key] == before[key]).all() for key in before if key.startswith(("g_a.", "g_s.")))
    capsys.readouterr()
    assert run(*words, "--model", "factorized-prior", "--out", "a.npz") == 2
    assert "no layers that learn alone" in capsys.readouterr().err
    assert run(*words, "--model", "scale-hyperprior", "--out", "a.npz", "--plot", "c.png") == 2
    assert "no curves" in capsys.readouterr().err
    assert run("train", "--lambda", 0.01, "--steps", 0, "--model", "scale-hyperprior", "--out", "a.npz") == 2
    assert "--start" in capsys.readouterr().err


def test_what_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the file or the switch, and the cause."""
    monkeypatch.setattr("neural_from_scratch.commands.train.GENERATED", 1)
    assert run("compress", "photo.png", "--weights", "own.npz", "--out", "a.nfs") == 0
    capsys.readouterr()
    data = Path("a.nfs").read_bytes()
    Path("cut.nfs").write_bytes(data[:-7])
    Path("folder").mkdir()
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save("clear.png")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save("deep.png")
    for words, message in (
        (("compress", "none.png"), "none.png: No such file"),
        (("compress", "own.npz"), "own.npz: not a picture"),
        (("compress", "clear.png"), "transparent"),
        (("compress", "deep.png"), "8 bits"),
        (("compress", "photo.png", "--quality", 99), "quality=99"),
        (("compress", "photo.png", "--quality", 0), "--quality"),
        (("compress", "photo.png", "--quality", 1, "--weights", "own.npz"), "not allowed with"),
        (("compress", "photo.png", "--weights", "photo.png"), "photo.png"),
        (("compress", "photo.png", "--out", "folder"), "is a folder"),
        (("compress", "photo.png", "--out", "no/where.nfs"), "there is no folder no"),
        (("decompress", "photo.png"), "byte 0, magic"),
        (("decompress", "cut.nfs", "--weights", "own.npz"), "cut.nfs: byte"),
        (("decompress", "a.nfs"), "weights of one's own"),
        (("decompress", "a.nfs", "--weights", "own.npz", "--max-pixels", 99), "max_pixels"),
        (("decompress", "a.nfs", "--weights", "own.npz", "--out", "a.txt"), ".txt is no picture format"),
        (("eval", "folder"), "no picture to measure"),
        (("eval", "nowhere"), "nowhere: No such file"),
        (("train", "--lambda", -1, "--out", "w.npz"), "--lambda"),
        (("train", "--lambda", 0.1, "--out", "w.npz", "--data", "folder"), "0 pictures"),
        (("train", "--lambda", 0.1, "--out", "w.npz", "--side", 20), "side=20"),
        (("train", "--lambda", 0.1, "--out", "w.npz", "--start", "photo.png"), "photo.png"),
        (("train", "--lambda", 0.1, "--out", "w.npz", "--start", "own.npz", "--side", 32), "--start own.npz"),
        (("train", "--lambda", 0.1, "--out", "w.npz", "--plot", "c.doc"), "c.doc"),
    ):
        assert message in refused(capsys, *words), words
