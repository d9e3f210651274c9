"""What each request to S3 asks of a policy: the actions that the Service Authorization Reference names for it."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from local_aws.services.s3.routing import Routes
from local_aws.services.s3.service import ROUTES
from support.account import Place

BUCKET, KEY = "actions-of-s3", "folder/rows.csv"
HERE, THIS = {"Bucket": BUCKET}, {"Bucket": BUCKET, "Key": KEY}
TAGS = {"Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}}
PART = THIS | {"UploadId": "u"}
COPIED = {"CopySource": "from-here/a key"}
ON_BUCKET, ON_KEY = f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/{KEY}"
# Operation, its parameters, the action, and on what; from AWS's reference, not from the code.
ASKED = [
    ("list_buckets", {}, "ListAllMyBuckets", "arn:aws:s3:::*"),
    ("create_bucket", HERE, "CreateBucket", ON_BUCKET),
    ("head_bucket", HERE, "ListBucket", ON_BUCKET),
    ("delete_bucket", HERE, "DeleteBucket", ON_BUCKET),
    ("list_objects", HERE, "ListBucket", ON_BUCKET),
    ("list_objects_v2", HERE, "ListBucket", ON_BUCKET),
    ("list_object_versions", HERE, "ListBucketVersions", ON_BUCKET),
    ("get_bucket_location", HERE, "GetBucketLocation", ON_BUCKET),
    ("get_bucket_tagging", HERE, "GetBucketTagging", ON_BUCKET),
    ("put_bucket_tagging", HERE | TAGS, "PutBucketTagging", ON_BUCKET),
    ("delete_bucket_tagging", HERE, "PutBucketTagging", ON_BUCKET),
    ("get_bucket_versioning", HERE, "GetBucketVersioning", ON_BUCKET),
    ("list_multipart_uploads", HERE, "ListBucketMultipartUploads", ON_BUCKET),
    ("get_object", THIS, "GetObject", ON_KEY),
    ("get_object", THIS | {"VersionId": "null"}, "GetObjectVersion", ON_KEY),
    ("head_object", THIS, "GetObject", ON_KEY),
    ("put_object", THIS | {"Body": b"x"}, "PutObject", ON_KEY),
    ("copy_object", THIS | COPIED, "PutObject", ON_KEY),
    ("delete_object", THIS, "DeleteObject", ON_KEY),
    ("delete_object", THIS | {"VersionId": "null"}, "DeleteObjectVersion", ON_KEY),
    ("get_object_tagging", THIS, "GetObjectTagging", ON_KEY),
    ("get_object_tagging", THIS | {"VersionId": "null"}, "GetObjectVersionTagging", ON_KEY),
    ("put_object_tagging", THIS | TAGS, "PutObjectTagging", ON_KEY),
    ("delete_object_tagging", THIS, "DeleteObjectTagging", ON_KEY),
    ("create_multipart_upload", THIS, "PutObject", ON_KEY),
    ("upload_part", PART | {"PartNumber": 1, "Body": b"x"}, "PutObject", ON_KEY),
    ("upload_part_copy", PART | COPIED | {"PartNumber": 1}, "PutObject", ON_KEY),
    ("complete_multipart_upload", PART, "PutObject", ON_KEY),
    ("list_parts", PART, "ListMultipartUploadParts", ON_KEY),
    ("abort_multipart_upload", PART, "AbortMultipartUpload", ON_KEY),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An account under a policy that allows next to nothing."""
    folder = tmp_path_factory.mktemp("account")
    path = folder / "policy.json"
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/mine/*"}
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    place = Place(folder / "state")
    place.start(LOCAL_AWS_POLICY=str(path))
    yield place
    place.close()


def refusal(call, **parameters) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(("operation", "parameters", "action", "resource"), ASKED)
def test_each_operation_is_asked_for_by_its_own_action(place, operation, parameters, action, resource):
    code, message = refusal(getattr(place.client("s3"), operation), **parameters)
    if operation.startswith("head_"):  # an answer without a body
        assert code == "403"
        recorded = (place.folder / "authorizations.jsonl").read_text("utf-8").splitlines()
        assert [f"s3:{action}", resource, {}] in [json.loads(line) for line in recorded]
    else:
        assert code == "AccessDenied" and f' perform: s3:{action} on resource: "{resource}" ' in message


def test_what_comes_with_an_object_is_asked_for_too(place):
    s3, mine = place.client("s3"), {"Bucket": BUCKET, "Key": "mine/a"}
    wanted = 's3:GetObject on resource: "arn:aws:s3:::from-here/a key"'
    assert wanted in refusal(s3.copy_object, **mine, **COPIED)[1]
    assert wanted in refusal(s3.upload_part_copy, **mine, **COPIED, UploadId="u", PartNumber=1)[1]
    tagged = f's3:PutObjectTagging on resource: "arn:aws:s3:::{BUCKET}/mine/a"'
    assert tagged in refusal(s3.put_object, **mine, Body=b"x", Tagging="k=v")[1]


def test_no_function_is_forgotten_here():
    of_each_object = {"delete_objects"}  # asks for each, see test_authorization.py
    assert {route.function.__name__ for route in ROUTES} | {"head_object"} == {row[0] for row in ASKED} | of_each_object


def test_a_route_without_an_action_cannot_be_written():
    routes = Routes()
    with pytest.raises(TypeError, match="action"):
        routes.add("GET", "bucket", "acl")
    with pytest.raises(ValueError, match="no action"):
        routes.add("GET", "bucket", "acl", action="")(lambda store, call: None)
    routes.add("GET", "bucket", "acl", action="GetBucketAcl")(lambda store, call: None)
    with pytest.raises(ValueError, match="a function already"):
        routes.add("GET", "bucket", "acl", action="GetBucketAcl")(lambda store, call: None)


def test_what_s3_does_not_have_here_is_asked_for_by_no_other_operations_action(place):
    for call, parameters in ((place.client("s3").get_bucket_acl, HERE), (place.client("s3").get_object_acl, THIS)):
        assert refusal(call, **parameters)[0] == "NotImplemented"
