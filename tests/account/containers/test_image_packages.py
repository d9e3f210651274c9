"""The packages that scripts import from AWS's images: arrays in and out, errors, what a job knows of itself.

The values are the answers of AWS's own code to the same calls, with the NumPy, SciPy and XGBoost of this environment:
``sagemaker_inference`` 1.10.1, ``sagemaker_containers`` 2.8.6, ``sagemaker_xgboost_container`` 3.0-5.
"""

from __future__ import annotations

import json

import pytest

from local_aws.algorithms import recordio
from support.scripts import image, log, packed
from support.training import channel, definition, ended, name

UNSUPPORTED = (
    "Content type {} is not supported by this framework.\n\n"
    "            Please implement input_fn to to deserialize the request data or an output_fn to\n"
    "            serialize the response. For more information, see the SageMaker Python SDK README."
)
INT, FLOAT = "int64", "float64"
CSV, JSON, NPY, NPZ = "text/csv", "application/json", "application/x-npy", "application/x-npz"
# A text of CSV; what sagemaker_inference makes of it; what sagemaker_containers does: dtype, shape, values.
OF_CSV = [
    ("1,2,3\n4,5,6", (INT, [2, 3], [[1, 2, 3], [4, 5, 6]]), (FLOAT, [2, 3], [[1, 2, 3], [4, 5, 6]])),
    ("1,2\n3,4\n", (INT, [2, 2], [[1, 2], [3, 4]]), (FLOAT, [2, 2], [[1, 2], [3, 4]])),
    ("1,2\r\n3,4\r\n", (INT, [2, 2], [[1, 2], [3, 4]]), (FLOAT, [2, 2], [[1, 2], [3, 4]])),
    ("1,2", (INT, [2], [1, 2]), (FLOAT, [2], [1, 2])),
    ("1\n2\n", (INT, [2], [1, 2]), (FLOAT, [2], [1, 2])),
    ("1", (INT, [], 1), (FLOAT, [], 1)),
    ("1.5,2.0\n3,4.5", (FLOAT, [2, 2], [[1.5, 2], [3, 4.5]]), (FLOAT, [2, 2], [[1.5, 2], [3, 4.5]])),
    ("1.5,2\n3,4", ("[('f0', '<f8'), ('f1', '<i8')]", [2], [[1.5, 2], [3, 4]]),
     (FLOAT, [2, 2], [[1.5, 2], [3, 4]])),
    ("", ("[]", [0], []), (FLOAT, [0], [])),
    ("a,b\n1,2", ("<U1", [2, 2], [["a", "b"], ["1", "2"]]), ("<U1", [2, 2], [["a", "b"], ["1", "2"]])),
    ("1.5,x\n2,y", ("[('f0', '<f8'), ('f1', '<U1')]", [2], [[1.5, "x"], [2, "y"]]),
     ("<U3", [2, 2], [["1.5", "x"], ["2", "y"]])),
    ("1,,3\n4,5,6", (INT, [2, 3], [[1, -1, 3], [4, 5, 6]]), ("<U1", [2, 3], [["1", "", "3"], ["4", "5", "6"]])),
    ("1,2\n3", ("ValueError", "Some errors were detected !\n    Line #2 (got 1 columns instead of 2)"),
     ("UnboundLocalError", "")),
    ('"a', ("<U2", [], '"a'), ("ClientError", "Error while decoding csv: unexpected end of data")),
    ('"1","2"', ("<U3", [2], ['"1"', '"2"']), (FLOAT, [2], [1, 2])),
]  # fmt: skip
OF_JSON = [
    ("[[1, 2], [3, 4]]", (INT, [2, 2], [[1, 2], [3, 4]])),
    ("[1.5, 2]", (FLOAT, [2], [1.5, 2])),
    ("[[[1]]]", (INT, [1, 1, 1], [[[1]]])),
    ("5", (INT, [], 5)),
    ("[]", (FLOAT, [0], [])),
    ('["a", 1]', ("<U21", [2], ["a", "1"])),
    ('{"a": 1}', ("object", [], {"a": 1})),
    ("[null, 1]", ("object", [2], [None, 1])),
    ("", ("JSONDecodeError", "Expecting value: line 1 column 1 (char 0)")),
]
# A prediction; as CSV of sagemaker_inference, of sagemaker_containers; as JSON.
TO = [
    ("numpy.eye(2)", "1.0,0.0\n0.0,1.0\n", "1.0,0.0\n0.0,1.0\n", "[[1.0, 0.0], [0.0, 1.0]]"),
    ("numpy.arange(2)", "0\n1\n", "0\n1\n", "[0, 1]"),
    ("[[1, 2], [3, 4]]", "1,2\n3,4\n", "1,2\n3,4\n", "[[1, 2], [3, 4]]"),
    ("[1, 2]", "1\n2\n", "1\n2\n", "[1, 2]"),
    ("numpy.array([])", "", "", "[]"),
    ('[["a,b", 1.5]]', "a,b,1.5\n", '"a,b",1.5\n', '[["a,b", 1.5]]'),
    ("5", ("ValueError", "Expected 1D or 2D array, got 0D array instead"),
     ("TypeError", "iteration over a 0-d array"), "5"),
    ("[numpy.float32(1.5)]", "1.5\n", "1.5\n", "[1.5]"),
    ("{1}", ("ValueError", "Expected 1D or 2D array, got 0D array instead"),
     ("TypeError", "iteration over a 0-d array"), ("TypeError", "Object of type set is not JSON serializable")),
]  # fmt: skip

ASK = """
    import io, json, sys, warnings
    import numpy, scipy.sparse
    warnings.simplefilter("ignore")
    from sagemaker_containers.beta.framework import content_types as older_types, encoders
    from sagemaker_inference import content_types, decoder, encoder
    from sagemaker_inference.decoder import decode
    from sagemaker_inference.errors import UnsupportedFormatError

    def told(call, *args):
        try:
            found = call(*args)
        except Exception as error:
            return [type(error).__name__, str(error)]
        if isinstance(found, (str, bytes)):
            return found if isinstance(found, str) else found.hex()
        if scipy.sparse.issparse(found):
            return [type(found).__name__, str(found.dtype), found.toarray().tolist()]
        return [str(found.dtype), list(found.shape), found.tolist()]

    def saved(save, value):
        file = io.BytesIO()
        save(file, value)
        return file.getvalue()

    asked = json.load(open("/opt/ml/code/asked.json"))
    answers = {
        "csv": [[told(decoder.decode, text, "text/csv"), told(encoders.decode, text, "text/csv")]
                for text in asked["csv"]],
        "json": [[told(each.decode, text, "application/json") for each in (decoder, encoders)]
                 for text in asked["json"]],
        "to": [[told(encoder.encode, eval(text), "text/csv"), told(encoders.encode, eval(text), "text/csv"),
                *(told(each.encode, eval(text), "application/json") for each in (encoder, encoders))]
               for text in asked["to"]],
        "npy": [told(each.decode, each_.encode(numpy.eye(2), "application/x-npy"), "application/x-npy")
                for each, each_ in ((decoder, encoder), (encoders, encoders))],
        "npz": [told(each.decode, saved(scipy.sparse.save_npz, scipy.sparse.csr_matrix(numpy.eye(2))),
                     "application/x-npz") for each in (decoder, encoders)],
        "unknown": [told(call, "1", kind) for kind in ("text/xml", "text/csv; charset=utf-8", None)
                    for call in (decoder.decode, encoders.decode, encoder.encode, encoders.encode)],
        "types": [sorted(vars(each).keys() & {"JSON", "CSV", "NPY", "NPZ", "UTF8_TYPES", "OCTET_STREAM", "ANY"})
                  for each in (content_types, older_types)],
    }
    print("answers", json.dumps(answers, default=str))
"""


@pytest.fixture(scope="module")
def run(account, sagemaker, s3, bucket):
    """The lines of a training job of these files, which is to have completed unless it is to fail."""

    def start(script: str, *channels: dict, wanted="Completed", files=None, repository="sagemaker-scikit-learn"):
        job = name("packages")
        s3.put_object(Bucket=bucket, Key=f"{job}.tar.gz", Body=packed({"t.py": script, **(files or {})}))
        code = {"sagemaker_program": "t.py", "sagemaker_submit_directory": f"s3://{bucket}/{job}.tar.gz"}
        spec = {"TrainingImage": image(repository), "TrainingInputMode": "File"}
        code |= {"learning-rate": "0.1", "sagemaker_job_name": "mine"}
        body = definition(
            account, job, *channels, bucket=bucket, AlgorithmSpecification=spec, HyperParameters=code
        )  # fmt: skip
        if not channels:
            del body["InputDataConfig"]
        sagemaker.create_training_job(**body)
        status = ended(sagemaker, job)["TrainingJobStatus"]
        lines = log(job)
        assert status == wanted, lines
        return lines

    return start


@pytest.fixture(scope="module")
def answers(run) -> dict:
    asked = {"csv": [each[0] for each in OF_CSV], "json": [each[0] for each in OF_JSON], "to": [each[0] for each in TO]}
    lines = run(ASK, files={"asked.json": json.dumps(asked)})
    return json.loads(next(line for line in lines if line.startswith("answers ")).removeprefix("answers "))


def same(answer, wanted) -> bool:
    if isinstance(wanted, str):
        return answer == wanted
    return answer == list(wanted)


def test_csv_read(answers):
    for (text, newer, older), (is_newer, is_older) in zip(OF_CSV, answers["csv"], strict=True):
        assert same(is_newer, newer), (text, is_newer)
        if older[0] == "UnboundLocalError":  # rows of different lengths: no array, and nothing that says so
            assert is_older[0] == older[0]
        else:
            assert same(is_older, older), (text, is_older)


def test_json_read(answers):
    for (text, wanted), both in zip(OF_JSON, answers["json"], strict=True):
        assert all(same(each, wanted) for each in both), (text, both)


def test_predictions_written(answers):
    for (value, newer, older, as_json), found in zip(TO, answers["to"], strict=True):
        for answer, wanted in zip(found, (newer, older, as_json, as_json), strict=True):
            assert same(answer, wanted), (value, answer)


def test_arrays_of_numpy_and_scipy(answers):
    assert answers["npy"] == [[FLOAT, [2, 2], [[1, 0], [0, 1]]]] * 2
    assert answers["npz"] == [
        ["csr_matrix", FLOAT, [[1, 0], [0, 1]]],
        ["UnsupportedFormatError", UNSUPPORTED.format(NPZ)],
    ]


def test_content_types_that_are_none(answers):
    wanted = [
        ["UnsupportedFormatError", UNSUPPORTED.format(each)] for each in ("text/xml", f"{CSV}; charset=utf-8", None)
    ]
    assert answers["unknown"] == [each for each in wanted for _ in range(4)]
    every = ["ANY", "CSV", "JSON", "NPY", "NPZ", "OCTET_STREAM", "UTF8_TYPES"]
    assert answers["types"] == [every, [each for each in every if each != "NPZ"]]


XGBOOST = """
    import json, os
    from sagemaker_xgboost_container import encoder
    from sagemaker_xgboost_container.data_utils import get_content_type, get_dmatrix

    def told(call, *args):
        try:
            found = call(*args)
        except Exception as error:
            return [type(error).__name__, str(error).splitlines()[0]]
        return [found.get_data().toarray().tolist(), found.get_label().tolist()]

    records = open("/opt/ml/input/data/records/a", "rb").read()
    asked = [
        ("1,2\\n3,4", "text/csv"), (b"1;2\\n3;4", "text/csv; charset=utf-8"), ("7", "text/csv"), ("1,2\\n", "text/csv"),
        ("", "text/csv"), (b"1 0:1 1:2\\n0 1:3\\n", "text/libsvm"), (b"1 0:1 1:2\\n", "text/x-libsvm"),
        ("1 0:1", "text/libsvm"), (records, "application/x-recordio-protobuf"), ("[[1, 2]]", "application/json; a=b"),
    ]
    answers = [told(encoder.decode, *each) for each in asked]
    answers += [told(get_dmatrix, f"/opt/ml/input/data/{kind}", kind if kind != "records" else "recordio-protobuf")
                for kind in ("csv", "libsvm", "records")]
    answers += [told(get_dmatrix, "/opt/ml/input/data/csv", *each) for each in (("csv", 1), ("text/csv",))]
    answers += [get_content_type(each) for each in (None, "text/csv; label_size=1", "text/x-libsvm ;charset=utf8")]
    answers += [told(get_content_type, each) for each in ("text/csv;label_size=2", "image/png")]
    print("answers", json.dumps(answers))
"""


def test_xgboosts_matrices(run, s3, bucket):
    s3.put_object(Bucket=bucket, Key="matrices/csv/a.csv", Body=b"1;2;3\n4;5;6\n")
    s3.put_object(Bucket=bucket, Key="matrices/csv/deep/b.csv", Body=b"7;8;9")
    s3.put_object(Bucket=bucket, Key="matrices/libsvm/a", Body=b"7 0:2\n8 0:3\n")
    s3.put_object(Bucket=bucket, Key="matrices/records/a", Body=recordio.write_features([[1, 2], [3, 4]], [5, 6]))
    channels = [channel(f"s3://{bucket}/matrices/{each}/", each) for each in ("csv", "libsvm", "records")]
    lines = run(XGBOOST, *channels, repository="sagemaker-xgboost")
    found = json.loads(next(line for line in lines if line.startswith("answers ")).removeprefix("answers "))
    assert found[:3] == [[[[1, 2], [3, 4]], []], [[[1, 2], [3, 4]], []], [[[7]], []]]
    assert found[3][0] == "ValueError" and found[4] == ["Error", "Could not determine delimiter"]
    assert found[5:7] == [[[[1, 2], [0, 3]], [1, 0]], [[[1, 2]], [1]]]
    assert found[7] == ["TypeError", "a bytes-like object is required, not 'str'"]
    assert found[8] == [[[1, 2], [3, 4]], []]
    assert found[9] == ["UnsupportedFormatError", UNSUPPORTED.format(JSON).splitlines()[0]]
    assert found[10] == [[[2, 3], [5, 6], [8, 9]], [1, 4, 7]]
    assert found[11] == [[[2], [3]], [7, 8]]
    assert found[12] == [[[1, 2], [3, 4]], [5, 6]]
    assert found[13][0] == [[3], [6], [9]]
    assert found[14][0] == "UnboundLocalError"
    assert found[15:18] == ["libsvm", "csv", "libsvm"]
    assert found[18:] == [
        ["UserError", "text/csv;label_size=2 is not an accepted csv ContentType. Optional parameter label_size must be "
         "equal to 1"],
        ["UserError", "image/png is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, text/csv, "
         "text/libsvm, text/x-libsvm, application/x-parquet, application/x-recordio-protobuf."],
    ]  # fmt: skip


KNOWS = """
    import json, os
    import sagemaker_containers
    from sagemaker_containers.beta import framework
    from sagemaker_training import environment
    from sagemaker_training.environment import code_dir

    for env in (environment.Environment(), sagemaker_containers.training_env(), framework.training_env()):
        assert env.hyperparameters == env["hyperparameters"] == {"learning-rate": 0.1}
        assert env.to_cmd_args() == ["--learning-rate", "0.1"]
        assert env.module_name == "t" and env.user_entry_point == "t.py"
        assert env.framework_module == os.environ["SM_FRAMEWORK_MODULE"]
        ours = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
        assert env.to_env_vars().keys() == ours.keys(), ours.keys() ^ env.to_env_vars().keys()
        assert dict(env)["model_dir"] == "/opt/ml/model" and code_dir == "/opt/ml/code"
"""


def test_what_a_script_asks_of_its_job(run):
    run(KNOWS)


ABSENT = """
    from sagemaker_containers.beta.framework import encoders, modules, transformer, worker
    from sagemaker_inference import content_types, default_inference_handler, transformer as newer
    from sagemaker_xgboost_container.data_utils import get_size

    class Handler(default_inference_handler.DefaultInferenceHandler):
        pass

    try:
        Handler().default_predict_fn(None, None)
    except NotImplementedError as error:
        print(str(error).split())
    def told(code):
        try:
            exec(code)
        except Exception as error:
            print(type(error).__name__, str(error).partition(" Its ")[0])
    told("modules.run_module('x')")
    told("newer.Transformer()")
    told("get_size('x')")
    told("class X(worker.Worker): pass")
    told("import sagemaker_training.timeout")
    told("from sagemaker_inference.transformer import Transformer")
    told("import sagemaker_sklearn_container.serving")
    told("import smdebug")
    import sagemaker_pytorch_serving_container
"""


def test_what_is_not_there_is_refused_by_its_name(run):
    """When it is used, if it is a member; when it is imported, if it is a module."""
    lines = run(ABSENT, wanted="Failed")
    here = "is not in the embedded AWS account."
    assert [line for line in lines if here in line] == [
        f"AttributeError sagemaker_containers.beta.framework.modules.run_module {here}",
        f"AttributeError sagemaker_inference.transformer.Transformer {here}",
        f"NotImplementedError sagemaker_xgboost_container.data_utils.get_size {here}",
        f"NotImplementedError sagemaker_containers._worker.Worker {here}",
        f"ModuleNotFoundError sagemaker_training.timeout {here}",
        f"ModuleNotFoundError sagemaker_inference.transformer {here}",
        f"ModuleNotFoundError sagemaker_sklearn_container {here}",
        f"ModuleNotFoundError: sagemaker_pytorch_serving_container {here} Its documentation lists what is.",
    ]
    assert "ModuleNotFoundError No module named 'smdebug'" in lines
    assert not any("image_packages" in line for line in lines)
