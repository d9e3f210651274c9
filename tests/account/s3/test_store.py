"""S3: the door for jobs, and what lasts."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local_aws.core.errors import AwsError
from local_aws.core.store import StateError, open_database
from local_aws.services.s3.objects import ObjectStore
from support import ROOT
from support.account import until
from support.s3_over_http import MIB, S3Server, listed, read


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "state" / "s3")
    store.create_bucket("jobs")
    yield store
    store.close()


def test_door_for_jobs(store, tmp_path):
    made = tmp_path / "model.tar.gz"
    made.write_bytes(b"model")
    obj = store.put_file("jobs", "out/model.tar.gz", made, "application/gzip")
    assert not made.exists() and obj == store.object("jobs", "out/model.tar.gz")
    assert (obj.size, obj.etag, obj.content_type) == (
        5,
        hashlib.md5(b"model").hexdigest(),
        "application/gzip",
    )
    target = tmp_path / "opt/ml/input/data/train/model.tar.gz"
    assert store.link(obj, target) == obj
    assert target.read_bytes() == b"model" and target.stat().st_mode & 0o777 == 0o444
    assert target.samefile(obj.path)
    assert [found.key for found in store.objects("jobs", "out/")] == ["out/model.tar.gz"]
    assert store.objects("jobs", "none") == [] and store.bucket_exists("jobs") and not store.bucket_exists("no")
    for call, expected in (
        (lambda: store.object("jobs", "no"), "NoSuchKey"),
        (lambda: store.object("no", "no"), "NoSuchBucket"),
        (lambda: store.objects("no", ""), "NoSuchBucket"),
    ):
        with pytest.raises(AwsError) as caught:
            call()
        assert caught.value.code == expected
    other = tmp_path / "other"
    other.write_bytes(b"newer")
    with pytest.raises(AwsError):
        store.put_file("no", "k", other)
    assert other.read_bytes() == b"newer"
    store.put_file("jobs", "out/model.tar.gz", other)
    assert target.read_bytes() == b"model"
    newer = store.link(obj, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"newer" and newer.size == 5 and newer.etag != obj.etag


def test_file_behind_a_link_is_copied(store, tmp_path):
    (tmp_path / "real").write_bytes(b"real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    obj = store.put_file("jobs", "k", tmp_path / "link")
    assert not obj.path.is_symlink() and obj.path.read_bytes() == b"real"
    assert (tmp_path / "real").read_bytes() == b"real" and not (tmp_path / "link").is_symlink()


def test_links_and_moves_across_devices(store, tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second device here")
    away = memory / f"course-{os.getpid()}"
    away.mkdir()
    try:
        (away / "made").write_bytes(b"made")
        obj = store.put_file("jobs", "k", away / "made")
        store.link(obj, away / "linked")
        assert not (away / "made").exists() and (away / "linked").read_bytes() == b"made"
        assert (away / "linked").stat().st_mode & 0o777 == 0o444
    finally:
        shutil.rmtree(away)


def test_reopened_after_an_upload_was_abandoned(tmp_path):
    s3_server = S3Server(tmp_path)
    s3 = s3_server.client
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "1"}]})
    s3.put_object(Bucket="kept", Key="k", Body=b"x", Metadata={"a": "b"})
    made = s3.create_multipart_upload(Bucket="kept", Key="m")
    upload = {"Bucket": "kept", "Key": "m", "UploadId": made["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    known = set(s3_server.files())
    raw = socket.create_connection(("127.0.0.1", s3_server.port))
    raw.sendall(b"PUT /kept/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + bytes(2 * MIB))
    until(lambda: set(s3_server.files()) - known)
    again = S3Server(tmp_path)  # as after a crash: nothing of the first was closed
    try:
        assert set(again.files()) == known
        assert read(again.client, "kept", "k") == b"x"
        assert again.client.get_bucket_tagging(Bucket="kept")["TagSet"] == [{"Key": "a", "Value": "1"}]
        again.client.complete_multipart_upload(**upload, MultipartUpload=listed((1, etag)))
        assert read(again.client, "kept", "m") == b"part"
    finally:
        raw.close()
        again.stop()
        s3_server.stop()


def test_what_was_answered_outlives_kill_9(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from local_aws.services.s3.objects import ObjectStore
store = ObjectStore(Path(sys.argv[1]))
store.create_bucket("kept")
for number in range(20):
    with store.new_file() as path:
        path.write_text(str(number))
        store.put_file("kept", f"{number:02}", path)
with store.new_file() as path:
    path.write_text("nobody's")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    assert ended.returncode == -9
    assert len(list((tmp_path / "data").glob("*/*"))) == 21
    store = ObjectStore(tmp_path)
    found = store.objects("kept", "")
    assert [(obj.key, obj.path.read_text()) for obj in found] == [(f"{n:02}", str(n)) for n in range(20)]
    assert len(list((tmp_path / "data").glob("*/*"))) == 20
    store.close()


def test_objects_without_their_index_are_not_taken_for_rubbish(tmp_path):
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket")
    with store.new_file() as path:
        path.write_bytes(b"precious")
        store.put_file("bucket", "key", path)
    store.close()
    index = (tmp_path / "index.sqlite").read_bytes()
    for file in tmp_path.glob("index.sqlite*"):
        file.unlink()
    with pytest.raises(StateError, match=r"index.sqlite, which names them, is gone"):
        ObjectStore(tmp_path)
    (tmp_path / "index.sqlite").write_bytes(index)
    store = ObjectStore(tmp_path)
    assert store.object("bucket", "key").path.read_bytes() == b"precious"
    store.close()


def test_state_that_is_no_database(tmp_path):
    (tmp_path / "index.sqlite").write_text("not a database, " * 100)
    with pytest.raises(StateError, match="not a database") as caught:
        ObjectStore(tmp_path)
    assert caught.value.path == tmp_path / "index.sqlite"
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError):
        ObjectStore(tmp_path / "file" / "below")


def test_database_transactions(tmp_path):
    database = open_database(tmp_path / "a" / "x.sqlite", "CREATE TABLE IF NOT EXISTS t (n INTEGER)")
    with database.write() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyError), database.write() as cursor:
        cursor.execute("INSERT INTO t VALUES (2)")
        raise KeyError
    assert [row["n"] for row in database.read("SELECT n FROM t WHERE n >= ?", (0,))] == [1]
    database.close()
