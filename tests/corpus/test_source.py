"""The corpus: everything is listed once, oddities are named, nothing is written, and buckets look like folders."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest

from pipeline.config import CorpusSettings
from pipeline.corpus.source import Corpus
from pipeline.errors import CorpusNotFoundError, StorageError, UnreadableFileError, UsageError
from pipeline.storage.location import Location

FILES = {"b.tif": b"bb", "a/x.tif": b"x", "a/y.jpg": b"yyy", "a/deep/er/z é.tif": b"z", "a b/#1?.tif": b"q"}


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def paths(corpus: Corpus) -> list[str]:
    return [entry.path for entry in corpus.listing().files]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "corpus", FILES)


def test_files_are_listed_in_the_order_of_their_bytes(folder: Path) -> None:
    listing = Corpus(str(folder)).listing()
    assert [(e.path, e.size_bytes) for e in listing.files] == sorted(
        ((name, len(data)) for name, data in FILES.items()), key=lambda pair: pair[0].encode()
    )
    assert listing.files[-1].modified_ns == (folder / "b.tif").stat().st_mtime_ns
    assert listing.unreadable == ()


def test_the_settings_choose_and_the_rest_is_remembered(folder: Path) -> None:
    corpus = Corpus(str(folder), CorpusSettings(include=("*.tif",), exclude=("a/deep/**",)))
    assert paths(corpus) == ["a b/#1?.tif", "a/x.tif", "b.tif"]
    assert corpus.listing().others.to_pylist() == ["a/deep/er/z é.tif", "a/y.jpg"]


def test_a_sample_stays_when_files_are_added_elsewhere(tmp_path: Path) -> None:
    root = put(tmp_path, {f"{i:03}.tif": b"" for i in range(40)})
    few = Corpus(str(root), CorpusSettings(sample=10))
    before = set(paths(few))
    assert len(before) == 10
    assert before != set(paths(Corpus(str(root)))[:10])
    put(root, {f"more{i}.tif": b"" for i in range(10)})
    assert len(before & set(paths(few))) >= 5
    assert len(paths(Corpus(str(root), CorpusSettings(sample=1000)))) == 50


def test_names_that_are_not_text_are_listed_chosen_and_read(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/a"
    os.mkdir(folder)
    for name in (b"caf\xe9 5%.tif", b"caf%E9.tif", b"new\nline.tif"):
        with open(folder + b"/" + name, "wb") as handle:
            handle.write(name)
    corpus = Corpus(str(tmp_path), CorpusSettings(include=("a/*.tif",)))
    assert {corpus.read(path) for path in paths(corpus)} == {b"caf\xe9 5%.tif", b"caf%E9.tif", b"new\nline.tif"}
    assert all(corpus.exists(path) for path in paths(corpus))


def test_links_never_move_a_file_and_loops_end(folder: Path, tmp_path: Path) -> None:
    before = paths(Corpus(str(folder)))
    (folder / "zz").symlink_to(folder / "a")  # would be entered before "a" by a plain walk from the end
    (folder / "0").symlink_to(folder / "a")
    (folder / "a/deep/up").symlink_to(folder)
    (folder / "self").symlink_to("self")
    listing = Corpus(str(folder)).listing()
    assert [entry.path for entry in listing.files] == before
    assert [path for path, _ in listing.unreadable] == ["self"]
    outside = put(tmp_path / "outside", {"o.tif": b"o", "more/p.tif": b"p"})
    for name in ("l2", "l1"):
        (folder / name).symlink_to(outside)
    assert set(paths(Corpus(str(folder)))) - set(before) == {"l1/o.tif", "l1/more/p.tif"}


def test_links_to_files_are_files_and_broken_ones_are_named(folder: Path) -> None:
    (folder / "link.tif").symlink_to("b.tif")
    (folder / "broken.tif").symlink_to("nowhere")
    listing = Corpus(str(folder)).listing()
    assert Corpus(str(folder)).read("link.tif") == b"bb"
    assert "link.tif" in [entry.path for entry in listing.files]
    assert listing.unreadable == (("broken.tif", "cannot be looked at: No such file or directory"),)


def test_a_folder_that_may_not_be_listed_is_named_and_the_rest_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(place: str) -> Any:
        if str(place).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = Corpus(str(folder)).listing()
    assert [entry.path for entry in listing.files] == ["a b/#1?.tif", "b.tif"]
    assert listing.unreadable == (("a", "cannot be listed: Permission denied"),)


def test_a_corpus_that_may_not_be_listed_at_all_is_the_empty_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scandir(place: str) -> Any:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "scandir", scandir)
    listing = Corpus(str(folder)).listing()
    assert len(listing.files) == 0
    assert listing.unreadable == (("", "cannot be listed: Stale file handle"),)


def test_folders_without_numbers_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems give every folder the inode 0."""
    before, real = paths(Corpus(str(folder))), os.stat
    (folder / "a/deep/up").symlink_to(folder)

    def numberless(place: Any) -> Any:
        status = real(place)
        return SimpleNamespace(st_dev=1, st_ino=0, st_mode=status.st_mode)

    monkeypatch.setattr(os, "stat", numberless)
    assert paths(Corpus(str(folder))) == before


def test_a_pipe_is_named_and_never_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.tif")
    assert Corpus(str(folder)).listing().unreadable == (("pipe.tif", "is no regular file"),)
    with pytest.raises(UnreadableFileError, match="no regular file"):
        Corpus(str(folder)).read("pipe.tif")


@pytest.mark.parametrize("path", ["a", "gone.tif", "a/../../corpus2/x.tif"])
def test_what_cannot_be_read_says_so(folder: Path, path: str) -> None:
    with pytest.raises(UnreadableFileError, match=r"cannot be read|no regular file"):
        Corpus(str(folder)).read(path)


def test_a_file_that_vanishes_after_the_listing(folder: Path) -> None:
    corpus = Corpus(str(folder))
    entry = corpus.listing().files[0]
    (folder / entry.path).unlink()
    assert not corpus.exists(entry.path)
    with pytest.raises(UnreadableFileError, match="No such file"):
        corpus.read(entry.path)


def test_listing_and_reading_change_nothing(folder: Path) -> None:
    def state() -> list[tuple[str, int, int]]:
        return [(str(p), p.stat().st_mtime_ns, p.stat().st_mode) for p in sorted(folder.rglob("*"))]

    for path in folder.rglob("*"):
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    before = state()
    corpus = Corpus(str(folder))
    corpus.check()
    assert [corpus.read(path) for path in paths(corpus)]
    assert state() == before
    for path in folder.rglob("*"):
        path.chmod(0o755)


def test_what_is_no_corpus(folder: Path) -> None:
    with pytest.raises(CorpusNotFoundError, match="no folder"):
        Corpus(str(folder / "nowhere")).check()
    with pytest.raises(CorpusNotFoundError, match="is a file"):
        Corpus(str(folder / "b.tif")).check()
    with pytest.raises(UsageError, match="no name"):
        Corpus("")
    with pytest.raises(UsageError, match="nosuch"):
        Corpus("nosuch://x").check()


def test_an_index_inside_the_corpus_is_recognised(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    corpus = Corpus(str(folder))
    inside = [folder, folder / "index", tmp_path / "link/index", tmp_path / "x/../corpus/index"]
    assert [corpus.contains(Location.parse(place)) for place in inside] == [True] * 4
    outside = [tmp_path / "corpus2", tmp_path, tmp_path / "index", "s3://corpus/index"]
    assert [corpus.contains(Location.parse(place)) for place in outside] == [False] * 4
    bucket = Corpus("s3://b/corpus/")
    assert bucket.contains(Location.parse("s3://b/corpus/index"))
    assert not bucket.contains(Location.parse("s3://b/corpus2"))
    assert not bucket.contains(Location.parse(tmp_path))


@pytest.fixture
def memory_url() -> Iterator[str]:
    yield "memory://corpus/part"
    fsspec.filesystem("memory").rm("/corpus", recursive=True)


@pytest.fixture(params=["memory", "s3"])
def remote_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("memory_url" if request.param == "memory" else "s3_prefix"))


@pytest.fixture
def upload(remote_url: str) -> Callable[[str, bytes], None]:
    """Writes below the URL from outside, past the corpus' own file system."""

    def write(name: str, data: bytes) -> None:
        scheme = remote_url.partition(":")[0]
        options = (
            {"endpoint_url": os.environ["AWS_ENDPOINT_URL"], "skip_instance_cache": True} if scheme == "s3" else {}
        )
        fsspec.filesystem(scheme, **options).pipe_file(f"{remote_url}/{name}", data)

    return write


def test_a_bucket_lists_and_reads_like_a_folder(
    folder: Path, remote_url: str, upload: Callable[[str, bytes], None]
) -> None:
    for name, data in FILES.items():
        upload(name, data)
    local, remote = Corpus(str(folder)), Corpus(remote_url)
    remote.check()
    assert [(e.path, e.size_bytes) for e in remote.listing().files] == [
        (e.path, e.size_bytes) for e in local.listing().files
    ]
    assert all(entry.modified_ns > 10**18 for entry in remote.listing().files)
    assert [remote.read(path) for path in paths(local)] == [local.read(path) for path in paths(local)]
    assert remote.listing() == remote.listing()


def test_a_second_listing_sees_what_was_added(remote_url: str, upload: Callable[[str, bytes], None]) -> None:
    corpus = Corpus(remote_url)
    upload("a/x.tif", b"x")
    assert paths(corpus) == ["a/x.tif"]
    upload("a/y.tif", b"y")
    assert paths(corpus) == ["a/x.tif", "a/y.tif"]
    assert corpus.exists("a/y.tif")
    assert not corpus.exists("a/z.tif")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        corpus.read("a/z.tif")


def test_what_is_no_remote_corpus(remote_url: str, upload: Callable[[str, bytes], None]) -> None:
    with pytest.raises(CorpusNotFoundError, match="nothing at"):
        Corpus(f"{remote_url}/nowhere").check()
    upload("a.tif", b"x")
    with pytest.raises(CorpusNotFoundError, match="is a file"):
        Corpus(f"{remote_url}/a.tif").check()


def test_objects_that_only_mark_folders_are_no_files(s3_prefix: str) -> None:
    filesystem = fsspec.filesystem("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], use_listings_cache=False)
    bucket, _, key = s3_prefix.removeprefix("s3://").partition("/")
    filesystem.call_s3("put_object", Bucket=bucket, Key=f"{key}/a/", Body=b"")
    filesystem.call_s3("put_object", Bucket=bucket, Key=f"{key}/a/x.tif", Body=b"x")
    assert paths(Corpus(s3_prefix)) == ["a/x.tif"]


def test_a_bucket_that_does_not_answer_is_a_sentence(s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem = Corpus(s3_prefix)._filesystem()

    def refuse(*_: Any, **__: Any) -> Any:
        from botocore.exceptions import NoCredentialsError

        raise NoCredentialsError

    monkeypatch.setattr(filesystem, "call_s3", refuse)
    monkeypatch.setattr(filesystem, "exists", refuse)
    for act in (Corpus(s3_prefix).check, Corpus(s3_prefix).listing):
        with pytest.raises(StorageError, match="Unable to locate credentials"):
            act()
