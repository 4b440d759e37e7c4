"""Where an index lives: a local folder or an ``s3://`` prefix, opened by Icechunk and by fsspec alike."""

import os
from dataclasses import dataclass
from pathlib import Path

import fsspec
import icechunk
from fsspec import AbstractFileSystem

from pipeline.errors import UsageError

_S3 = "s3://"

# Icechunk's log goes to standard output, where JSON is read; what it would say of a failure, its exceptions say.
icechunk.set_logs_filter("off")


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
        """Normalise a path or URL; nothing at all, or a scheme other than ``s3`` or ``file``, raises `UsageError`."""
        text = os.fspath(text)
        scheme, separator, rest = text.partition("://")
        if separator and scheme.lower() == "s3":
            if not rest.strip("/") or rest.startswith("/"):
                raise UsageError(f"{text!r} names no bucket; an index in a bucket is s3://BUCKET/PREFIX.")
            return cls(_S3 + rest.rstrip("/"))
        if separator and scheme.lower() != "file":
            raise UsageError(f"An index can live in a local folder or under s3://, not under {scheme}://.")
        path = rest if separator else text
        if not path.strip():
            raise UsageError("The index has no name; give a folder or s3://BUCKET/PREFIX.")
        return cls(os.path.abspath(os.path.expanduser(path)))

    @property
    def is_local(self) -> bool:
        """Whether this is a folder of this machine (or one that looks like it, as NFS does)."""
        return not self.url.startswith(_S3)

    @property
    def path(self) -> Path:
        """The local folder; only for local locations."""
        return Path(self.url)

    def child(self, *names: str) -> "Location":
        """The location below this one."""
        return Location("/".join((self.url.rstrip("/"), *names)))

    def filesystem(self) -> AbstractFileSystem:
        """fsspec's view of the place."""
        return open_filesystem(self.url)

    def icechunk_storage(self) -> icechunk.Storage:
        """Icechunk's view of the place."""
        if self.is_local:
            return icechunk.local_filesystem_storage(self.url)
        bucket, _, prefix = self.url.removeprefix(_S3).partition("/")
        endpoint = _endpoint()
        return icechunk.s3_storage(
            bucket=bucket,
            prefix=prefix,
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            endpoint_url=endpoint,
            allow_http=bool(endpoint and endpoint.startswith("http:")),
            force_path_style=endpoint is not None,
            from_env=True,
        )


def open_filesystem(url: str) -> AbstractFileSystem:
    """fsspec's file system for a path or URL.

    Raises
    ------
    UsageError
        The scheme is unknown, or needs a package that is not installed.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else "file"
    # Without a cache of listings: another process, or the store beside fsspec, may have written meanwhile.
    options: dict[str, object] = {"endpoint_url": _endpoint(), "use_listings_cache": False} if scheme == "s3" else {}
    try:
        return fsspec.filesystem(scheme, **_named_in(url, scheme), **options)
    except ImportError as error:
        hint = "pip install 'semcorpus[s3]'" if scheme == "s3" else str(error)
        raise UsageError(f"{url} needs an optional part: {hint}.") from error
    except OSError:  # nobody answers there: for `storage_failures`
        raise
    except Exception as error:
        raise UsageError(f"{url} cannot be opened: {type(error).__name__}: {error}.") from error


def _named_in(url: str, scheme: str) -> dict[str, object]:
    """Host, user and port, where a file system wants these from the URL (``ftp``)."""
    options: dict[str, object] = fsspec.get_filesystem_class(scheme)._get_kwargs_from_urls(url)
    return options


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
