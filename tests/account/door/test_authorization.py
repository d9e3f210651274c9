"""``LOCAL_AWS_POLICY``: what a policy does not allow is refused in AWS's words; the course's own policy is enough,
and nothing in it is there for nothing.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterator

import nbformat
import pytest
from botocore.exceptions import ClientError

from local_aws.core.account import ACCOUNT_ID, REGION
from local_aws.door.authorization import RECORD
from local_aws.services.iam.policy import Policy
from support import course_stack, wire
from support.account import Place
from support.training import channel, csv, definition, ended, table
from support.wire import send, signed
from tools.lessons.play import ROOT, lessons, play

ME = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/AmazonSageMaker-ExecutionRole-Local/SageMaker"
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}"
BUCKET = course_stack.LOCAL_BUCKET
# A log; an endpoint, made, asked and deleted; a batch, an update, serverless; a pipeline and the registry.
PLAYED = (
    "salary/03_send_a_job",
    "salary/05_deploy_predict_delete",
    "insurance/07_deploy_predict_delete",
    "insurance/12_watch",
)
# Actions of the learner's policy that no lesson takes when all goes well, and what they are for.
ONLY_THEN = {
    "sagemaker:ListTrainingJobsForHyperParameterTuningJob": "insurance/06 looks at the jobs of its search",
    "sagemaker:CreateHyperParameterTuningJob": "insurance/06 searches",
    "sagemaker:DescribeHyperParameterTuningJob": "insurance/06 waits for its search",
    "sagemaker:StopHyperParameterTuningJob": "a search that is still at work is stopped by 99_clean_up",
    "sagemaker:CreateProcessingJob": "insurance/02 prepares the table in a job",
    "sagemaker:DescribeProcessingJob": "insurance/02 waits for that job",
    "sagemaker:StopProcessingJob": "a job that is still at work is stopped by 99_clean_up",
    "sagemaker:StopTrainingJob": "the same",
    "sagemaker:StopTransformJob": "a batch that is still at work is stopped by 99_clean_up",
    "sagemaker:StopPipelineExecution": "a pipeline that is still at work is stopped by 99_clean_up",
    "sagemaker:ListPipelineExecutions": "99_clean_up looks for those of a pipeline that is still there",
    "sagemaker:DescribePipeline": "insurance/11 and its check look at the recipe that was sent",
    "sagemaker:UpdatePipeline": "the exercise of insurance/11 changes its pipeline",
    "sagemaker:DescribeModelPackage": "insurance/12 reads the approved version",
    "servicequotas:RequestServiceQuotaIncrease": "python -m tools.preflight --request",
    "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota": "the same, to ask only once",
    "iam:SimulatePrincipalPolicy": "python -m tools.preflight, on AWS",
    "cloudformation:DescribeStacks": "start() finds bucket and role, on AWS",
    "s3:AbortMultipartUpload": "the SDK gives up a large upload that fails",
    "s3:DeleteObject": "to empty the bucket, as docs/aws.md has it",
    "cloudwatch:GetMetricStatistics": "TrainingJobAnalytics, of which salary/03 speaks, reads a job's metrics",
    "logs:DescribeLogStreams": "fit(logs=True), which is the SDK's default",
    "logs:GetLogEvents": "the same",
}


def denied(call, **arguments) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def refused(action: str, resource: str | None, explicit: bool = False) -> str:
    on = f" on resource: {resource}" if resource else ""
    end = "with an explicit deny in an identity-based policy"
    if not explicit:
        end = f"because no identity-based policy allows the {action} action"
    return f"User: {ME} is not authorized to perform: {action}{on} {end}"


def under(place: Place, *statements: dict) -> Place:
    """The account, begun anew under a policy of these statements."""
    path = place.folder.parent / "policy.json"
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    place.command("stop")
    place.start(LOCAL_AWS_POLICY=str(path))
    return place


def allow(action: str | list[str], resource: str | list[str] = "*", **condition) -> dict:
    found = {"Effect": "Allow", "Action": action, "Resource": resource}
    return found | ({"Condition": condition} if condition else {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An account with a bucket, a table in it, a model of it and an endpoint."""
    place = Place(tmp_path_factory.mktemp("account") / "state")
    role = place.start().account.role_arn
    s3, sagemaker = place.client("s3"), place.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=csv(*table()))
    rows = channel(f"s3://{BUCKET}/rows.csv")
    sagemaker.create_training_job(**definition(place.running(), "course-job", rows, bucket=BUCKET))
    job = ended(sagemaker, "course-job")
    image = job["AlgorithmSpecification"]["TrainingImage"]
    container = {"Image": image, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName="course-model", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "all", "ModelName": "course-model"} | machine("ml.t2.medium")
    sagemaker.create_endpoint_config(EndpointConfigName="course-config", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="course-endpoint", EndpointConfigName="course-config")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="course-endpoint", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    yield place
    place.close()


def run(place: Place, *arguments: str, **variables: str):
    """What Python, led to the account, prints."""
    return place.command("run", "--", sys.executable, *arguments, **variables)


def machine(kind: str) -> dict:
    return {"InstanceType": kind, "InitialInstanceCount": 1}


def test_what_no_statement_allows_is_refused_in_the_words_of_each_service(trained):
    place = under(trained, allow("sagemaker:ListModels"))
    sagemaker, s3, runtime = place.client("sagemaker"), place.client("s3"), place.client("sagemaker-runtime")
    assert sagemaker.list_models()["Models"]
    for call, arguments, action, resource in (
        (sagemaker.list_endpoints, {}, "ListEndpoints", f"{SAGEMAKER}:endpoint/*"),
        (sagemaker.list_studio_lifecycle_configs, {}, "ListStudioLifecycleConfigs",
         f"{SAGEMAKER}:studio-lifecycle-config/*"),
        (sagemaker.describe_endpoint, {"EndpointName": "Course-Endpoint"}, "DescribeEndpoint",
         f"{SAGEMAKER}:endpoint/course-endpoint"),
        (sagemaker.list_tags, {"ResourceArn": f"{SAGEMAKER}:model/course-model"}, "ListTags",
         f"{SAGEMAKER}:model/course-model"),
        (sagemaker.delete_model, {"ModelName": "course-model"}, "DeleteModel", f"{SAGEMAKER}:model/course-model"),
        (sagemaker.search, {"Resource": "TrainingJob"}, "Search", f"{SAGEMAKER}:*/*"),
        (runtime.invoke_endpoint, {"EndpointName": "course-endpoint", "Body": b"1,2"}, "InvokeEndpoint",
         f"{SAGEMAKER}:endpoint/course-endpoint"),
    ):  # fmt: skip
        said = denied(call, **arguments)
        assert said == ("AccessDeniedException", refused(f"sagemaker:{action}", resource))
    place.client("sts").get_caller_identity()  # needs no permission
    assert denied(place.client("iam").get_role, RoleName="x") == ("AccessDenied", refused("iam:GetRole", "role x"))
    events = place.client("logs").get_log_events
    group = "/aws/sagemaker/TrainingJobs"
    assert denied(events, logGroupName=group, logStreamName="s") == (
        "AccessDeniedException",
        refused("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{group}:log-stream:s"),
    )
    assert denied(place.client("cloudwatch").list_metrics)[1] == refused("cloudwatch:ListMetrics", None)
    arn = f'"arn:aws:s3:::{BUCKET}/rows.csv"'
    assert denied(s3.get_object, Bucket=BUCKET, Key="rows.csv") == ("AccessDenied", refused("s3:GetObject", arn))
    assert denied(s3.list_objects_v2, Bucket=BUCKET)[1] == refused("s3:ListBucket", f'"arn:aws:s3:::{BUCKET}"')
    assert denied(s3.head_object, Bucket=BUCKET, Key="rows.csv")[0] == "403"  # an answer without a body
    assert denied(s3.put_object, Bucket=BUCKET, Key="new", Body=b"x")[1].startswith(f"User: {ME} is not authorized")

    def rename(params, **_):
        params["headers"]["X-Amz-Target"] = "SageMaker.DoNothing"

    sagemaker.meta.events.register("before-call.sagemaker.ListModels", rename)
    said = denied(sagemaker.list_models)
    assert said == ("UnknownOperationException", "SageMaker has no operation named 'DoNothing'.")


def test_who_may_not_list_does_not_learn_that_an_object_is_not_there(trained):
    objects = f"arn:aws:s3:::{BUCKET}/*"
    under(trained, allow(["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging"], objects))
    s3, copied = trained.client("s3"), f"{BUCKET}/nothing"
    sentence = refused("s3:ListBucket", f'"arn:aws:s3:::{BUCKET}"')
    for call, members in (
        (s3.get_object, {"Key": "nothing"}),
        (s3.get_object_tagging, {"Key": "nothing"}),
        (s3.copy_object, {"Key": "new", "CopySource": copied}),
    ):
        assert denied(call, Bucket=BUCKET, **members) == ("AccessDenied", sentence)
    assert denied(s3.head_object, Bucket=BUCKET, Key="nothing")[0] == "403"
    assert s3.head_object(Bucket=BUCKET, Key="rows.csv")["ContentLength"]
    under(trained, allow("s3:GetObject", objects), allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"))
    s3 = trained.client("s3")
    assert denied(s3.get_object, Bucket=BUCKET, Key="nothing")[0] == "NoSuchKey"
    assert denied(s3.head_object, Bucket=BUCKET, Key="nothing")[0] == "404"


def test_each_object_of_many_is_deleted_or_not_by_its_own_right(trained):
    under(trained, allow(["s3:PutObject", "s3:ListBucket"]), allow("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/mine/*"))
    s3 = trained.client("s3")
    for key in ("mine/a", "theirs/b"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    both = {"Objects": [{"Key": "mine/a"}, {"Key": "theirs/b"}]}
    done = s3.delete_objects(Bucket=BUCKET, Delete=both)
    assert [each["Key"] for each in done["Deleted"]] == ["mine/a"]
    (error,) = done["Errors"]
    arn = f'"arn:aws:s3:::{BUCKET}/theirs/b"'
    assert error == {"Key": "theirs/b", "Code": "AccessDenied", "Message": refused("s3:DeleteObject", arn)}
    found = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {"theirs/b"} == {each["Key"] for each in found} & {"mine/a", "theirs/b"}


def test_an_endpoint_needs_its_configuration_a_job_its_role_and_its_tags(trained):
    makes = ["sagemaker:CreateTrainingJob", "sagemaker:CreateEndpoint"]
    place = under(trained, allow(makes, [f"{SAGEMAKER}:training-job/*", f"{SAGEMAKER}:endpoint/*"]))
    sagemaker, role = place.client("sagemaker"), place.running().account.role_arn
    job = definition(place.running(), "course-next", channel(f"s3://{BUCKET}/rows.csv"), bucket=BUCKET)
    assert denied(sagemaker.create_training_job, **job)[1] == refused("iam:PassRole", role)
    tagged = job | {"Tags": [{"Key": "course", "Value": "x"}]}
    assert denied(sagemaker.create_training_job, **tagged)[1] == refused(
        "sagemaker:AddTags", f"{SAGEMAKER}:training-job/course-next"
    )
    assert denied(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="c")[1] == refused(
        "sagemaker:CreateEndpoint", f"{SAGEMAKER}:endpoint-config/c"
    )
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    for_it = {"StringEquals": {"aws:RequestTag/course": "x"}}
    under(
        trained,
        allow(makes),
        allow("iam:PassRole", role, **to_sagemaker),
        allow("sagemaker:AddTags", **for_it),
        allow("sagemaker:Describe*", "*", StringEquals={"sagemaker:ResourceTag/course": "x"}),
    )
    sagemaker = place.client("sagemaker")
    sagemaker.create_training_job(**tagged)
    assert ended(sagemaker, "course-next")["TrainingJobStatus"] == "Completed"
    assert denied(sagemaker.describe_training_job, TrainingJobName="course-job")[0] == "AccessDeniedException"


def test_a_body_that_is_compressed_is_looked_into(trained):
    machine = {"ForAnyValue:StringNotEquals": {"sagemaker:InstanceTypes": ["ml.m5.large"]}}
    refusal = allow("sagemaker:CreateTrainingJob", "*", **machine) | {"Effect": "Deny"}
    place = under(trained, allow("*"), refusal)
    job = definition(place.running(), "course-zipped", channel(f"s3://{BUCKET}/rows.csv"), bucket=BUCKET)
    job["ResourceConfig"]["InstanceType"] = "ml.m5.2xlarge"
    sagemaker = place.client("sagemaker")

    def zipped(request, **_):
        request.data = gzip.compress(request.data)
        request.headers["Content-Encoding"] = "gzip"

    sagemaker.meta.events.register_first("before-sign.sagemaker.CreateTrainingJob", zipped)
    assert denied(sagemaker.create_training_job, **job)[1] == refused(
        "sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/course-zipped", explicit=True
    )


def test_members_of_wrong_types_are_refused_as_without_a_policy(trained):
    tagged = allow("sagemaker:AddTags", StringLike={"aws:RequestTag/k": "*"})
    account = under(trained, tagged, allow("sagemaker:*")).running()
    for operation, body in (
        ("CreateModel", {"ModelName": "m", "Tags": 5}),
        ("CreateModel", {"ModelName": "m", "Tags": True}),
        ("CreateModel", {"ModelName": "m", "Tags": [{"Key": "k", "Value": {"a": 1}}]}),
        ("CreateModel", {"ModelName": ["m"], "Tags": {"Key": "k"}}),
        ("BatchDescribeModelPackage", {"ModelPackageArnList": 5}),
    ):
        answer = wire.call(account, "sagemaker", operation, body)
        assert (answer.status, answer.json["__type"]) == (400, "SerializationException"), body


def test_what_is_asked_for_is_what_is_done_whatever_a_header_says(trained):
    place = under(trained, allow("iam:GetRole"))
    named = {"X-Amz-Target": "Any.GetRole", "Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=CreateUser&Version=2010-05-08&UserName=intruder"
    account = place.running()
    said = send(account, "POST", "/", signed(account, "iam", headers=named, body=body), body).body.decode()
    assert "is not authorized to perform: iam:CreateUser on resource: " in said
    under(trained, allow("iam:*"))
    assert place.client("iam").list_users()["Users"] == []


def test_versions_and_deletions_are_rights_of_their_own(trained):
    """By the Service Authorization Reference's names, where the version is ``null`` too."""
    place = under(trained, allow("s3:ListBucket"), allow(["s3:GetObject", "s3:DeleteObject"]), allow("logs:Describe*"))
    s3, key = place.client("s3"), {"Bucket": BUCKET, "Key": "rows.csv"}
    on_bucket, on_key = f'"arn:aws:s3:::{BUCKET}"', f'"arn:aws:s3:::{BUCKET}/rows.csv"'
    assert s3.get_object(**key)["ContentLength"]
    deleted = {"Objects": [{"Key": "rows.csv", "VersionId": "null"}]}
    for call, arguments, action, resource in (
        (s3.list_object_versions, {"Bucket": BUCKET}, "s3:ListBucketVersions", on_bucket),
        (s3.get_bucket_versioning, {"Bucket": BUCKET}, "s3:GetBucketVersioning", on_bucket),
        (s3.get_object, key | {"VersionId": "null"}, "s3:GetObjectVersion", on_key),
        (s3.delete_object, key | {"VersionId": "null"}, "s3:DeleteObjectVersion", on_key),
    ):
        assert denied(call, **arguments) == ("AccessDenied", refused(action, resource))
    (error,) = s3.delete_objects(Bucket=BUCKET, Delete=deleted)["Errors"]
    assert (error["Code"], error["Message"]) == ("AccessDenied", refused("s3:DeleteObjectVersion", on_key))
    sagemaker, logs = place.client("sagemaker"), place.client("logs")
    for call, arguments, action, resource in (
        (sagemaker.delete_training_job, {"TrainingJobName": "a"}, "DeleteTrainingJob", "training-job/a"),
        (sagemaker.delete_processing_job, {"ProcessingJobName": "p"}, "DeleteProcessingJob", "processing-job/p"),
        (sagemaker.delete_hyper_parameter_tuning_job, {"HyperParameterTuningJobName": "t"},
         "DeleteHyperParameterTuningJob", "hyper-parameter-tuning-job/t"),
    ):  # fmt: skip
        assert denied(call, **arguments)[1] == refused(f"sagemaker:{action}", f"{SAGEMAKER}:{resource}")
    group = "/aws/sagemaker/TrainingJobs"
    message = denied(logs.put_retention_policy, logGroupName=group, retentionInDays=1)[1]
    assert "is not authorized to perform: logs:PutRetentionPolicy on resource: " in message and group in message


def test_what_a_request_says_of_its_caller_and_its_time(trained):
    role = trained.running().account.role_arn
    is_role = {"ArnEquals": {"aws:PrincipalArn": role}, "StringEquals": {"aws:PrincipalType": "AssumedRole"}}
    place = under(trained, allow("sagemaker:ListModels", "*", **is_role))
    assert place.client("sagemaker").list_models()["Models"]
    late = {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
    under(trained, allow("*"), allow("*", "*", **late) | {"Effect": "Deny"})
    assert "explicit deny" in denied(place.client("sagemaker").list_models)[1]
    few = {"NumericLessThan": {"s3:max-keys": "10"}}
    under(trained, allow("s3:ListBucket", "*", **few))
    s3 = place.client("s3")
    assert s3.list_objects_v2(Bucket=BUCKET, MaxKeys=9)["KeyCount"]
    assert denied(s3.list_objects_v2, Bucket=BUCKET, MaxKeys=10)[0] == "AccessDenied"


def test_a_simulation_knows_the_policy(trained):
    role = trained.running().account.role_arn
    place = under(
        trained,
        allow("iam:SimulatePrincipalPolicy"),
        allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"}),
        allow("sagemaker:DeleteModel") | {"Effect": "Deny"},
    )

    def decisions(service: str) -> list[str]:
        entry = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string", "ContextKeyValues": [service]}
        found = place.client("iam").simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=["iam:PassRole", "sagemaker:DeleteModel", "s3:GetObject"],
            ResourceArns=[role],
            ContextEntries=[entry],
        )
        return [each["EvalDecision"] for each in found["EvaluationResults"]]

    assert decisions("sagemaker.amazonaws.com") == ["allowed", "explicitDeny", "implicitDeny"]
    assert decisions("lambda.amazonaws.com") == ["implicitDeny", "explicitDeny", "implicitDeny"]


def test_a_policy_that_cannot_be_enforced_keeps_the_account_down(trained):
    trained.command("stop")
    path = trained.folder.parent / "odd.json"
    path.write_text('{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "${aws:username}"}]}')
    done = trained.command("start", LOCAL_AWS_POLICY=str(path))
    assert done.returncode != 0 and "policy variable" in done.stderr
    trained.start()


# ---- the course's own policy


def local(document: dict, found: dict[str, str]) -> dict:
    """The stack's policy, of the embedded account's bucket and role."""
    text = json.dumps(document).replace(found["ExecutionRoleArn"], course_stack.LOCAL_ROLE)
    return json.loads(text.replace(found["BucketName"], BUCKET).replace("123456789012", ACCOUNT_ID))


@pytest.fixture(scope="module")
def policies() -> tuple[dict, dict]:
    """The documents of the stack's policy for learners, and of its execution role."""
    with course_stack.stack() as (session, found):
        both = course_stack.learner_policy(session, found), course_stack.role_policy(session, found)
    return tuple(local(document, found) for document in both)


@pytest.fixture(scope="module")
def learner(tmp_path_factory, policies):
    """An account with the bucket and under the policy of the course's stack, in which nothing has been done yet."""
    folder, (document, _) = tmp_path_factory.mktemp("learner"), policies
    place = Place(folder / "state")
    place.start()
    place.client("s3").create_bucket(Bucket=BUCKET)
    under(place, *document["Statement"])
    yield place, document
    place.close()


def played(place: Place, names) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("LOCAL_AWS_STATE", str(place.folder))
        for name in names:
            path = ROOT / "notebooks" / f"{name}.ipynb"
            play(nbformat.read(path, as_version=4), path.parent, lambda text: None)


def recorded(place: Place) -> list[tuple]:
    return [tuple(json.loads(line)) for line in (place.folder / RECORD).read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def deeds(learner):
    """What was done in the execution role's name by some lessons' jobs and pipelines."""
    place, _ = learner
    played(place, PLAYED)
    return list(done_by_the_role(place))


@pytest.fixture(scope="module")
def calls(learner, deeds):
    """What was asked for by these lessons, by the preflight, by a sweep, and by somebody who wants a large machine."""
    place, _ = learner
    played(place, ["99_clean_up"])
    done = run(place, "-m", "tools.preflight", COURSE_AWS="aws")
    assert done.returncode == 0, done.stdout + done.stderr
    large = definition(place.running(), "course-large", channel(f"s3://{BUCKET}/x"), bucket=BUCKET)
    large["ResourceConfig"]["InstanceType"] = "ml.p3.16xlarge"
    said = denied(place.client("sagemaker").create_training_job, **large)
    assert said[1] == refused("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/course-large", explicit=True)
    return recorded(place)


def test_each_statement_of_the_learners_policy_is_needed(learner, calls):
    statements = learner[1]["Statement"]
    whole = Policy(learner[1])
    for statement in statements:
        rest = Policy({"Statement": [each for each in statements if each is not statement]})
        changed = [call for call in calls if whole.decide(*call) != rest.decide(*call)]
        only_then = ONLY_THEN.keys() >= set(_actions(statement))
        assert changed or only_then, f"{statement['Sid']} is not needed by anything that was done"


def test_each_action_of_the_learners_policy_is_taken_or_has_its_reason(learner, calls):
    taken = {action for action, _, _ in calls}
    granted = {action for each in learner[1]["Statement"] if each["Effect"] == "Allow" for action in _actions(each)}
    assert granted - taken <= ONLY_THEN.keys(), "granted, and neither taken nor explained"
    assert ONLY_THEN.keys() <= granted, "explained, and not granted"


def _actions(statement: dict) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def done_by_the_role(place: Place) -> Iterator[tuple[str, str, dict]]:
    """Of the account's jobs, and of what its pipelines have made: the actions, on what, with the condition keys."""
    sagemaker, role = place.client("sagemaker"), course_stack.LOCAL_ROLE
    for kind in ("Training", "Processing", "Transform"):
        for each in getattr(sagemaker, f"list_{kind.lower()}_jobs")(MaxResults=100)[f"{kind}JobSummaries"]:
            name = {f"{kind}JobName": each[f"{kind}JobName"]}
            job = getattr(sagemaker, f"describe_{kind.lower()}_job")(**name)
            for written, bucket, key in addresses(job):
                yield "s3:ListBucket", f"arn:aws:s3:::{bucket}", {}
                yield f"s3:{'Put' if written else 'Get'}Object", f"arn:aws:s3:::{bucket}/{key}", {}
            stream = f"log-group:/aws/sagemaker/{kind}Jobs:log-stream:{each[f'{kind}JobName']}/algo-1"
            for action in ("CreateLogStream", "PutLogEvents"):
                yield f"logs:{action}", f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:{stream}", {}
            if each[f"{kind}JobName"].startswith("pipelines-"):
                for action in (f"Create{kind}Job", f"Describe{kind}Job", "AddTags"):
                    yield f"sagemaker:{action}", each[f"{kind}JobArn"], {}
                yield "iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"}
    for group in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
        versions = sagemaker.list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])
        for version in versions["ModelPackageSummaryList"]:
            yield "sagemaker:CreateModelPackage", version["ModelPackageArn"], {}


def addresses(value: object, written: bool = False) -> Iterator[tuple[bool, str, str]]:
    """Every address in S3 in what Describe says of a job: whether it is written to, the bucket, the key."""
    if isinstance(value, dict):
        for member, each in value.items():
            yield from addresses(each, written or "Output" in member or member == "ModelArtifacts")
    elif isinstance(value, list):
        for each in value:
            yield from addresses(each, written)
    elif isinstance(value, str) and value.strip('"').startswith("s3://"):
        bucket, _, key = value.strip('"').removeprefix("s3://").partition("/")
        yield written, bucket, key


def test_the_execution_role_may_do_what_jobs_and_pipelines_do_and_needs_each_statement(policies, deeds):
    statements = policies[1]["Statement"]
    whole = Policy(policies[1])
    assert [deed for deed in deeds if whole.decide(*deed) != "allowed"] == []
    assert {action.partition(":")[0] for action, _, _ in deeds} == {"s3", "logs", "sagemaker", "iam"}
    for statement in statements:
        rest = Policy({"Statement": [each for each in statements if each is not statement]})
        # Nothing here writes the metrics of a job's instances: AWS does, in the role's name.
        needed = statement["Sid"] == "WriteMetrics" or any(rest.decide(*deed) != "allowed" for deed in deeds)
        assert needed, f"{statement['Sid']} is not needed by anything that was done"


@pytest.mark.soak
def test_every_lesson_runs_under_the_learners_policy(learner):
    place, document = learner
    played(place, [path.relative_to(ROOT / "notebooks").with_suffix("") for path in lessons(sdk="2")])
    refusals = [call for call in recorded(place) if Policy(document).decide(*call) != "allowed"]
    assert {call[1] for call in refusals} <= {f"{SAGEMAKER}:training-job/course-large"}
    taken = {action for action, _, _ in recorded(place)}
    assert {action for action, reason in ONLY_THEN.items() if reason.startswith("insurance/0")} - taken <= {
        "sagemaker:UpdatePipeline"
    }


def test_a_right_that_is_missing_is_said_in_one_sentence(learner):
    place, document = learner
    under(place, *(each for each in document["Statement"] if each["Sid"] != "HandTheRoleToJobs"))
    program = (
        "from IPython.testing.globalipapp import start_ipython; shell = start_ipython(); "
        "shell.run_cell(\"from utils import start; course = start('salary')\"); "
        "shell.run_cell(\"course.session.sagemaker_client.create_model(ModelName='course-m', "
        "ExecutionRoleArn=course.role, PrimaryContainer={'Image': 'i'})\")"
    )
    done = run(place, "-c", program, COURSE_AWS="aws")
    assert "iam:PassRole" in done.stdout and "Traceback" not in done.stdout + done.stderr
    assert "What to do: You may not hand this role to SageMaker" in done.stdout
