"""Script mode, training: the user's script runs as AWS's open sagemaker-training-toolkit runs it.

What a script is told is held against ``sagemaker_training`` 5.1.4, called once with the same configuration.
"""

from __future__ import annotations

import json

import pytest

from support.account import living
from support.scripts import log, packed
from support.training import channel, ended, members, refusal, wait_until


def failure(sagemaker, job: str) -> str:
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Failed", body
    return body["FailureReason"]


def model(sagemaker, s3, job: str) -> dict[str, bytes]:
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed", (body.get("FailureReason"), log(job))
    return members(s3, body["ModelArtifacts"]["S3ModelArtifacts"])


# What a script finds

FILES = """
    import os
    for at, _, names in sorted(os.walk("/opt/ml/input/data/train")): print(at, sorted(names))
"""


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("table", {"": ["one.csv"], "/deep": ["two.csv"], "/tables": ["three.csv"]}),
        ("table/", {"": ["one.csv"], "/deep": ["two.csv"]}),
        ("table/one", {"": ["one.csv"]}),
        ("table/deep/two.csv", {"": ["two.csv"]}),
    ],
)
def test_the_files_of_a_prefix(train, sagemaker, s3, bucket, prefix, found):
    """A folder's name is no part of their paths, whether a slash follows it or not."""
    for key in ("table/one.csv", "table/deep/two.csv", "tables/three.csv"):
        s3.put_object(Bucket=bucket, Key=f"prefixes/{key}", Body=b"1")
    job = train(FILES, channel(f"s3://{bucket}/prefixes/{prefix}"))
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed"
    place = "/opt/ml/input/data/train"
    assert [line for line in log(job) if line.startswith(place)] == [
        f"{place}{at} {names}" for at, names in found.items()
    ]


WITH_THE_IMAGES_PACKAGES = """
    import os
    from sagemaker_containers import entry_point
    from sagemaker_xgboost_container import distributed, encoder
    from sagemaker_xgboost_container.data_utils import get_dmatrix
    from sagemaker_inference import content_types, decoder

    train = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "csv")
    print(train.get_data().toarray().tolist(), train.get_label().tolist())
    print(get_dmatrix("/opt/ml/input/data/rows", "libsvm").get_label().tolist())
    print(encoder.csv_to_dmatrix("5,6\\n7,8").num_row(), decoder.decode("[1, 2]", content_types.JSON).sum())
    distributed.rabit_run
"""


def test_scripts_find_the_packages_of_the_images(train, sagemaker, s3, bucket):
    """As far as published scripts use them; what is not there is refused by its name."""
    s3.put_object(Bucket=bucket, Key="packages/train/a.csv", Body=b"1,2,3\n")
    s3.put_object(Bucket=bucket, Key="packages/train/b.csv", Body=b"4,5,6")
    s3.put_object(Bucket=bucket, Key="packages/rows/a", Body=b"7 1:2\n8 1:3\n")
    channels = channel(f"s3://{bucket}/packages/train"), channel(f"s3://{bucket}/packages/rows", "rows")
    job = train(WITH_THE_IMAGES_PACKAGES, *channels, repository="sagemaker-xgboost")
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Failed"
    lines = log(job)
    for line in ("[[2.0, 3.0], [5.0, 6.0]] [1.0, 4.0]", "[7.0, 8.0]", "2 3"):
        assert line in lines
    assert any("sagemaker_xgboost_container.distributed.rabit_run is not in the embedded" in line for line in lines)


# What a script is told

TELL = """
    import json, os, sys
    told = {"args": sys.argv[1:], "cwd": os.getcwd(), "program": sys.argv[0]}
    told["env"] = {key: value for key, value in os.environ.items() if key.startswith(("SM_", "TRAINING_"))}
    json.dump(told, open("/opt/ml/model/told.json", "w"))
"""
# The answers of environment.Environment() of sagemaker_training 5.1.4, for the configuration of the test below.
ARGUMENTS = [
    "--alpha", "0.1", "--flag", "True", "--hidden", "[16, 8]", "--map", "a=z,b=1", "--name", "a b", "--none", "",
    "-x", "1",
]  # fmt: skip
VARIABLES = {
    "SM_HOSTS": '["algo-1"]',
    "SM_NETWORK_INTERFACE_NAME": "eth0",
    "SM_HPS": '{"alpha":0.1,"flag":true,"hidden":[16,8],"map":{"a":"z","b":1},"name":"a b","none":null,"x":1}',
    "SM_USER_ENTRY_POINT": "train.py",
    "SM_FRAMEWORK_PARAMS": '{"sagemaker_other":3}',
    "SM_INPUT_DATA_CONFIG": '{"train":{"ContentType":"text/csv","RecordWrapperType":"None",'
    '"S3DistributionType":"FullyReplicated","TrainingInputMode":"File"}}',
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
    "SM_CHANNELS": '["train"]',
    "SM_CURRENT_HOST": "algo-1",
    "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large",
    "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster",
    "SM_CURRENT_INSTANCE_GROUP_HOSTS": '["algo-1"]',
    "SM_INSTANCE_GROUPS": '["homogeneousCluster"]',
    "SM_INSTANCE_GROUPS_DICT": '{"homogeneousCluster":{"hosts":["algo-1"],'
    '"instance_group_name":"homogeneousCluster","instance_type":"ml.m5.large"}}',
    "SM_DISTRIBUTION_INSTANCE_GROUPS": "[]",
    "SM_IS_HETERO": "false",
    "SM_MODULE_NAME": "train",
    "SM_LOG_LEVEL": "20",
    "SM_FRAMEWORK_MODULE": "sagemaker_sklearn_container.training:main",
    "SM_INPUT_DIR": "/opt/ml/input",
    "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
    "SM_OUTPUT_DIR": "/opt/ml/output",
    "SM_NUM_GPUS": "0",
    "SM_NUM_NEURONS": "0",
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_OUTPUT_INTERMEDIATE_DIR": "/opt/ml/output/intermediate",
    "SM_CHANNEL_TRAIN": "/opt/ml/input/data/train",
    "SM_HP_HIDDEN": "[16,8]",
    "SM_HP_ALPHA": "0.1",
    "SM_HP_NAME": "a b",
    "SM_HP_X": "1",
    "SM_HP_FLAG": "true",
    "SM_HP_NONE": "",
    "SM_HP_MAP": '{"a":"z","b":1}',
}
COMPUTED = {"SM_NUM_CPUS", "SM_MODULE_DIR", "SM_RESOURCE_CONFIG", "SM_TRAINING_ENV", "SM_USER_ARGS"}
TRAINING_ENV = {
    "additional_framework_parameters", "channel_input_dirs", "current_host", "current_instance_group",
    "current_instance_group_hosts", "current_instance_type", "distribution_hosts", "distribution_instance_groups",
    "framework_module", "hosts", "hyperparameters", "input_config_dir", "input_data_config", "input_dir",
    "instance_groups", "instance_groups_dict", "is_hetero", "is_master", "is_modelparallel_enabled",
    "is_smddpmprun_installed", "is_smddprun_installed", "job_name", "log_level", "master_hostname", "model_dir",
    "module_dir", "module_name", "network_interface_name", "num_cpus", "num_gpus", "num_neurons", "output_data_dir",
    "output_dir", "output_intermediate_dir", "resource_config", "topology", "user_entry_point",
}  # fmt: skip


def test_the_script_is_told_what_the_toolkit_tells(train, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="told/table.csv", Body=b"1,2\n")
    values = {"hidden": [16, 8], "alpha": 0.1, "name": "a b", "x": 1, "flag": True, "map": {"b": 1, "a": "z"}}
    reserved = {"sagemaker_other": 3, "_tuning_objective_metric": "rmse"}
    job = train(TELL, channel(f"s3://{bucket}/told"), none=None, **values, **reserved)
    text = model(sagemaker, s3, job)["told.json"].decode()
    # In the variables that a script gets, the folder has its real name.
    root = json.loads(text)["env"]["SM_MODEL_DIR"].removesuffix("/opt/ml/model")
    told = json.loads(text.replace(root, ""))
    assert told["args"] == ARGUMENTS
    assert (told["cwd"], told["program"]) == ("/opt/ml/code", "train.py")
    env = told["env"]
    assert {key: value for key, value in env.items() if key.startswith("SM_") and key not in COMPUTED} == VARIABLES
    assert set(env) == set(VARIABLES) | COMPUTED | {"TRAINING_JOB_NAME", "TRAINING_JOB_ARN"}
    assert json.loads(env["SM_USER_ARGS"]) == ARGUMENTS
    assert env["SM_MODULE_DIR"] == f"s3://{bucket}/{job}/sourcedir.tar.gz"
    assert json.loads(env["SM_RESOURCE_CONFIG"])["hosts"] == ["algo-1"]
    whole = json.loads(env["SM_TRAINING_ENV"])
    assert set(whole) == TRAINING_ENV
    assert whole["hyperparameters"] == {**values, "none": None}
    assert whole["job_name"] == env["TRAINING_JOB_NAME"] == job
    assert env["TRAINING_JOB_ARN"].endswith(f":training-job/{job}")


def test_a_hyperparameter_that_is_no_json_is_taken_as_it_is(train, sagemaker):
    job = train("import sys; print(sys.argv[1:])", alpha=1, raw={"activation": "relu", "rate": "1e-3"})
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed"
    assert "['--activation', 'relu', '--alpha', '1', '--rate', '0.001']" in log(job)


# The script's world


def test_the_users_modules_come_first_and_data_may_be_written_on(train, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="written/a/table.csv", Body=b"1,2\n")
    files = {
        "train.py": """
            import os, subprocess, utils
            from package import deep
            with open("/opt/ml/input/data/train/a/table.csv", "a") as file:
                file.write("3,4")
            table = open(os.environ["SM_CHANNEL_TRAIN"] + "/a/table.csv").read()
            open(os.environ["SM_MODEL_DIR"] + "/rows", "w").write(table)
            open("/opt/ml/output/data/note", "w").write("beside the model")
            print(utils.WHOSE, deep.WHOSE, flush=True)
            child = "import utils, os; print('child', utils.WHOSE, os.listdir('/opt/ml/model'))"
            subprocess.run(["python", "-c", child])
        """,
        "utils.py": "WHOSE = 'the user s'",
        "package/__init__.py": "",
        "package/deep.py": "WHOSE = 'deep'",
    }
    job = train(files, channel(f"s3://{bucket}/written/"))
    assert model(sagemaker, s3, job) == {"rows": b"1,2\n3,4"}
    lines = log(job)
    assert "the user s deep" in lines
    assert "child the user s ['rows']" in lines
    assert s3.get_object(Bucket=bucket, Key="written/a/table.csv")["Body"].read() == b"1,2\n"
    assert members(s3, f"s3://{bucket}/models/{job}/output/output.tar.gz") == {"note": b"beside the model"}
    assert any(line.endswith("Invoking script with the following command:") for line in lines)
    assert "/bin/python train.py" in lines
    assert lines[-1].endswith("sagemaker-training-toolkit INFO     Reporting training SUCCESS")


def test_metrics_are_read_from_the_log_by_the_users_expressions(train, sagemaker):
    metrics = [{"Name": "val:rmse", "Regex": r"rmse=([0-9.]+)(x)?;"}, {"Name": "odd", "Regex": r"rmse=(nothing)?"}]
    job = train("for n in range(3): print(f'epoch {n} rmse={3 - n}.5;')", metrics=metrics)
    body = ended(sagemaker, job)
    assert body["AlgorithmSpecification"]["MetricDefinitions"] == metrics
    assert [(each["MetricName"], each["Value"]) for each in body["FinalMetricDataList"]] == [("val:rmse", 1.5)]


def test_an_expression_that_backtracks_for_ever_holds_nobody_up(train, sagemaker):
    """Python's own ``re`` would try 2^40 ways on this line, and no other request would be answered meanwhile."""
    metrics = [{"Name": "stuck", "Regex": "(a|aa)+$"}, {"Name": "rmse", "Regex": "rmse=([0-9.]+)"}]
    body = ended(sagemaker, train(f"print('{'a' * 60}!')\nprint('rmse=2.5')", metrics=metrics))
    assert [(each["MetricName"], each["Value"]) for each in body["FinalMetricDataList"]] == [("rmse", 2.5)]


@pytest.mark.parametrize("regex", ["rmse=([0-9", "rmse=[0-9]+"])
def test_an_expression_that_gives_no_value_is_refused(train, regex):
    code, message = refusal(train, "", metrics=[{"Name": "rmse", "Regex": regex}])
    assert code == "ValidationException"
    assert "The regex of the metric 'rmse'" in message


def test_a_shell_script_is_an_entry_point(train, sagemaker, s3):
    files = {
        "bin/train.sh": '#!/bin/sh\necho "$@" > /opt/ml/model/args\npython helper.py\n',
        "helper.py": "import shutil; shutil.copy('/opt/ml/model/args', '/opt/ml/model/again')",
    }
    job = train(files, program="bin/train.sh", alpha="it's $HOME")
    assert model(sagemaker, s3, job) == dict.fromkeys(("args", "again"), b"--alpha it's $HOME\n")


def test_a_package_runs_as_a_module(train, sagemaker):
    job = train({"setup.py": "", "train.py": "print(__name__, __package__ == '')"})
    ended(sagemaker, job)
    assert "/bin/python -m train" in log(job)
    assert "__main__ True" in log(job)


def test_requirements_that_are_there_pass_and_others_fail(train, sagemaker, s3):
    passing = train({"train.py": "print('trained')", "requirements.txt": "numpy>=1\nscikit-learn\n"})
    failing = train({"train.py": "print('trained')", "requirements.txt": "numpy\nno-such-package-anywhere==3\n"})
    assert ended(sagemaker, passing)["TrainingJobStatus"] == "Completed", log(passing)
    reason = failure(sagemaker, failing)
    assert reason.startswith("AlgorithmError: InstallRequirementsError:\nExitCode 1\nErrorMessage ")
    assert "no-such-package-anywhere" in reason and "pip installs nothing into a container" in reason
    assert "trained" not in log(failing)


# Failures


def test_a_script_that_raises(train, sagemaker):
    job = train("print('so far')\nraise ValueError('bad data')", depth=3)
    # The scikit-learn image does not keep the script's errors: they are in its log.
    assert failure(sagemaker, job) == (
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage ""\n'
        'Command "/bin/python train.py --depth 3", exit code: 1'
    )
    lines = log(job)
    assert "ValueError: bad data" in lines and '  File "/opt/ml/code/train.py", line 2, in <module>' in lines
    assert any(line.endswith("Reporting training FAILURE") for line in lines)
    assert not any("local_aws" in line for line in lines)


def test_the_pytorch_image_tells_the_scripts_last_error(train, sagemaker):
    code = "import sys\nprint('so far')\nprint('warned', file=sys.stderr)\nraise KeyError('charges')"
    job = train(code, repository="pytorch-training")
    assert failure(sagemaker, job) == (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n"
        "ErrorMessage \"raise KeyError('charges')\n KeyError: 'charges'\"\n"
        'Command "/bin/python train.py", exit code: 1'
    )
    assert {"so far", "warned", "KeyError: 'charges'"} <= set(log(job))


def test_without_pytorch_a_job_says_what_to_install(train, sagemaker):
    files = {"train.py": "import torch", "torch.py": "raise ModuleNotFoundError(\"No module named 'torch'\")"}
    reason = failure(sagemaker, train(files, repository="pytorch-training"))
    assert "PyTorch is not in the environment" in reason
    assert "pip install 'embedded-aws-account[torch]'" in reason


def test_xgboost_runs_a_script_as_a_module(train, sagemaker, s3):
    code = """
        import numpy as np, xgboost
        booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(np.eye(8), np.arange(8)), 2)
        import os; booster.save_model(os.environ["SM_MODEL_DIR"] + "/model.json")
    """
    job = train(code, repository="sagemaker-xgboost")
    assert list(model(sagemaker, s3, job)) == ["model.json"]
    assert "/bin/python -m train" in log(job)


def test_a_script_that_raises_in_xgboosts_image(train, sagemaker):
    """It is built on the older ``sagemaker_containers``, whose error has neither the exit code nor a message."""
    job = train("raise ValueError('bad data')", repository="sagemaker-xgboost", depth=3)
    assert failure(sagemaker, job) == (
        'AlgorithmError: ExecuteUserScriptError:\nCommand "/bin/python -m train --depth 3", exit code: 1'
    )
    assert "ValueError: bad data" in log(job)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(7)", 'ExecuteUserScriptError:\nExitCode 7\nErrorMessage ""'),
        ("import os; os.kill(os.getpid(), 9)", 'ExecuteUserScriptError:\nExitCode -9\nErrorMessage ""'),
        ("open('/opt/ml/output/failure', 'w').write('my own words'); exit(1)", "my own words"),
    ],
)
def test_exit_codes_and_the_failure_file(train, sagemaker, code, reason):
    assert failure(sagemaker, train(code)).startswith(f"AlgorithmError: {reason}")


@pytest.mark.parametrize("program", ["../train.py", "-c", "/opt/ml/code/train.py", ""])
def test_an_entry_point_outside_of_the_code(train, sagemaker, program):
    job = train({"train.py": "print('trained')"}, program=program)
    assert failure(sagemaker, job).startswith("AlgorithmError: The training entry point ")
    assert "trained" not in log(job)


def test_an_entry_point_that_is_not_there(train, sagemaker):
    job = train({"train.py": "print('trained')"}, program="nope.py")
    assert failure(sagemaker, job).startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 2\n")
    assert any("can't open file '/opt/ml/code/nope.py'" in line for line in log(job))


def test_code_that_cannot_be_had(train, sagemaker, s3, bucket):
    nothing = train("", sagemaker_submit_directory=f"s3://{bucket}/not/there.tar.gz")
    s3.put_object(Bucket=bucket, Key="bad.tar.gz", Body=b"no archive at all")
    bad = train("", sagemaker_submit_directory=f"s3://{bucket}/bad.tar.gz")
    s3.put_object(Bucket=bucket, Key="out.tar.gz", Body=packed({"../../../outside.py": "1"}))
    outside = train("", sagemaker_submit_directory=f"s3://{bucket}/out.tar.gz")
    none = train("", raw={"sagemaker_submit_directory": "null"})
    assert "Framework Error" in failure(sagemaker, nothing) and "Not Found" in failure(sagemaker, nothing)
    assert "ReadError" in failure(sagemaker, bad)
    assert "Framework Error" in failure(sagemaker, outside)
    assert failure(sagemaker, none).startswith("AlgorithmError: ")
    for job in (nothing, bad, outside, none):
        assert not any("Traceback" in line for line in log(job))


def test_pytorchs_serving_image_does_not_train(train):
    _, message = refusal(train, "", repository="pytorch-inference")
    assert "is not implemented in the embedded AWS account" in message


# Stops, limits, floods

PATIENT = """
    import os, signal, time
    def leave(*_):
        open("/opt/ml/model/saved", "w").write("in time")
        raise SystemExit(0)
    signal.signal(signal.SIGTERM, leave)
    print("process", os.getpid(), flush=True)
    while True: time.sleep(0.1)
"""


def test_a_stop_leaves_the_script_time_to_save(train, sagemaker, s3):
    job = train(PATIENT)
    lines = wait_until(lambda: log(job), lambda found: any("process" in line for line in found), job)
    pid = int(next(line for line in lines if line.startswith("process")).split()[1])
    sagemaker.stop_training_job(TrainingJobName=job)
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Stopped"
    assert members(s3, body["ModelArtifacts"]["S3ModelArtifacts"]) == {"saved": b"in time"}
    assert living([pid]) == []


def test_a_script_that_never_ends_is_ended(train, sagemaker):
    body = ended(sagemaker, train("import time\nwhile True: time.sleep(0.1)", seconds=1))
    assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.parametrize("repository", ["sagemaker-scikit-learn", "pytorch-training"])
def test_a_flood_of_output_passes(train, sagemaker, repository):
    code = """
        import sys
        sys.stdout.write("x" * 3_000_000)
        print()
        for n in range(20_000): print("Error", n, "y" * 50)
    """
    job = train(code, repository=repository)
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed", failure(sagemaker, job)
    assert any(line.startswith("Error 19999 ") for line in log(job)[-10:])


@pytest.mark.parametrize(
    "code",
    [
        "import shutil; shutil.rmtree('/opt/ml/model'); shutil.rmtree('/opt/ml/output')",
        "import os; os.symlink('/nowhere', '/opt/ml/model/link'); os.mkfifo('/opt/ml/model/pipe')",
        "import os; os.makedirs('/opt/ml/output/failure')",
    ],
)
def test_whatever_a_script_leaves_behind_the_job_ends(train, sagemaker, code):
    assert ended(sagemaker, train(code))["TrainingJobStatus"] == "Completed"
