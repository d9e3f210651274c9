"""The filters of a batch: which paths there are, what they select, and what becomes of a job that has another one."""

from __future__ import annotations

import json

import pytest

from local_aws.services.sagemaker.transform.jsonpath import JsonPath
from support.training import IMAGE, channel, csv, definition, ended, name, refusal, table
from support.transform import finished, said, transform_definition

X, Y = table(12, 3)


@pytest.fixture(scope="module")
def model(account, sagemaker, s3, bucket):
    """The name of a model that a training job has made."""
    s3.put_object(Bucket=bucket, Key="filters/train.csv", Body=csv(X, Y))
    model = name("for-filters")
    sagemaker.create_training_job(
        **definition(account, model, channel(f"s3://{bucket}/filters/train.csv"), bucket=bucket)
    )
    container = {"Image": IMAGE, "ModelDataUrl": ended(sagemaker, model)["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
    return model


# What the developer guide's table has


RECORD = {"a": 1, "b": {"c": [10, 20, 30], "d e": None}, "z": [{"s": 1.5}, {"s": 2.5}]}
ROW = ["p", "q", "r", "s"]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("$", RECORD, RECORD),
        ("$.a", RECORD, 1),
        ("$.b.c", RECORD, [10, 20, 30]),
        ("$['b'].c[1]", RECORD, 20),
        ("$.b.['d e']", RECORD, None),
        ("$['a','z']", RECORD, {"a": 1, "z": [{"s": 1.5}, {"s": 2.5}]}),
        ("$.['a','b'].x", {"a": {"x": 1}, "b": {"x": 2}}, {"a": 1, "b": 2}),
        ("$['a.b']", {"a.b": 1}, 1),
        ("$[ 'a' , 'b' ].x", {"a": {"x": 1}, "b": {"x": 2}}, {"a": 1, "b": 2}),
        ("$.z[*].s", RECORD, [1.5, 2.5]),
        ("$.z.*", RECORD, [{"s": 1.5}, {"s": 2.5}]),
        ("$.b.*", RECORD, [[10, 20, 30], None]),
        ("$[0]", ROW, "p"),
        ("$[-1]", ROW, "s"),
        ("$[-4]", ROW, "p"),
        ("$[3,1]", ROW, ["s", "q"]),
        ("$[1:]", ROW, ["q", "r", "s"]),
        ("$[:2]", ROW, ["p", "q"]),
        ("$[1:3]", ROW, ["q", "r"]),
        ("$[-2:]", ROW, ["r", "s"]),
        ("$[:-3]", ROW, ["p"]),
        ("$[0,2:]", ROW, ["p", "r", "s"]),
        ("$[1:2]", ROW, ["q"]),
        ("$[:]", ROW, ROW),
    ],
)
def test_what_a_path_selects(path, value, expected):
    assert JsonPath(path).apply(value) == expected


@pytest.mark.parametrize(
    ("path", "value"),
    [("$[4]", ROW), ("$[-5]", ROW), ("$[0,9]", ROW), ("$[9:]", ROW), ("$.a", ROW), ("$.x", RECORD),
     ("$['a','x']", RECORD), ("$[0]", RECORD), ("$.a.b", RECORD), ("$.a[*]", RECORD), ("$.z[0].t", RECORD)],
)  # fmt: skip
def test_what_a_path_does_not_find(path, value):
    with pytest.raises(ValueError, match="JSONPath"):
        JsonPath(path).apply(value)


BAD_PATHS = ["a", "@.a", "$a", "$.", "$..a", "$[", "$[]", "$[1", "$['a]", "$['a',1]", "$[1,]", "$[,]", "$[1:2:3]",
             "$[a]", '$["a"]', "$[?(@.a)]", "$.a b*", "$[1.5]", "$['a' 'b']", "$.*x"]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="JSONPath"):
        JsonPath(path)


# What it does not have

# AWS's sentence, of github.com/boto/boto3/issues/3136
SENTENCE = (
    'Invalid {member}: "{path}". Unexpected "{found}" in JsonPath. Supported operators for "{media}" are '
    "['$', '[', ']', '*', '.', ' ', ',', ':', '-', ''']."
)


@pytest.mark.parametrize("member", ["InputFilter", "OutputFilter"])
@pytest.mark.parametrize("media", ["application/jsonlines", "application/json", "text/csv"])
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$['account_id','SageMakerOutput']", "_"),
        ("$.account_id", "_"),
        ('$["id"]', '"'),
        ("$[?(@.id>1)]", "?"),
        ("$[(@.length-1)]", "("),
        ("$.id|$.name", "|"),
        ("$.id+1", "+"),
        ("$.a/b", "/"),
        ("$\t", "\t"),
        ("@.id", "@"),
        ("_", "_"),
    ],
)
def test_a_character_that_no_path_may_have(sagemaker, bucket, model, member, media, path, found):
    params = transform_definition(
        model, f"s3://{bucket}/nothing", bucket, source={"ContentType": media}, DataProcessing={member: path}
    )
    sentence = SENTENCE.format(member=member, path=path, found=found, media=media)
    assert refusal(sagemaker.create_transform_job, **params) == ("ValidationException", sentence)


RANGES = "only single range filters of format (eg: [1:5]) are supported. Format [{}] is not supported"


@pytest.mark.parametrize("member", ["InputFilter", "OutputFilter"])
@pytest.mark.parametrize(
    ("path", "why"),
    [  # the first in the words of github.com/aws/sagemaker-python-sdk/issues/1112
        ("$[0:2,5:]", RANGES.format("0:2,5:")),
        ("$.features[:1,2,3:4]", RANGES.format(":1,2,3:4")),
        ("$.['id','features.child']", "nesting of children within brackets is not supported. "
                                      "Format ['id','features.child']"),
    ],
)  # fmt: skip
def test_a_form_that_fails_the_job(sagemaker, s3, bucket, model, member, path, why):
    key, media = name("filters/in"), "application/jsonlines"
    lines = [json.dumps({"id": 1, "features": row}) for row in X.tolist()]
    if path.startswith("$[") and member == "InputFilter":  # what the model answers is no CSV
        media, lines = "text/csv", [",".join(map(str, row)) for row in X.tolist()]
    s3.put_object(Bucket=bucket, Key=key, Body="\n".join(lines).encode())
    params = transform_definition(
        model, f"s3://{bucket}/{key}", bucket, source={"ContentType": media}, output={"Accept": media},
        DataProcessing={"JoinSource": "Input", member: path},
    )  # fmt: skip
    sagemaker.create_transform_job(**params)
    body = finished(sagemaker, params["TransformJobName"])
    assert body["TransformJobStatus"] == "Failed"
    assert body["FailureReason"] == "ClientError: See job logs for more information"
    assert said(params["TransformJobName"])[1:] == [f"{bucket}/{key}: Invalid JsonPath: {path}: {why}"]
