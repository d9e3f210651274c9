"""Training on several instances: sharded data, one process a host, the mean of their gradients in every step."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import numpy as np
import pytest
from sagemaker import LinearLearner
from sagemaker.session import Session

from support.linear_learner import ROOT, coefficients, fit, lay_out, objectives
from support.training import ENDLESS, IMAGE, QUICK, channel, csv, definition, ended, name, refusal, table, wait_until
from support.training import coefficients as trained

PREDICTORS = {
    "regressor": {"predictor_type": "regressor"},
    "binary": {"predictor_type": "binary_classifier", "positive_example_weight_mult": "balanced"},
    "multiclass": {
        "predictor_type": "multiclass_classifier", "num_classes": "3", "balance_multiclass_weights": "true",
    },
}  # fmt: skip


def start(folder, settings, hosts):
    """A process for each host, which has its own channels; its standard output is a pipe."""
    names = [f"algo-{number + 1}" for number in range(len(hosts))]
    pairs = [socket.socketpair() for _ in hosts[1:]]
    ends = [[near for near, _ in pairs], *([far] for _, far in pairs)]
    processes = []
    for host, channels, own in zip(names, hosts, ends, strict=True):
        base = lay_out(folder / host, settings, channels)
        resources = {"current_host": host, "hosts": names}
        (base / "input" / "config" / "resourceconfig.json").write_text(json.dumps(resources))
        numbers = [each.fileno() for each in own]
        environment = {"SAGEMAKER_BASE_DIR": str(base), "OPENBLAS_NUM_THREADS": "1"}
        environment["LOCAL_AWS_PEERS"] = ",".join(map(str, numbers))
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "local_aws.algorithms.linear_learner", "train"],
                cwd=ROOT, env=os.environ | environment, pass_fds=numbers, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
    for each in (end for pair in pairs for end in pair):
        each.close()
    return processes


def run(folder, settings, hosts):
    """Exit codes and logs of the hosts."""
    processes = start(folder, settings, hosts)
    logs = [process.communicate(timeout=120)[0] for process in processes]
    return [process.returncode for process in processes], logs


def reference(hosts, batch, epochs, rate=0.005, decay=1e-4):
    """Losses of the epochs and the coefficients of one model, trained on all hosts' mini-batches in step."""
    whole = [(x[: len(x) // batch * batch], y[: len(y) // batch * batch]) for x, y in hosts]
    x, y = (np.concatenate(parts).astype(np.float64) for parts in zip(*whole, strict=True))
    mean, deviation, y_mean, y_deviation = x.mean(0), x.std(0), y.mean(), y.std()
    scaled = [((x - mean) / deviation, (y - y_mean) / y_deviation) for x, y in whole]
    words = np.frombuffer(np.random.RandomState(0).bytes(4 * x.shape[1]), "<u4")
    low, high = np.float32(-0.07), np.float32(0.07)
    w = np.append(low + (high - low) * (words.astype(np.float32) / np.float32(2**32)), 0).astype(np.float64)
    m, v, update, next_drop, losses = np.zeros_like(w), np.zeros_like(w), 0, 11, []
    keep = [np.float64(np.float32(beta)) for beta in (0.9, 0.999)]
    take = [np.float64(np.float32(1) - np.float32(beta)) for beta in (0.9, 0.999)]
    for _ in range(epochs):
        seen = []
        for step in range(max(len(y) for _, y in scaled) // batch):
            part = slice(step * batch, (step + 1) * batch)
            found = []
            for x, y in scaled:
                if len(y[part]):
                    z = np.column_stack([x[part], np.ones(batch)])
                    error = z @ w - y[part]
                    found.append((np.mean(error**2), z.T @ error / batch))
            seen.append(np.mean([loss for loss, _ in found]))
            gradient = np.mean([each for _, each in found], axis=0)
            gradient[:-1] += decay * w[:-1]
            update += 1
            if update >= next_drop:
                next_drop, rate = next_drop + 10, max(rate * 0.99, 1e-5)
            m = keep[0] * m + take[0] * gradient
            v = keep[1] * v + take[1] * gradient**2
            step_size = rate * np.sqrt(1 - 0.999**update) / (1 - 0.9**update)
            w -= step_size * np.append(np.ones(len(w) - 1), 10) * m / (np.sqrt(v) + 1e-8)
        losses.append(np.mean(seen))
    weights = w[:-1] * y_deviation / deviation
    return losses, weights, y_mean + y_deviation * w[-1] - weights @ mean


def test_hosts_train_as_their_rule_says(tmp_path):
    x, y = table(200, 3)
    cuts = [65, 107]  # 6, 4 and 9 whole batches, and some rows too many on every host
    hosts = list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
    settings = {"num_models": "1", "epochs": "4", "mini_batch_size": "10"}
    codes, logs = run(tmp_path, settings, [{"train": host} for host in hosts])
    assert codes == [0, 0, 0], logs
    losses, weights, bias = reference(hosts, 10, 4)
    for number, log in enumerate(logs):
        assert objectives(log, "train_mse_objective")[:, 0] == pytest.approx(losses, rel=1e-9)
        assert f"#quality_metric: host=algo-{number + 1}, epoch=0, train mse_objective" in log
        assert "Create Store: dist_sync" in log
    found = coefficients(tmp_path / "algo-1")
    assert found[0] == pytest.approx(weights, rel=1e-6) and found[1] == pytest.approx(bias, rel=1e-6)
    assert not (tmp_path / "algo-2" / "model").exists()
    assert "#train_score (algo-1)" in logs[0] and "_score (" not in logs[1]


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_two_hosts_with_the_same_data_say_what_one_says(tmp_path, predictor):
    x, y = table(90, 3)
    if predictor != "regressor":
        y = np.searchsorted(np.quantile(y, [0.7] if predictor == "binary" else [0.2, 0.7]), y).astype("float32")
    train, validation = (x[:60], y[:60]), (x[60:], y[60:])
    settings = PREDICTORS[predictor] | {"epochs": "3", "mini_batch_size": "10"}
    one = fit(tmp_path / "one", settings, {"train": train, "validation": validation})
    hosts = [{"train": train, "validation": validation}, {"train": train, "validation": (x[:0], y[:0])}]
    codes, logs = run(tmp_path, settings, hosts)
    assert codes == [0, 0], logs
    said = [re.findall(r"#(?:quality|early_stopping_criteria)_metric: .*=(\S+)$", log, re.M) for log in (one, logs[0])]
    one_said, two_said = ([float(value) for value in values] for values in said)
    assert two_said == pytest.approx(one_said, rel=1e-9)
    told = re.findall(r"Epoch \d: .*", logs[1])
    assert told == re.findall(r"Epoch \d: .*", logs[0])[: len(told)] and len(told) == 3


def test_a_host_that_loses_another_ends(tmp_path):
    x, y = table(40)
    first, second = start(tmp_path, ENDLESS, [{"train": (x, y)}, {"train": (x, y)}])
    for line in first.stdout:
        if "progress_metric" in line:
            break
    second.kill()
    assert "The host algo-2 has ended before the training did." in first.communicate(timeout=60)[0]
    second.communicate()
    assert first.returncode == 75
    assert not (tmp_path / "algo-1" / "output" / "failure").exists()


def test_hosts_whose_records_differ_in_width_fail(tmp_path):
    codes, _ = run(tmp_path, QUICK, [{"train": table(40, 2)}, {"train": table(40, 3)}])
    failures = {(tmp_path / host / "output" / "failure").read_text() for host in ("algo-1", "algo-2")}
    assert codes == [1, 1] and len(failures) == 1
    assert "2 on algo-1, 3 on algo-2" in failures.pop()


@pytest.fixture(scope="module")
def shards(s3, bucket):
    """Three objects of twenty rows under a prefix, of which the second has a bad line under another prefix."""
    x, y = table(60)
    for kind in ("good", "bad"):
        for number in range(3):
            part = slice(20 * number, 20 * number + 20)
            body = csv(x[part], y[part])
            body += b"1,x,2\n" if kind == "bad" and number == 1 else b""
            s3.put_object(Bucket=bucket, Key=f"shards/{kind}/part-{number}", Body=body)
    return f"s3://{bucket}/shards/"


def sharded(uri, **members):
    made = channel(uri) | members
    made["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    return made


def create(sagemaker, account, bucket, uri, instances, **members):
    job = name("hosts")
    body = definition(account, job, sharded(uri), bucket=bucket, **members)
    body["ResourceConfig"]["InstanceCount"] = instances
    sagemaker.create_training_job(**body)
    return job


def left_running(job):
    """The processes of a job that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TRAINING_JOB_NAME={job}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_job_on_more_instances_than_the_machine_has_processors(sagemaker, account, s3, bucket, shards):
    job = create(sagemaker, account, bucket, f"{shards}good/", 3)
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    assert body["BillableTimeInSeconds"] == body["TrainingTimeInSeconds"]
    x, y = table(60)
    hosts = [(x[start : start + 20], y[start : start + 20]) for start in (0, 20, 40)]
    _, weights, bias = reference(hosts, 4, 1)
    found = trained(s3, body["ModelArtifacts"]["S3ModelArtifacts"])
    assert found[0] == pytest.approx(weights, rel=1e-5) and found[1] == pytest.approx(bias, rel=1e-5)
    group = "/aws/sagemaker/TrainingJobs"
    streams = boto3.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")
    assert [re.sub(r"-\d+$", "", each["logStreamName"]) for each in streams["logStreams"]] == [
        f"{job}/algo-{number}" for number in (1, 2, 3)
    ]
    metrics = boto3.client("cloudwatch").list_metrics(
        Namespace=group, MetricName="train:objective_loss", Dimensions=[{"Name": "TrainingJobName", "Value": job}]
    )
    hosts = {each["Value"] for metric in metrics["Metrics"] for each in metric["Dimensions"] if each["Name"] == "Host"}
    assert hosts == {"algo-1", "algo-2", "algo-3"}


def test_instances_beyond_the_quota_and_images_that_train_on_one_are_refused(sagemaker, account, bucket, shards):
    code, sentence = refusal(create, sagemaker, account, bucket, f"{shards}good/", 21)
    assert code == "ResourceLimitExceeded"
    assert "'ml.m5.large for training job usage' is 20 Instances" in sentence and "21 Instances" in sentence
    image = IMAGE.replace("linear-learner:1", "sagemaker-xgboost:3.0-5")
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
    for count, mode, words in ((2, "File", "more than one instance"), (1, "Pipe", "input mode Pipe")):
        algorithm = algorithm | {"TrainingInputMode": mode}
        asked = {"AlgorithmSpecification": algorithm, "hyperparameters": {"num_round": "1"}}
        assert words in refusal(create, sagemaker, account, bucket, f"{shards}good/", count, **asked)[1]


@pytest.mark.parametrize(
    ("kind", "instances", "members", "words"),
    [
        ("bad", 2, {}, ["Unable to parse csv", "/opt/ml/input/data/train/part-1"]),
        ("good", 4, {}, ["No training data processed", "no records below /opt/ml/input/data/train"]),
        ("good", 2, {"hyperparameters": QUICK | {"mini_batch_size": "30"}}, ["mini_batch_size is 30", "20 records"]),
    ],
)
def test_what_one_host_fails_of_fails_the_job(sagemaker, account, bucket, shards, kind, instances, members, words):
    job = create(sagemaker, account, bucket, f"{shards}{kind}/", instances, **members)
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"].startswith("ClientError: ")
    assert all(word in body["FailureReason"] for word in words), body["FailureReason"]
    assert left_running(job) == []


def test_a_killed_host_fails_the_job_and_a_stop_ends_all(sagemaker, account, bucket, shards):
    if not Path("/proc/self/environ").exists():
        pytest.skip("the processes of a job are found in /proc")
    job = create(sagemaker, account, bucket, f"{shards}good/", 2, hyperparameters=ENDLESS)
    found = wait_until(lambda: left_running(job), lambda running: len(running) == 2, job)
    os.kill(found[1], 9)
    body = ended(sagemaker, job)
    assert body["FailureReason"] == "AlgorithmError: The algorithm's process ended with signal 9; its log says why."
    assert left_running(job) == []
    job = create(sagemaker, account, bucket, f"{shards}good/", 2, hyperparameters=ENDLESS)
    wait_until(lambda: left_running(job), lambda running: len(running) == 2, job)
    sagemaker.stop_training_job(TrainingJobName=job)
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Stopped"
    assert left_running(job) == []


def test_the_sdk_shards_records_and_counts_the_seconds_of_all_instances(account, bucket, s3, capsys):
    x, y = table(60)
    learner = LinearLearner(
        account.account.role_arn, 2, "ml.m5.large", "regressor", num_models=1, epochs=1,
        output_path=f"s3://{bucket}/models", sagemaker_session=Session(), data_location=f"s3://{bucket}/records",
    )  # fmt: skip
    learner.fit(learner.record_set(x, y), mini_batch_size=5, job_name=name("hosts"))
    body = learner.latest_training_job.describe()
    assert f"Training seconds: {2 * body['TrainingTimeInSeconds']}\n" in capsys.readouterr().out
    found = trained(s3, body["ModelArtifacts"]["S3ModelArtifacts"])
    _, weights, bias = reference([(x[:30], y[:30]), (x[30:], y[30:])], 5, 1)
    assert found[0] == pytest.approx(weights, rel=1e-5) and found[1] == pytest.approx(bias, rel=1e-5)
