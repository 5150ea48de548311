"""The way to a bucket, on a real S3 server."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from shared.objects import Bucket, NotAnAddress, StoreUnreachable, Unchanged, on_s3
from tests.s3 import KEY_ID, SECRET, Gate

HEADERS = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "ours": "1"}


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3://B",
        "s3://key:secret@bucket/x",
        "s3://bucket//x",
        "s3://bucket/x?region=a",
        "http://bucket/x",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    """An address with credentials, options or without a bucket is refused in both languages, and not repeated."""
    with pytest.raises(NotAnAddress) as caught:
        Bucket(address, setting="GAZETTE_SITE_STORE")
    said = caught.value.title() + caught.value.detail
    assert " / " in said
    assert "GAZETTE_SITE_STORE" in said
    assert "secret" not in said


def test_folders_are_no_buckets() -> None:
    """What has a scheme is meant as a bucket and judged as one; everything else is a folder."""
    assert on_s3("s3://bucket/site")
    assert on_s3("gs://bucket/site")
    assert not on_s3(Path("/srv/s3"))


def test_objects_keep_their_bytes_and_headers(gate: Gate, bucket_address: str) -> None:
    """What was written is read back with its headers; a copy has them too; removing twice is harmless."""
    bucket = Bucket(bucket_address)
    assert bucket.look("a/通知.html") is None
    assert bucket.read("a/通知.html") is None
    bucket.write("a/通知.html", "正文".encode(), HEADERS)
    kept = bucket.look("a/通知.html")
    assert kept is not None
    assert kept.size == 6
    assert kept.attributes == HEADERS
    assert bucket.copy("a/通知.html", "b")
    found = bucket.read("b")
    assert found is not None
    assert (found[0].attributes, found[1]) == (HEADERS, "正文".encode())
    assert bucket.part("b", 3, 6) == "文".encode()
    with pytest.raises(Unchanged):
        bucket.read("b", unless=found[0].etag)
    assert not bucket.copy("nothing", "c")
    assert [key for some in bucket.keys("a") for key in some] == ["a/通知.html"]
    bucket.remove(["a/通知.html", "b"])
    bucket.remove(["b"])
    assert list(bucket.keys("a")) == []


def test_a_large_file_arrives_whole(gate: Gate, bucket_address: str, tmp_path: Path) -> None:
    """A file of several parts is one object with all its bytes."""
    large = tmp_path / "large"
    large.write_bytes(os.urandom(11 * 1024 * 1024))
    bucket = Bucket(bucket_address)
    bucket.write("large", large, {"Content-Type": "application/octet-stream"})
    assert sum(one.method == "PUT" for one in gate.asked) == 3
    found = bucket.read("large")
    assert found is not None
    assert found[1] == large.read_bytes()


def test_a_store_that_is_away_is_unreachable(gate: Gate, bucket_address: str) -> None:
    """Every kind of request says so, and works again when the store is back."""
    bucket = Bucket(bucket_address)
    bucket.write("a", b"x", {})
    gate.open = False
    for work in (
        lambda: bucket.look("a"),
        lambda: bucket.read("a"),
        lambda: bucket.write("a", b"y", {}),
        lambda: bucket.copy("a", "b"),
        lambda: bucket.remove(["a"]),
        lambda: list(bucket.keys("x")),
    ):
        with pytest.raises(StoreUnreachable):
            work()
    gate.open = True
    found = bucket.read("a")
    assert found is not None
    assert found[1] == b"x"


def test_a_refused_key_tells_nobody_the_key(
    gate: Gate, bucket_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's answer to a wrong secret repeats the key id; what we raise holds its short code only."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET + "-wrong")
    with pytest.raises(StoreUnreachable) as caught:
        Bucket(bucket_address).write("a", b"x", {})
    said = "".join(traceback.format_exception(caught.value))
    assert "SignatureDoesNotMatch" in said
    assert KEY_ID not in said
    assert SECRET not in said


def test_missing_credentials_are_waited_for(
    gate: Gate, bucket_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key id the store is unreachable, not the program broken; with one the same bucket works."""
    bucket = Bucket(bucket_address)
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(StoreUnreachable, match="Missing"):
            bucket.look("a")
    assert bucket.look("a") is None
