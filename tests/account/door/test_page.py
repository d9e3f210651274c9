"""The page to look at the account with: who is let in, what a browser is told, what is shown."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urlsplit

import boto3
import pytest

from local_aws.page import door
from local_aws.prices import HOSTING
from support import training
from support.account import Place
from support.pipelines import fails, whole
from support.wire import Answer, send, signed

NAVIGATION = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
HOSTILE = '<img src=x onerror="document.title=1">&"\'\u2028.html'
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOW = "python -m local_aws page"


@pytest.fixture(scope="module")
def address(account) -> str:
    """The link, as the command prints it."""
    done = Place(account.folder).command("page", "--print")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cookie(account, address) -> str:
    answer = send(account, "GET", address.removeprefix(account.url), NAVIGATION)
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def look(account, cookie):
    """Ask for a part of the page as its own script does."""

    def ask(what: str, method: str = "GET", headers: dict[str, str] | None = None, **query: object) -> Answer:
        path = f"/_page/{what}" + (f"?{urlencode(query)}" if query else "")
        own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        return send(account, method, path, own | (headers or {}))

    return ask


@pytest.fixture(scope="module")
def job(account, sagemaker, s3, bucket) -> dict:
    """The description of a training job that has ended."""
    x, y = training.table(80)
    s3.put_object(Bucket=bucket, Key="page/train.csv", Body=training.csv(x, y))
    hyperparameters = training.QUICK | {"epochs": "3"}
    params = training.definition(
        account, training.name("seen"), training.channel(f"s3://{bucket}/page/train.csv"), bucket=bucket,
        hyperparameters=hyperparameters, Tags=[{"Key": "why", "Value": "to be seen"}],
    )  # fmt: skip
    sagemaker.create_training_job(**params)
    return training.ended(sagemaker, params["TrainingJobName"])


@pytest.fixture(scope="module")
def model(account, sagemaker, job):
    name = training.name("seen-model")
    container = {"Image": training.IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
    yield name
    sagemaker.delete_model(ModelName=name)


# The door


def test_the_link_becomes_a_cookie_and_the_address_forgets_it(account, address):
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}" == account.url and parts.path == "/"
    answer = send(account, "GET", f"/?{parts.query}", NAVIGATION)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert {each.lower() for each in attributes} == {"httponly", "samesite=strict", "path=/"}
    assert name.startswith(f"local-aws-{parts.port}=")
    page = send(account, "GET", "/", NAVIGATION | {"Cookie": name})
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")


def test_a_link_on_another_page_leads_in_though_strict_cookies_do_not_follow_its_redirect(account, address):
    arriving = NAVIGATION | {"Sec-Fetch-Site": "cross-site"}
    answer = send(account, "GET", address.removeprefix(account.url), arriving)
    assert answer.status == 200 and answer.headers["refresh"] == "0; url=/" and "set-cookie" in answer.headers
    assert address.rpartition("=")[2].encode() not in answer.body


def test_the_token_is_the_owners_alone(account, address):
    file = account.folder / "page.token"
    assert file.read_text() == address.rpartition("token=")[2]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert door.token(account.folder) == file.read_text()


def test_each_account_has_a_token_of_its_own_and_a_broken_one_opens_nothing(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    assert door.token(tmp_path / "a") != door.token(tmp_path / "b")
    (tmp_path / "a" / "page.token").write_text("")
    with pytest.raises(door.StateError, match=r"page.token.*Delete the file"):
        door.token(tmp_path / "a")


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%C3%A9%00", "?token"])
@pytest.mark.parametrize("held", [{}, {"Cookie": "local-aws-1="}, {"Cookie": "x; é=y; ="}])
def test_without_the_token_one_sentence_says_how_to_get_it(account, query, held):
    port = urlsplit(account.url).port
    held = {name: value.replace("-1=", f"-{port}=").encode().decode("latin-1") for name, value in held.items()}
    answer = send(account, "GET", f"/{query}", NAVIGATION | held)
    assert answer.status == 403 and HOW in answer.body.decode()
    assert answer.headers["content-type"].startswith("text/plain") and "set-cookie" not in answer.headers
    for path in ("/_page/page.js", "/_page/data/overview", "/_page/object?bucket=a&key=b", "/_page/none"):
        assert send(account, "GET", path, held).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "same-site", **NAVIGATION},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ],
)
def test_another_page_reads_nothing_even_with_the_cookie(look, headers):
    """Pages of other ports of this machine are "same-site": their requests carry the cookie."""
    for what in ("data/overview", "page.js", "object?bucket=a&key=b"):
        answer = look(what, headers=headers)
        assert (answer.status, answer.body) == (403, b"Other web pages cannot read this account.\n")


def test_no_other_page_may_frame_or_embed_the_front_page(account, cookie):
    frame = NAVIGATION | {"Cookie": cookie, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"}
    assert send(account, "GET", "/", frame).status == 403
    answer = send(account, "GET", "/", NAVIGATION | {"Cookie": cookie})
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_cookie_changes_nothing(account, look, cookie, method):
    for what in ("data/overview", "object?bucket=a&key=b"):
        assert look(what, method).status in (403, 405)
    target = {"X-Amz-Target": "SageMaker.ListModels", "Cookie": cookie}
    assert send(account, method, "/", target, b"{}").status in (400, 403, 405)


def test_another_host_is_refused(account, cookie):
    answer = send(account, "GET", "/", NAVIGATION | {"Cookie": cookie}, host="rebound.example:80")
    assert answer.status == 403 and b"own address only" in answer.body


def test_every_answer_forbids_scripts_from_elsewhere_guessing_and_keeping(look, account, cookie):
    answers = [look(what) for what in ("data/overview", "data/none", "page.js", "page.css", "../server.py")]
    answers.append(send(account, "GET", "/", NAVIGATION | {"Cookie": cookie}))
    answers.append(send(account, "GET", "/", NAVIGATION))
    for answer in answers:
        policy = dict(part.split(None, 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert [answer.status for answer in answers] == [200, 404, 200, 200, 404, 200, 403]


# The files


def test_the_page_runs_nothing_inline_and_fetches_nothing_from_elsewhere(account, look, cookie):
    page = send(account, "GET", "/", NAVIGATION | {"Cookie": cookie}).body.decode()
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            attributes = dict(attrs)
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            found.extend(attributes[name] for name in ("src", "href") if name in attributes)
            self.inline = tag in ("script", "style")

        def handle_data(self, data):
            assert not (getattr(self, "inline", False) and data.strip())
            self.inline = False

    Reader().feed(page)
    assert found and all(each.startswith(("/_page/", "#")) for each in found)
    files = [each.removeprefix("/_page/") for each in found if each.startswith("/_page/")] + ["build.js", "chart.js"]
    for file in files:
        answer = look(file)
        assert answer.status == 200, file
        text = re.sub(r"(?s)/\*.*?\*/|(?m:^\s*//.*$)", "", answer.body.decode())
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", text)
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|url\(", text), file


# What is shown


def test_a_training_job_is_shown_with_all_that_describe_answers(look, job):
    overview = look("data/overview").json
    kinds = {each["kind"]: each for each in overview["kinds"]}
    assert {"TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob", "Model"} < kinds.keys()
    assert overview["kinds"][0]["kind"] == "Endpoint"
    assert job["TrainingJobName"] in [each["name"] for each in kinds["TrainingJob"]["items"]]
    shown = look("data/resource", kind="TrainingJob", name=job["TrainingJobName"]).json

    described = json.dumps(job, default=lambda at: at.timestamp())
    # A datetime holds microseconds, the account's times have more digits.
    wanted = json.loads(described, parse_float=lambda number: pytest.approx(float(number), abs=1e-5))
    del wanted["ResponseMetadata"]
    assert shown["body"] == wanted
    assert shown["tags"] == {"why": "to be seen"} and not shown["busy"]


def test_its_curves_are_the_metrics_that_its_log_holds(look, job, account):
    shown = look("data/resource", kind="TrainingJob", name=job["TrainingJobName"]).json
    curves = {each["name"]: each for each in shown["metrics"]}
    log = look("data/log", kind="TrainingJob", name=job["TrainingJobName"]).json
    text = "\n".join(line for _, _, line in log["lines"])
    losses = re.findall(r"#quality_metric: host=algo-1, epoch=\d+, train mse_objective <loss>=(\S+)", text)
    assert [value for _, value in curves["train:objective_loss"]["points"]] == [float(each) for each in losses]
    assert len(losses) == 3
    events = boto3.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job['TrainingJobName']}/"
    )["events"]
    assert [line for _, _, line in log["lines"]] == [each["message"] for each in events]


def test_a_log_goes_on_where_it_was_left_and_a_long_one_begins_near_its_end(look, job):
    logs, group, name = boto3.client("logs"), "/aws/sagemaker/TrainingJobs", "a-log-of-its-own"
    at = int(job["TrainingEndTime"].timestamp() * 1000)
    for stream in ("one", "two"):
        logs.create_log_stream(logGroupName=group, logStreamName=f"{name}/{stream}")

    def write(stream: str, numbers: range) -> None:
        events = [{"timestamp": at, "message": f"line {number}"} for number in numbers]
        logs.put_log_events(logGroupName=group, logStreamName=f"{name}/{stream}", logEvents=events)

    write("one", range(3))
    first = look("data/log", kind="TrainingJob", name=name).json
    assert first["lines"] == [[at / 1000, f"{name}/one", f"line {number}"] for number in range(3)]
    assert look("data/log", kind="TrainingJob", name=name, after=first["last"]).json["lines"] == []
    write("two", range(3, 5))
    write("one", range(5, 600))
    further = look("data/log", kind="TrainingJob", name=name, after=first["last"]).json
    assert further["full"] and [line[2] for line in further["lines"]] == [f"line {n}" for n in range(100, 600)]


def test_a_metric_of_very_many_values_is_thinned_evenly_to_its_last_one(look, job):
    client, count = boto3.client("cloudwatch"), 1234
    at = job["TrainingEndTime"].timestamp()
    data = [{"MetricName": "thin", "Timestamp": at + n, "Value": n, "Dimensions": [
        {"Name": "TrainingJobName", "Value": job["TrainingJobName"]}]} for n in range(count)]  # fmt: skip
    for start in range(0, count, 60):
        client.put_metric_data(Namespace="/aws/sagemaker/TrainingJobs", MetricData=data[start : start + 60])
    shown = look("data/resource", kind="TrainingJob", name=job["TrainingJobName"]).json["metrics"]
    (thin,) = [each for each in shown if each["name"] == "thin"]
    assert thin["count"] == count
    assert [value for _, value in thin["points"]] == [*range(0, count, 3)]


def test_a_running_job_is_shown_as_it_goes(account, look, sagemaker, bucket, job):
    params = training.definition(
        account, training.name("watched"), training.channel(f"s3://{bucket}/page/train.csv"), bucket=bucket,
        hyperparameters=training.ENDLESS,
    )  # fmt: skip
    sagemaker.create_training_job(**params)
    name = params["TrainingJobName"]

    def values() -> int:
        shown = look("data/resource", kind="TrainingJob", name=name).json
        assert shown["busy"] and shown["status"] == "InProgress"
        return max((metric["count"] for metric in shown["metrics"]), default=0)

    first = training.wait_until(values, lambda count: count > 0, "the first values")
    training.wait_until(values, lambda count: count > first, "further values")
    sagemaker.stop_training_job(TrainingJobName=name)
    training.ended(sagemaker, name)


def test_pipelines_lead_to_their_executions_and_groups_to_their_packages(account, look, sagemaker, job):
    name, group = training.name("Seen-Pipeline"), training.name("Seen-group")
    steps = whole(fails("Gives-up", "seen <b>enough</b>"))
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=steps, RoleArn=account.account.role_arn)
    execution = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    path = execution.rpartition(":pipeline/")[2]
    shown = training.wait_until(
        lambda: look("data/resource", kind="PipelineExecution", name=path).json, lambda it: not it["busy"], execution
    )
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    assert shown["status"] == "Failed" and shown["body"].keys() == described.keys() - {"ResponseMetadata"}
    assert [(step["StepName"], step["StepStatus"]) for step in shown["steps"]] == [("Gives-up", "Failed")]
    assert look("data/resource", kind="Pipeline", name=name).json["parts"] == [execution]
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    container = {"Image": training.IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"]}
    specification["SupportedResponseMIMETypes"] = ["text/csv"]
    package = sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=specification)
    assert look("data/resource", kind="ModelPackageGroup", name=group).json["parts"] == [package["ModelPackageArn"]]
    shown = look("data/resource", kind="ModelPackage", name=f"{group}/1").json
    assert shown["name"] == f"{group}/1" and shown["body"]["ModelPackageVersion"] == 1


@pytest.mark.parametrize(("instance", "count"), [("ml.t2.medium", 1), ("ml.m5.large", 2), ("ml.p5.48xlarge", 1)])
def test_an_endpoint_is_priced_by_its_instances(account, look, sagemaker, model, instance, count):
    name = training.name("priced")
    variant = {"VariantName": "all", "ModelName": model, "InstanceType": instance, "InitialInstanceCount": count}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    try:
        body = training.wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=name), lambda it: it["EndpointStatus"] == "InService", name
        )
        shown = look("data/resource", kind="Endpoint", name=name).json
        described = sagemaker.describe_endpoint(EndpointName=name)
        assert shown["body"].keys() == described.keys() - {"ResponseMetadata"}
        cost = shown["cost"]
        if instance in HOSTING:
            assert cost["hourly"] == pytest.approx({"ml.t2.medium": 0.056, "ml.m5.large": 0.23}[instance])
            assert cost["since"] == body["CreationTime"].timestamp()
        else:
            assert cost["hourly"] is None and instance in cost["why"]
        assert look("data/log", kind="Endpoint", name=name).json["lines"]
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        assert "deleted" in look("data/resource", kind="Endpoint", name=name).json["cost"]["why"]
    finally:
        sagemaker.delete_endpoint(EndpointName=name)
    assert look("data/resource", kind="Endpoint", name=name).status == 404


def test_what_is_not_there_is_404_and_says_so(look, job):
    for query in ({"kind": "Nothing", "name": "a"}, {"kind": "TrainingJob", "name": "no-such-job"}, {}):
        answer = look("data/resource", **query)
        assert answer.status == 404 and answer.json["error"]
    assert look("data/keys", bucket="no-such-bucket").status == 404
    assert look("data/list", kind="TrainingJob", skipped="-1").json["skipped"] == 0
    assert look("data/log", kind="TrainingJob", name=job["TrainingJobName"], after="x").status == 200


# S3


def test_a_bucket_is_listed_by_folders_in_order_with_sizes(look, s3):
    name = "a-bucket-to-look-at"
    s3.create_bucket(Bucket=name)
    keys = ["b.txt", "a/1", "a/2", "a//3", "é/x", HOSTILE]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"12345")
    top = look("data/keys", bucket=name).json
    assert top["folders"] == ["a/", "é/"]
    assert [each["key"] for each in top["objects"]] == sorted(["b.txt", HOSTILE])
    below = look("data/keys", bucket=name, prefix="a/").json
    assert below["folders"] == ["a//"] and [each["key"] for each in below["objects"]] == ["a/1", "a/2"]
    assert below["objects"][0]["bytes"] == 5 and below["next"] is None
    (bucket,) = [each for each in look("data/buckets").json["buckets"] if each["name"] == name]
    assert (bucket["objects"], bucket["bytes"]) == (len(keys), 5 * len(keys))


@pytest.mark.parametrize("key", [HOSTILE, "a/b\r\nSet-Cookie: x=y", 'folder/"; filename=evil.exe', "ends/with/"])
def test_an_object_is_a_file_to_keep_and_nothing_to_show(look, s3, bucket, key):
    body = b"<script>document.title = 'run'</script>" * 50_000
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/html", ContentDisposition="inline")
    for method in ("GET", "HEAD"):
        answer = look("object", method, bucket=bucket, key=key)
        assert answer.status == 200 and answer.body == (body if method == "GET" else b"")
        assert answer.headers["content-length"] == str(len(body))
        assert answer.headers["content-type"] == "application/octet-stream"
        name = key.rstrip("/").rpartition("/")[2]
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers
    assert look("object", bucket=bucket, key=f"{key}-not").status == 404


def test_a_presigned_object_runs_no_script_in_the_pages_name(account, s3, bucket):
    s3.put_object(Bucket=bucket, Key="evil.html", Body=b"<script>1</script>", ContentType="text/html")
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "evil.html"})
    answer = send(account, "GET", url.removeprefix(account.url), NAVIGATION)
    assert answer.status == 200 and answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["content-type"] == "text/html"
    path = f"/{bucket}/evil.html"
    assert "content-security-policy" not in send(account, "GET", path, signed(account, "s3", "GET", path)).headers


# In a browser


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_in_a_browser_hostile_names_are_text_and_a_curve_is_drawn(address, account, s3, bucket, job, tmp_path):
    s3.put_object(Bucket=bucket, Key=f"browser/{HOSTILE}", Body=b"1")

    def page(hash_: str) -> str:
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        command += ["--virtual-time-budget=10000", "--dump-dom", f"{address}#{hash_}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=100).stdout

    listing = page(f"/s3/{bucket}/{quote('browser/', safe='')}")
    assert "&lt;img src=x onerror=" in listing and "<img" not in listing
    assert f"<title>s3://{bucket}/browser/ – embedded AWS account</title>" in listing
    detail = page(f"/resource/TrainingJob/{job['TrainingJobName']}")
    assert re.search(r'<svg class="chart"[^>]*aria-label="train:objective_loss \(no unit\): 3 values', detail)
    assert len(re.findall(r'<polyline points="[\d., ]+"', detail)) >= 3
    assert "#quality_metric: host=algo-1" in detail and "seconds since TrainingStartTime" in detail
