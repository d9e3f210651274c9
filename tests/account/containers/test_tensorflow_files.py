"""TensorFlow's files: a script names them by ``/opt/ml/…``, and each lies in its job's folder.

TensorFlow opens files in C++.  A path that it was given as it is would lie in the real ``/opt/ml`` of the machine.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

from local_aws.containers.rerooted import local_aws_tensorflow as hook
from support.scripts import image, log, packed
from support.training import definition, members, name

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed"
)  # fmt: skip

# Each function writes below /opt/ml/model by TensorFlow, reads it again, and says what it has found.
SCRIPT = '''
import json, os, pathlib, sys, traceback
import numpy as np
import tensorflow as tf

TESTS = []
HERE = "/opt/ml/model"
tell = TESTS.append

def network():
    return tf.keras.Sequential([tf.keras.layers.Input((2,)), tf.keras.layers.Dense(1)])

def texts(dataset):
    return [item.decode() for item in dataset.as_numpy_iterator()]

@tell
def a_text_that_is_a_path():
    """What is written is not exchanged."""
    tf.io.write_file(HERE + "/io/path.txt", HERE)
    with tf.io.gfile.GFile(HERE + "/io/gfile.txt", "w") as file:
        file.write(HERE)
    return [open(f"{HERE}/io/{name}.txt").read() for name in ("path", "gfile")]

@tell
def names_of_all_kinds():
    tf.io.write_file(tf.constant(HERE + "/names/tensor"), "tensor")
    tf.io.write_file("file://" + HERE + "/names/scheme", "scheme")
    tf.raw_ops.WriteFile(filename=HERE.encode() + b"/names/raw", contents="raw")
    @tf.function
    def write(name):
        tf.io.write_file(name, "graph")
    write(tf.constant(HERE + "/names/graph"))
    @tf.function
    def write_constant():
        tf.io.write_file(HERE + "/names/constant", "constant")
    write_constant()
    tf.print("printed", output_stream="file://" + HERE + "/names/print", end="")
    names = sorted(os.listdir(HERE + "/names"))
    return names, [tf.io.read_file(f"{HERE}/names/{name}").numpy().decode() for name in names]

@tell
def gfile():
    files = tf.io.gfile
    files.makedirs(HERE + "/gfile/deep")
    with files.GFile(pathlib.Path(HERE) / "gfile/deep/a.txt", "w") as file:
        file.write("a")
    files.copy(HERE + "/gfile/deep/a.txt", HERE + "/gfile/b.txt")
    files.rename(HERE + "/gfile/b.txt", HERE + "/gfile/c.txt")
    found = sorted(files.glob(HERE + "/gfile/*")), [list(each) for each in files.walk(HERE + "/gfile")]
    files.rmtree(HERE + "/gfile/deep")
    return found, files.exists(HERE + "/gfile/deep"), files.stat(HERE + "/gfile/c.txt").length

@tell
def listed():
    for name in ("a", "b"):
        tf.io.write_file(f"{HERE}/listed/{name}.txt", name)
    files = tf.data.Dataset.list_files(HERE + "/listed/*.txt", shuffle=False)
    matching = tf.io.matching_files([HERE + "/listed/*.txt"]).numpy().tolist()
    return texts(files), texts(files.map(tf.io.read_file)), [name.decode() for name in matching]

@tell
def tfrecord():
    os.makedirs(HERE + "/tfrecord")
    with tf.io.TFRecordWriter(HERE + "/tfrecord/a") as writer:
        writer.write(b"one")
    listed = tf.data.Dataset.list_files(HERE + "/tfrecord/*").interleave(tf.data.TFRecordDataset)
    several = tf.data.TFRecordDataset([HERE + "/tfrecord/a"] * 2, num_parallel_reads=2)
    return [texts(each) for each in (tf.data.TFRecordDataset(HERE + "/tfrecord/a"), listed, several)]

@tell
def lines_and_tables():
    os.makedirs(HERE + "/tables")
    with open(HERE + "/tables/t.csv", "w") as file:
        file.write("a,b\\n1,2\\n")
    path = HERE + "/tables/t.csv"
    rows = tf.data.experimental.CsvDataset(path, [tf.int32] * 2, header=True)
    made = tf.data.experimental.make_csv_dataset(HERE + "/tables/*.csv", 1, label_name="b", num_epochs=1)
    return (
        texts(tf.data.TextLineDataset(path)), texts(tf.data.FixedLengthRecordDataset(path, 4)),
        [[int(value) for value in row] for row in rows], [label.numpy().tolist() for _, label in made],
    )

@tell
def datasets_that_are_kept():
    three = tf.data.Dataset.range(3)
    three.save(HERE + "/kept/saved")
    os.makedirs(HERE + "/kept/cache")
    loaded = tf.data.Dataset.load(HERE + "/kept/saved")
    kept = loaded, three.cache(HERE + "/kept/cache/c"), three.snapshot(HERE + "/kept/s")
    return [[int(number) for number in each.as_numpy_iterator()] for each in kept], sorted(os.listdir(HERE + "/kept"))

@tell
def savedmodel():
    network().export(HERE + "/1", verbose=False)
    tf.saved_model.save(network(), HERE + "/2")
    again = tf.saved_model.load(HERE + "/1")
    return list(again.serve(np.ones((3, 2), "float32")).shape), tf.saved_model.contains_saved_model(HERE + "/2")

@tell
def savedmodel_with_a_table():
    with open(HERE + "/words.txt", "w") as file:
        file.write("a\\nb\\n")
    class Words(tf.Module):
        def __init__(self):
            index = tf.lookup.TextFileIndex
            of_file = tf.lookup.TextFileInitializer(
                HERE + "/words.txt", tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
            )
            self.table = tf.lookup.StaticHashTable(of_file, -1)
        @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
        def number(self, word):
            return self.table.lookup(word)
    words = Words()
    tf.saved_model.save(words, HERE + "/words")
    again = tf.saved_model.load(HERE + "/words")
    return [int(each.number(tf.constant("b"))) for each in (words, again)], os.listdir(HERE + "/words/assets")

@tell
def keras_and_hdf5():
    model, found = network(), []
    for name in ("m.keras", "m.h5"):
        model.save(f"{HERE}/{name}")
        found.append(tf.keras.models.load_model(f"{HERE}/{name}").count_params())
    model.save_weights(HERE + "/m.weights.h5")
    model.load_weights(HERE + "/m.weights.h5")
    return found

@tell
def checkpoints():
    variable = tf.Variable(3.0)
    checkpoint = tf.train.Checkpoint(v=variable)
    manager = tf.train.CheckpointManager(checkpoint, HERE + "/managed", max_to_keep=1)
    first, second = manager.save(), manager.save()
    written = checkpoint.write(HERE + "/written/w")
    variable.assign(5.0)
    checkpoint.read(written)
    names = [name for name, _ in tf.train.list_variables(HERE + "/managed")]
    return first, tf.train.latest_checkpoint(HERE + "/managed") == second, float(variable), len(names)

@tell
def summaries():
    writer = tf.summary.create_file_writer(HERE + "/summaries")
    with writer.as_default():
        tf.summary.experimental.write_raw_pb(b"", step=1)
    writer.close()
    return [name.partition(".")[0] for name in os.listdir(HERE + "/summaries")]

@tell
def profiles():
    tf.profiler.experimental.start(HERE + "/profile")
    tf.ones(3) + 1
    tf.profiler.experimental.stop()
    return [pathlib.Path(name).suffix for *_, names in os.walk(HERE + "/profile") for name in names]

@tell
def tensorflow_1():
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session() as session:
        variable = v1.get_variable("v", initializer=1.0)
        saver = v1.train.Saver()
        session.run(variable.initializer)
        path = saver.save(session, HERE + "/older/c", global_step=3)
        saver.restore(session, path)
        v1.saved_model.simple_save(session, HERE + "/older/model", {"v": variable}, {"v": variable})
        v1.summary.FileWriter(HERE + "/older/events", graph).close()
        tf.io.write_graph(graph, HERE + "/older", "graph.pbtxt")
    with tf.Graph().as_default(), v1.Session() as session:
        v1.saved_model.load(session, ["serve"], HERE + "/older/model")
    tf.saved_model.load(HERE + "/older/model")
    return path, sorted(name for name in os.listdir(HERE + "/older") if "." not in name)

@tell
def nothing_there():
    found = []
    for read in (tf.io.read_file, tf.saved_model.load, tf.io.gfile.listdir):
        try:
            read("/opt/ml/nothing")
        except (tf.errors.NotFoundError, OSError) as error:
            found.append(type(error).__name__)
    return found

for test in TESTS:
    try:
        found = test()
    except Exception:
        found = traceback.format_exc()
    print("TOLD " + json.dumps([test.__name__, found]), flush=True)
'''
LISTED = [f"/opt/ml/model/listed/{name}.txt" for name in "ab"]
FOUND = {
    "a_text_that_is_a_path": ["/opt/ml/model"] * 2,
    "names_of_all_kinds": [
        ["constant", "graph", "print", "raw", "scheme", "tensor"],
        ["constant", "graph", "printed", "raw", "scheme", "tensor"],
    ],
    "gfile": [
        [
            ["/opt/ml/model/gfile/c.txt", "/opt/ml/model/gfile/deep"],
            [["/opt/ml/model/gfile", ["deep"], ["c.txt"]], ["/opt/ml/model/gfile/deep", [], ["a.txt"]]],
        ],
        False,
        1,
    ],
    "listed": [LISTED, ["a", "b"], LISTED],
    "tfrecord": [["one"], ["one"], ["one", "one"]],
    "lines_and_tables": [["a,b", "1,2"], ["a,b\n", "1,2\n"], [[1, 2]], [[2]]],
    "datasets_that_are_kept": [[[0, 1, 2]] * 3, ["cache", "s", "saved"]],
    "savedmodel": [[3, 1], True],
    "savedmodel_with_a_table": [[1, 1], ["words.txt"]],
    "keras_and_hdf5": [3, 3],
    "checkpoints": ["/opt/ml/model/managed/ckpt-1", True, 3.0, 3],
    "summaries": ["events"],
    "profiles": [".pb"],
    "tensorflow_1": ["/opt/ml/model/older/c-3", ["checkpoint", "events", "model"]],
    "nothing_there": ["NotFoundError", "OSError", "NotFoundError"],
}


# What the artifact holds of it, beside the files that hold texts.
IN_THE_ARTIFACT = {
    "io/path.txt", "names/raw", "gfile/c.txt", "tfrecord/a", "kept/cache/c.index", "1/saved_model.pb",
    "1/variables/variables.index", "1/fingerprint.pb", "2/saved_model.pb", "words/assets/words.txt", "m.keras", "m.h5",
    "m.weights.h5", "managed/ckpt-2.index", "written/w.index", "older/c-3.index", "older/graph.pbtxt",
    "older/model/variables/variables.index",
}  # fmt: skip


@pytest.fixture(scope="module")
def job(account, sagemaker, s3, bucket) -> tuple[dict, dict[str, bytes]]:
    """What the script has told, and its artifact."""
    made = name("files")
    s3.put_object(Bucket=bucket, Key=f"{made}/code.tar.gz", Body=packed({"train.py": SCRIPT}))
    code = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{bucket}/{made}/code.tar.gz"}
    spec = {"TrainingImage": image("tensorflow-training"), "TrainingInputMode": "File"}
    request = definition(account, made, bucket=bucket, AlgorithmSpecification=spec, HyperParameters=code)
    del request["InputDataConfig"]
    sagemaker.create_training_job(**request)
    # A minute and a half on a machine with much else to do.
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=made, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
    )
    body = sagemaker.describe_training_job(TrainingJobName=made)
    lines = log(made)
    assert body["TrainingJobStatus"] == "Completed", lines
    told = dict(json.loads(line.removeprefix("TOLD ")) for line in lines if line.startswith("TOLD "))
    return told, members(s3, body["ModelArtifacts"]["S3ModelArtifacts"])


@pytest.mark.parametrize("test", FOUND)
def test_what_is_written_by_a_path_of_the_container_is_read_by_it(job, test):
    assert job[0][test] == FOUND[test]


def test_all_of_it_is_in_the_jobs_artifact_and_nothing_on_the_machine(job):
    assert set(job[0]) == set(FOUND)
    files = set(job[1])
    assert files >= IN_THE_ARTIFACT, IN_THE_ARTIFACT - files
    for folder in ("summaries/events", "profile/", "older/events/"):
        assert any(file.startswith(folder) for file in files), folder
    assert not any(os.path.exists(f"/opt/ml/model/{file}") for file in IN_THE_ARTIFACT)


def test_a_models_graph_does_not_name_the_jobs_folder(job):
    """It would make two artifacts of the same training differ, and lead another job astray."""
    graphs = {file: content for file, content in job[1].items() if file.endswith("saved_model.pb")}
    assert len(graphs) == 4
    for file, content in graphs.items():
        assert b"StaticRegexReplace" not in content and b"/files-" not in content, file


OPERATIONS = """
    import json
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session as session

    operations = op_def_pb2.OpList()
    operations.ParseFromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    string = 7
    print(json.dumps({
        operation.name: [
            [argument.name if argument.type in (0, string) else "" for argument in operation.input_arg],
            [attribute.name for attribute in operation.attr if "string" in attribute.type],
        ]
        for operation in operations.op
    }))
"""
NAMES_FILES = re.compile(
    r"file|path|prefix|directory|_dir$|^logdir|data_source|db_uri|pattern|output_stream|debug_urls"
)
NO_FILES = {
    ("CreateSummaryFileWriter", "filename_suffix"),
    ("ExperimentalSetStatsAggregatorDataset", "counter_prefix"),
    ("SetStatsAggregatorDataset", "counter_prefix"),
    ("RegexReplace", "pattern"),
    ("RegexFullMatch", "pattern"),
    ("StaticRegexReplace", "pattern"),
    ("StaticRegexFullMatch", "pattern"),
    ("SnapshotDatasetV2", "reader_prefix"),
    ("SnapshotDatasetV2", "writer_prefix"),
    ("DumpTensor", "file_name"),
}


def test_every_operation_that_names_files_is_known_by_its_place():
    """Held against TensorFlow's own list of its operations."""
    program = [sys.executable, "-c", textwrap.dedent(OPERATIONS)]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    operations = json.loads(told)
    wanted = set()
    for operation, (inputs, attributes) in operations.items():
        for argument in filter(NAMES_FILES.search, inputs + attributes):
            if (operation, argument) not in NO_FILES:
                wanted.add((operation, argument, inputs.index(argument) if argument in inputs else None))
    known = {(operation, *of) for of, operations in hook.INPUTS.items() for operation in operations.split()}
    known |= {(operation, of, None) for of, operations in hook.ATTRIBUTES.items() for operation in operations.split()}
    assert known == wanted
