"""Pictures in PDF files."""

import io
import zlib
from typing import Any

import numpy as np
import pypdfium2
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.decode import decode_image, pixel_md5
from pipeline.imaging.formats.pdf import count_pages, page_picture
from pipeline.imaging.formats.plain_tiff import plain_tiff
from tests.imaging.formats.documents import joined

RNG = np.random.default_rng(5)
GRAY = RNG.integers(0, 256, (48, 64), dtype=np.uint8)
RGB = RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8)


def pdf_with(
    stream: bytes, *, colours: bytes = b"/DeviceGray", bits: int = 8, width: int = 64, height: int = 48
) -> bytes:
    """A PDF of one page that shows one deflated picture."""
    picture = (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace%s"
        b"/BitsPerComponent %d/Filter/FlateDecode/Length %d>>"
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>",
        picture % (width, height, colours, bits, len(stream)) + b"stream\n" + stream + b"\nendstream",
        b"<</Length 26>>stream\nq 100 0 0 100 0 0 cm /I Do\nendstream",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + table
    return out + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


def test_an_embedded_jpeg_is_the_jpeg() -> None:
    pdf, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(RGB).save(pdf, "PDF", quality=90, save_all=True, append_images=[Image.fromarray(GRAY)])
    Image.fromarray(RGB).save(jpeg, "JPEG", quality=90)
    image = decode_image(pdf.getvalue())
    assert (image.format, image.pages) == ("pdf", 2)
    assert pixel_md5(image) == pixel_md5(decode_image(jpeg.getvalue()))


def test_deflated_pictures() -> None:
    np.testing.assert_array_equal(decode_image(pdf_with(zlib.compress(GRAY.tobytes()))).pixels, GRAY)
    rgb = decode_image(pdf_with(zlib.compress(RGB.tobytes()), colours=b"/DeviceRGB"))
    np.testing.assert_array_equal(rgb.pixels, RGB)
    bits = decode_image(pdf_with(zlib.compress(np.packbits(GRAY > 99, axis=1).tobytes()), bits=1))
    np.testing.assert_array_equal(bits.pixels, np.where(GRAY > 99, 255, 0))


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (zlib.compress(GRAY.tobytes())[:1000], "end too early"),
        (zlib.compress(GRAY.tobytes()[:1000]), "needs 3,072 bytes, there are 1,000"),
        (b"no deflate stream at all", "damaged"),
    ],
)
def test_missing_data_never_become_black_pixels(stream: bytes, reason: str) -> None:
    with pytest.raises(CorruptImageError, match=reason):
        decode_image(pdf_with(stream))


def test_a_bomb_and_a_forged_size() -> None:
    bomb = pdf_with(zlib.compress(bytes(30_000_000)))
    with pytest.raises(ImageTooLargeError, match="zip bomb"):
        decode_image(bomb, max_pixels=1_000_000)
    with pytest.raises(ImageTooLargeError, match="60000 x 60000"):
        decode_image(pdf_with(zlib.compress(b"x"), width=60000, height=60000))


def test_pdf_without_a_picture_cut_off_or_of_another_filter() -> None:
    whole = pdf_with(zlib.compress(GRAY.tobytes()))
    with pytest.raises(UnsupportedImageError, match="without a picture"):
        decode_image(whole.replace(b"/I Do", b"     "))
    with pytest.raises(CorruptImageError, match="truncated"):
        decode_image(whole[: len(whole) // 2])
    fax = io.BytesIO()
    Image.fromarray(GRAY > 99).save(fax, "PDF")
    with pytest.raises(UnsupportedImageError, match="CCITTFaxDecode"):
        decode_image(fax.getvalue())


def _page(picture: Image.Image, **options: int) -> tuple[bytes, bytes]:
    """A picture as a PDF of one page, and as the JPG that is in it."""
    pdf, jpeg = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", **options)
    picture.save(pdf, "PDF", **options)
    return pdf.getvalue(), jpeg.getvalue()


def test_the_pictures_of_all_pages() -> None:
    first, jpeg = _page(Image.fromarray(GRAY), quality=90)
    document = joined([first, None, pdf_with(zlib.compress(RGB.tobytes()), colours=b"/DeviceRGB")])
    assert count_pages(document) == 3
    assert page_picture(document, page=1, max_pixels=10_000) == jpeg
    with pytest.raises(UnsupportedImageError, match="the page has no picture"):
        page_picture(document, page=2, max_pixels=10_000)
    last = page_picture(document, page=3, max_pixels=10_000)
    np.testing.assert_array_equal(decode_image(last).pixels, RGB)
    with pytest.raises(CorruptImageError, match="page 4 of the PDF cannot be opened"):
        page_picture(document, page=4, max_pixels=10_000)


def test_of_several_pictures_on_a_page_the_largest_is_taken() -> None:
    large, small = Image.fromarray(GRAY), Image.fromarray(RGB[:10, :10])
    document = pypdfium2.PdfDocument.new()
    page = document.new_page(100, 100)
    for picture in (small, large, small):
        data = io.BytesIO()
        picture.save(data, "JPEG")
        image = pypdfium2.PdfImage.new(document)
        image.load_jpeg(data)
        page.insert_obj(image)
    page.gen_content()
    out = io.BytesIO()
    document.save(out)
    assert decode_image(out.getvalue()).pixels.shape == GRAY.shape


@pytest.mark.parametrize("pixels", [GRAY, RGB, GRAY > 99, GRAY[:1, :1], RGB[:3, :5]])
def test_a_plain_tiff_is_read_as_it_was_written(pixels: NDArray[Any]) -> None:
    expected = np.where(pixels, 255, 0) if pixels.dtype == bool else pixels
    data = plain_tiff(pixels)
    np.testing.assert_array_equal(decode_image(data).pixels, expected)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), expected)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), expected)


def test_a_plain_tiff_of_other_values_is_refused() -> None:
    with pytest.raises(ValueError, match="expected gray or RGB of uint8; got uint16"):
        plain_tiff(GRAY.astype(np.uint16))
