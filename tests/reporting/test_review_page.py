"""The review page in a browser: by keyboard and mouse, and the file that it hands back."""

import base64
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.operations.scale_review.intake import parse_answers
from pipeline.reporting.review_page import Review, ReviewItem, render_review
from tests.reporting.browser import Page, open_page

PICTURE = (
    "data:image/webp;base64,"
    + base64.b64encode(cv2.imencode(".webp", np.full((40, 160), 90, np.uint8))[1].tobytes()).decode()
)


def _item(number: int, **changes: object) -> ReviewItem:
    values = {
        "thing": f"crop:{number:032x}",
        "images": 10 * number + 1,
        "statuses": {"uncertain": number + 1},
        "text": "200 nm",
        "confidence": 0.5,
        "reason": 'why </script> <b>&"',
        "bar_length_px": 101.5,
        "nm_per_px": None,
        "metadata_nm_per_px": 1.97,
        "answer": "",
        "picture": PICTURE,
        "size": (160, 40),
        "width_px": 200,
        "blocked": False,
        "segment": (0.1, 0.1, 0.5, 0.2),
        "label": (0.1, 0.5, 0.2, 0.3),
        "path": f"operators/<eva>/img_{number}.tif",
        "md5": f"{number:032x}",
    }
    return ReviewItem(**(values | changes))  # type: ignore[arg-type]


def _page(items: list[ReviewItem]) -> str:
    return render_review(Review("/indexes/sem", "/share/sem", "ABC", items, 7))


@pytest.fixture
def page(chromium: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    items = [_item(number) for number in range(200)]
    items[1] = _item(1, text="")
    items[3] = _item(3, thing=f"image:{3:032x}", bar_length_px=None, text="", statuses={"no_segment": 1}, images=1)
    items[7] = _item(7, blocked=True)
    items[8] = _item(8, thing=f"image:{8:032x}", images=1)
    items[5] = _item(5, answer="500 nm", statuses={"confirmed": 4})
    file = tmp_path / "review.html"
    file.write_text(_page(items), encoding="utf-8")
    with open_page(chromium, file, tmp_path) as opened:
        # An empty page that the browser begins with is "complete" as well.
        opened.wait_for("document.querySelectorAll('.item').length > 5")
        yield opened


def _downloaded(page: Page, folder: Path) -> dict[str, tuple[str, float | None, str]]:
    page.evaluate("document.getElementById('download').click()")
    file = folder / "scale-answers.csv"
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline, "nothing was downloaded"
        time.sleep(0.05)
    found = parse_answers(file.read_bytes().decode(), file.name)
    return {answer.thing: (answer.text, answer.bar_length_px, answer.by) for _, answer in found}


def test_answers_given_by_keyboard_come_back_as_a_file_that_is_accepted(page: Page, tmp_path: Path) -> None:
    page.evaluate("document.getElementById('by').value = 'Eva, \"the\" operator'")
    page.press("Enter")  # 0 confirmed
    page.press("e")  # 1 has no reading: corrected
    page.type("0,5 \u00b5m")
    page.press("Enter", text="\r")
    page.press("b")  # 2: no bar
    page.press("u")  # 3, a picture: unreadable
    page.press("Enter")  # 4 confirmed
    page.press("z")  # 5: what was said before is taken back
    page.press("j")
    page.press("k")
    page.press("j")
    page.press("Enter")  # 6 confirmed, and the answer taken back again
    page.press("k")
    page.press("z")
    name = 'Eva, "the" operator'
    assert _downloaded(page, tmp_path) == {
        f"crop:{0:032x}": ("200 nm", None, name),
        f"crop:{1:032x}": ("0.5 um", None, name),
        f"crop:{2:032x}": ("no bar", None, name),
        f"image:{3:032x}": ("unreadable", None, name),
        f"crop:{4:032x}": ("200 nm", None, name),
        f"crop:{5:032x}": ("undo", None, name),
    }


def test_a_picture_without_a_bar_needs_its_length(page: Page, tmp_path: Path) -> None:
    card = f"document.querySelector('[data-thing=\"image:{3:032x}\"]')"
    page.evaluate(f"{card}.querySelector('input').value = '200 nm'")
    page.evaluate(f"{card}.querySelector('.save').click()")
    assert "length in pixels" in page.evaluate(f"{card}.querySelector('.wrong').textContent")
    assert page.evaluate("document.getElementById('download').disabled")
    page.evaluate(f"{card}.querySelector('.px').value = '88.5'")
    page.evaluate(f"{card}.querySelector('.save').click()")
    assert _downloaded(page, tmp_path) == {f"image:{3:032x}": ("200 nm", 88.5, "")}


def test_the_ends_of_a_bar_are_moved(page: Page, tmp_path: Path) -> None:
    """By the arrow keys and by dragging; 200 px of the picture are shown in the piece."""
    card = f"document.querySelector('[data-thing=\"image:{8:032x}\"]')"
    page.evaluate(
        f"{card}.scrollIntoView({{block: 'center', behavior: 'instant'}}); {card}.querySelectorAll('.end')[1].focus()"
    )
    page.press("ArrowRight")
    assert page.evaluate(f"{card}.querySelector('.px').value") == "101"
    x, y, width = page.evaluate(
        f"(() => {{ const end = {card}.querySelector('.end').getBoundingClientRect();"
        f"return [end.x + end.width / 2, end.y + end.height / 2, {card}.querySelector('.piece').clientWidth]; }})()"
    )
    for kind, at in (("mousePressed", x), ("mouseMoved", x + width / 10), ("mouseReleased", x + width / 10)):
        page.command("Input.dispatchMouseEvent", type=kind, x=at, y=y, button="left", buttons=1, clickCount=1)
    assert abs(float(page.evaluate(f"{card}.querySelector('.px').value")) - 81) < 2
    page.evaluate(f"{card}.querySelector('.confirm').click()")
    ((text, length, _),) = _downloaded(page, tmp_path).values()
    assert (text, abs((length or 0) - 81) < 2) == ("200 nm", True)


def test_what_a_field_width_contradicts_cannot_be_confirmed(page: Page, tmp_path: Path) -> None:
    card = f"document.querySelector('[data-thing=\"crop:{7:032x}\"]')"
    page.evaluate(f"{card}.scrollIntoView()")
    assert page.evaluate(f"{card}.querySelector('.confirm').disabled")
    assert "field width" in page.evaluate(f"{card}.querySelector('.against').textContent")
    page.evaluate(f"{card}.querySelector('.alone').click()")
    single = f"document.querySelector('[data-thing=\"image:{7:032x}\"]')"
    page.evaluate(f"{single}.querySelector('input').value = '2 um'; {single}.querySelector('.save').click()")
    assert _downloaded(page, tmp_path) == {f"image:{7:032x}": ("2 um", None, "")}


def test_nonsense_is_refused_at_once(page: Page) -> None:
    card = "document.querySelector('.item')"
    for text in ("200", "nm", "-5 nm", "0 nm", "3 parsecs", "1 nm/px"):
        page.evaluate(f"{card}.querySelector('input').value = '{text}'")
        page.evaluate(f"{card}.querySelector('.save').click()")
        assert page.evaluate(f"{card}.querySelector('.wrong').textContent"), text
    assert page.evaluate("document.getElementById('download').disabled")


def test_cards_are_made_as_one_goes_and_filters_work(page: Page) -> None:
    made = "document.querySelectorAll('.item').length"
    assert page.evaluate(made) < 200
    for _ in range(110):
        page.press("j")
    assert page.evaluate(made) > 110
    page.evaluate(
        "document.getElementById('status').value = 'confirmed';"
        "document.getElementById('status').dispatchEvent(new Event('change'))"
    )
    assert page.evaluate(made) == 1
    assert "500 nm" in page.evaluate("document.querySelector('.answer').textContent")


def test_text_from_the_corpus_is_no_html(page: Page) -> None:
    assert page.evaluate("document.querySelectorAll('.item b, .item eva').length") == 0
    assert "</script> <b>" in page.evaluate("document.querySelector('.item').textContent")


def test_the_same_data_give_the_same_page() -> None:
    items = [_item(number) for number in range(3)]
    assert _page(items) == _page(items)
    assert "7 less doubtful" in _page(items)
