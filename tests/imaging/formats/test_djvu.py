"""DjVu through an outside program: with it, without it, and when it fails."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats import djvu
from pipeline.imaging.formats.decode import decode_image

BITS = np.random.default_rng(2).integers(0, 2, (48, 64)).astype(bool)
HEADER = b"AT&TFORM\x00\x00\x00\x1eDJVUINFO\x00\x00\x00\x0a\x00\x40\x00\x30\x18\x00\x64\x00\x16\x01" + bytes(16)


@pytest.fixture
def encoded(tmp_path: Path) -> bytes:
    if shutil.which("cjb2") is None or shutil.which("ddjvu") is None:
        pytest.skip("cjb2 and ddjvu (the package djvulibre-bin) are not installed")
    (tmp_path / "in.pbm").write_bytes(b"P4 64 48\n" + np.packbits(~BITS, axis=1).tobytes())
    subprocess.run(["cjb2", "in.pbm", "out.djvu"], cwd=tmp_path, check=True, timeout=30)
    return (tmp_path / "out.djvu").read_bytes()


def test_a_page_is_decoded(encoded: bytes) -> None:
    image = decode_image(encoded)
    assert (image.format, image.pixels.shape, image.pages) == ("djvu", (48, 64), 1)
    np.testing.assert_array_equal(image.pixels, BITS)


def test_a_cut_page_is_an_error(encoded: bytes) -> None:
    with pytest.raises(CorruptImageError, match="truncated"):
        decode_image(encoded[:-20])


def test_the_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UnsupportedImageError, match=r"install ddjvu .*djvulibre-bin"):
        decode_image(HEADER)


def test_the_size_is_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: pytest.fail("must not be looked for"))
    with pytest.raises(ImageTooLargeError, match="64 x 48"):
        decode_image(HEADER, max_pixels=1000)


def script(folder: Path, body: str) -> str:
    path = folder / "ddjvu"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = script(tmp_path, "exec sleep 20")
    monkeypatch.setattr(shutil, "which", lambda _: program)
    monkeypatch.setattr(djvu, "TIMEOUT_S", 0.2)
    with pytest.raises(ImageTooLargeError, match="did not finish"):
        decode_image(HEADER)


def test_a_complaint_is_an_error_even_with_status_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = script(tmp_path, 'echo "ddjvu: Corrupted\nfile" >&2')
    monkeypatch.setattr(shutil, "which", lambda _: program)
    with pytest.raises(CorruptImageError, match="Corrupted file"):
        decode_image(HEADER)
