"""PDF documents of several pages, for tests."""

import io
from collections.abc import Sequence

import pypdfium2


def joined(documents: Sequence[bytes | None]) -> bytes:
    """One PDF of the pages of others; None stands for a page with nothing on it."""
    result = pypdfium2.PdfDocument.new()
    for data in documents:
        if data is None:
            result.new_page(100, 100).close()
        else:
            source = pypdfium2.PdfDocument(data)
            result.import_pages(source)
            source.close()
    out = io.BytesIO()
    result.save(out)
    result.close()
    return out.getvalue()
