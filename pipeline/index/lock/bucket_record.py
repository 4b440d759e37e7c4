"""A small object in a bucket that two writers cannot both replace: S3's conditional writes."""

from typing import Any

from pipeline.index.lock.owner import Owner
from pipeline.storage.location import Location

_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict")


class RecordChangedError(Exception):
    """Another process has replaced the record since it was read."""


class BucketRecord:
    """The owner of an index' lock in an object; what is written replaces what was read, and nothing newer."""

    def __init__(self, place: Location) -> None:
        self._place = place
        self._files = place.filesystem()
        self._tag = ""

    def read(self) -> Owner | None:
        """The owner; None where there is no object."""
        self._tag = ""
        try:
            # The tag first: if the object is replaced in between, writing over the older tag fails, as it must.
            tag = str(self._files.info(self._place.url)["ETag"])
            text = self._files.cat_file(self._place.url).decode(errors="replace")
        except FileNotFoundError:
            return None
        self._tag = tag
        return Owner.from_json(text)

    def write(self, owner: Owner) -> None:
        """Replace the object that was read last, or make it where there was none."""
        condition = {"IfMatch": self._tag} if self._tag else {"IfNoneMatch": "*"}
        try:
            answer = self._call("put_object", Body=owner.to_json().encode(errors="replace"), **condition)
        except RecordChangedError as error:
            # Our own write, if its answer was lost on the way and the client has tried again.
            found = self.read()
            if found is None or found.token != owner.token:
                self._tag = ""
                raise RecordChangedError(str(found or "another process")) from error
            return
        self._tag = str(answer["ETag"])

    def clear(self) -> None:
        """Delete the object if it is the one that was written last."""
        if str(self._files.info(self._place.url)["ETag"]) != self._tag:
            raise RecordChangedError(self._place.url)
        self._call("delete_object")

    def _call(self, action: str, **arguments: object) -> dict[str, Any]:
        bucket, _, key = self._place.url.removeprefix("s3://").partition("/")
        try:
            answer: dict[str, Any] = self._files.call_s3(action, Bucket=bucket, Key=key, **arguments)
        except Exception as error:
            if any(_code(found) in _CHANGED for found in (error, error.__cause__)):
                raise RecordChangedError(self._place.url) from error
            raise
        return answer


def _code(error: BaseException | None) -> str:
    """S3's own word for an error; s3fs raises either Amazon's exception or one of Python's that it causes."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
