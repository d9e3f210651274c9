"""S3: what is not implemented, and what is refused."""

from __future__ import annotations

from support.s3_over_http import code, read, refusal


def test_what_is_not_implemented_says_so(s3_server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    here = {"Bucket": bucket}
    for call, named in (
        (lambda: s3.get_bucket_acl(**here), "acl"),
        (lambda: s3.get_bucket_policy(**here), "policy"),
        (lambda: s3.put_bucket_versioning(**here, VersioningConfiguration={"Status": "Enabled"}), "versioning"),
        (lambda: s3.get_bucket_lifecycle_configuration(**here), "lifecycle"),
        (lambda: s3.get_bucket_encryption(**here), "encryption"),
        (lambda: s3.get_bucket_cors(**here), "cors"),
        (lambda: s3.get_public_access_block(**here), "publicAccessBlock"),
        (lambda: s3.get_object_acl(**here, Key="k"), "acl"),
        (lambda: s3.get_object_attributes(**here, Key="k", ObjectAttributes=["ETag"]), "attributes"),
        (lambda: s3.restore_object(**here, Key="k", RestoreRequest={"Days": 1}), "restore"),
        (lambda: s3.get_object(**here, Key="k", PartNumber=1), "partNumber"),
        (lambda: s3.put_object(**here, Key="k", Body=b"", StorageClass="GLACIER"), "GLACIER"),
        (lambda: s3.put_object(**here, Key="k", Body=b"", WebsiteRedirectLocation="/x"), "website-redirect"),
        (lambda: s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True), "object-lock"),
    ):
        error = refusal(call).response
        assert error["Error"]["Code"] == "NotImplemented" and named in error["Error"]["Message"]
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    for call, operation in (
        (lambda: s3.get_bucket_policy(**here), "GetBucketPolicy"),
        (lambda: s3.get_bucket_lifecycle_configuration(**here), "GetBucketLifecycleConfiguration"),
        (lambda: s3.list_bucket_inventory_configurations(**here), "ListBucketInventoryConfigurations"),
        (lambda: s3.get_bucket_inventory_configuration(**here, Id="i"), "GetBucketInventoryConfiguration"),
        (lambda: s3.get_object_acl(**here, Key="k"), "GetObjectAcl"),
        (lambda: s3.restore_object(**here, Key="a/k", RestoreRequest={"Days": 1}), "RestoreObject"),
    ):
        named = refusal(call).response["Error"]["Message"]
        assert named.endswith(f"(Amazon Simple Storage Service's operation {operation})")
    assert b"form" in s3_server.raw("POST", f"/{bucket}", b"x", {"Content-Type": "multipart/form-data"})[2]
    assert s3_server.raw("PUT", "/")[0] == 405
    assert s3_server.raw("GET", f"/{bucket}/k?unheard-of")[0] == 501
    assert s3_server.raw("GET", f"/{bucket}/k?x-id=GetObject&X-Amz-Date=x&Signature=s&Expires=1")[0] == 200
    assert read(s3, bucket, "k") == b"x"


def test_what_is_refused_otherwise(s3_server, s3, bucket):
    put = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert code(s3.put_object, **put, ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert code(s3.put_object, **put, StorageClass="WARM") == ("InvalidStorageClass", 400)
    assert code(s3.put_object, **put, Metadata={"m": "x" * 2048}) == ("MetadataTooLarge", 400)
    assert code(s3.put_object, **put, ExpectedBucketOwner="999999999999") == ("AccessDenied", 403)
    assert code(s3.get_object, Bucket=bucket, Key="k", VersionId="v1") == ("InvalidArgument", 400)
    s3.put_object(**put, ACL="bucket-owner-full-control", ServerSideEncryption="aws:kms")
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="k")
