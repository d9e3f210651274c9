"""S3: listings of objects."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.s3_over_http import code, keys


def test_list_version_one(s3, bucket):
    for key in ("a", "b/1", "b/2", "c", "d/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    seen, marker = [], ""
    for _ in range(4):
        page = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=1, Marker=marker)
        seen += keys(page) + [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        marker = page["NextMarker"]
    assert seen == ["a", "b/", "c", "d/"]
    assert keys(s3.list_objects(Bucket=bucket, Marker="b/1")) == ["b/2", "c", "d/1"]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"]


def test_list_details(s3_server, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a b", Body=b"xyz")["ETag"]
    page = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)
    (row,) = page["Contents"]
    assert row["Size"] == 3 and row["ETag"] == etag and row["StorageClass"] == "STANDARD" and row["Owner"]["ID"]
    assert row["LastModified"] == s3.head_object(Bucket=bucket, Key="a b")["LastModified"]
    assert page["KeyCount"] == 1 and page["MaxKeys"] == 1000 and page["Name"] == bucket
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert b"<Key>a%20b</Key>" in s3_server.raw("GET", f"/{bucket}?list-type=2&encoding-type=url")[2]
    assert b"<Key>a b</Key>" in s3_server.raw("GET", f"/{bucket}?list-type=2")[2]
    none = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert none["KeyCount"] == 0 and not none["IsTruncated"]
    assert code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="?") == ("InvalidArgument", 400)
    assert code(s3.list_objects_v2, Bucket=bucket, MaxKeys=-1) == ("InvalidArgument", 400)
    assert s3_server.raw("GET", f"/{bucket}?list-type=2&max-keys=many")[0] == 400


def naive(stored, prefix, delimiter, after):
    """S3's listing, by its definition: (keys, common prefixes), each in the order of UTF-8 bytes."""
    found, prefixes = [], []
    for key in sorted(stored, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            found.append(key)
        elif key[: cut + len(delimiter)] not in [*prefixes, after]:
            prefixes.append(key[: cut + len(delimiter)])
    return found, prefixes


ALPHABET = st.sampled_from(
    ["a", "b", "/", "//", "é", "\ud7ff", "\ue000", "\U0001f600", "\U0010ffff", "A", "%", "+", " "]
)
TEXT = st.lists(ALPHABET, max_size=4).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stored=st.sets(st.lists(ALPHABET, min_size=1, max_size=5).map("".join), max_size=25),
    prefix=TEXT, delimiter=st.sampled_from(["", "/", "a", "//", "\U0010ffff"]), after=TEXT,
    limit=st.integers(1, 8),
)  # fmt: skip
def test_list_agrees_with_its_definition(s3_server, stored, prefix, delimiter, after, limit):
    s3 = s3_server.client
    name = f"model-{time.monotonic_ns()}"
    s3.create_bucket(Bucket=name)
    for key in stored:
        with s3_server.store.new_file() as path:
            path.write_bytes(b"")
            s3_server.store.put_file(name, key, path)
    ask = {"Bucket": name, "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit}
    found, prefixes, more = [], [], {"StartAfter": after}
    expected = naive(stored, prefix, delimiter, after)
    while True:
        page = s3.list_objects_v2(**ask, **more)
        found += keys(page)
        prefixes += [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] <= limit
        if not page["IsTruncated"]:
            break
        assert page["KeyCount"] == limit
        more = {"ContinuationToken": page["NextContinuationToken"]}
    assert (found, prefixes) == expected
    assert [obj.key for obj in s3_server.store.objects(name, prefix)] == naive(stored, prefix, "", "")[0]
