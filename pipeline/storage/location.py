"""Where an index lives: a local folder or an ``s3://`` prefix, opened by Icechunk and by fsspec alike."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import icechunk
from fsspec import AbstractFileSystem

from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Location:
    """A folder or a bucket prefix.

    Credentials and the end point of a bucket come from the usual ``AWS_*`` variables (``AWS_ENDPOINT_URL`` for
    another server than Amazon's), so that nothing secret is ever stored in the index.

    Examples
    --------
    >>> Location.parse("s3://bucket/indexes/sem").child("store").url
    's3://bucket/indexes/sem/store'
    """

    url: str

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> "Location":
        """Normalise a path or URL; a scheme other than ``s3`` or ``file`` raises `UsageError`."""
        text = os.fspath(text)
        parts = urlsplit(text)
        if parts.scheme == "s3":
            if not parts.netloc:
                raise UsageError(f"{text!r} names no bucket; an index in a bucket is s3://BUCKET/PREFIX.")
            return cls(text.rstrip("/"))
        if "://" in text and parts.scheme != "file":
            raise UsageError(f"An index can live in a local folder or under s3://, not under {parts.scheme}://.")
        path = text.removeprefix("file://")
        return cls(str(Path(path).expanduser().absolute()))

    @property
    def is_local(self) -> bool:
        """Whether this is a folder of this machine (or one that looks like it, as NFS does)."""
        return not self.url.startswith("s3://")

    @property
    def path(self) -> Path:
        """The local folder; only for local locations."""
        return Path(self.url)

    def child(self, *names: str) -> "Location":
        """The location below this one."""
        return Location("/".join((self.url, *names)))

    def filesystem(self) -> AbstractFileSystem:
        """fsspec's view of the place."""
        if self.is_local:
            return fsspec.filesystem("file")
        _require_s3fs(self.url)
        return fsspec.filesystem("s3", endpoint_url=_endpoint())

    def exists(self) -> bool:
        """Whether anything is there."""
        return bool(self.filesystem().exists(self.url))

    def icechunk_storage(self) -> icechunk.Storage:
        """Icechunk's view of the place."""
        if self.is_local:
            return icechunk.local_filesystem_storage(self.url)
        parts = urlsplit(self.url)
        endpoint = _endpoint()
        return icechunk.s3_storage(
            bucket=parts.netloc,
            prefix=parts.path.strip("/"),
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            endpoint_url=endpoint,
            allow_http=bool(endpoint and endpoint.startswith("http:")),
            force_path_style=endpoint is not None,
            from_env=True,
        )


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _require_s3fs(url: str) -> None:
    try:
        import s3fs  # noqa: F401
    except ImportError as error:
        raise UsageError(f"{url} needs the optional part for buckets: pip install 'semcorpus[s3]'.") from error
