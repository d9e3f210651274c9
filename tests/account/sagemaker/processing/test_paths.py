"""A processing job's script runs, unchanged, on the paths of AWS's containers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from support.processing import IMAGE, TABLE, definition, files, source, target
from support.training import name

EVERYWHERE = r'''
import argparse, glob, io, json, os, pathlib, shutil, subprocess, sys, tarfile, tempfile
import joblib, numpy as np, pandas as pd
from os.path import isfile
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--folder")
options = parser.parse_args()
OUT = "/opt/ml/processing/out"
seen = {}

table = pd.read_csv("/opt/ml/processing/input/table/table.csv")
table.to_csv(f"{OUT}/table.csv.gz", index=False)
table.to_pickle(Path(OUT) / "table.pickle")
table.to_json(OUT + "/table.json")
joblib.dump({"rows": len(table)}, "/opt/ml/processing/out/model.joblib", compress=3)
seen["joblib"] = joblib.load(OUT + "/model.joblib")
np.save(f"{OUT}/x.npy", table.to_numpy())
np.savez_compressed(f"{OUT}/x.npz", x=np.arange(3))
seen["numpy"] = [float(np.load(f"{OUT}/x.npy", mmap_mode="r").sum()), int(np.load(f"{OUT}/x.npz")["x"].sum())]
np.savetxt(f"{OUT}/x.txt", np.arange(4)); seen["loadtxt"] = np.loadtxt(f"{OUT}/x.txt").sum()
np.arange(5).tofile(f"{OUT}/x.bin"); seen["fromfile"] = int(np.fromfile(f"{OUT}/x.bin", int).sum())
with open(os.path.join(options.folder, "open.txt"), "w") as file:
    file.write("written")
seen["io"] = io.open(b"/opt/ml/processing/out/open.txt").read()
deep = Path("/opt/ml/processing/out/a/b")
deep.mkdir(parents=True)
(deep / "c.txt").write_text("deep")
seen["pathlib"] = [(deep / "c.txt").read_text(), deep.exists(), str(deep.resolve()), str(Path(OUT, "a/../a").resolve())]
seen["glob"] = sorted(glob.glob(OUT + "/**/*.txt", recursive=True)) + sorted(map(str, Path(OUT).rglob("*.np?")))
seen["iterdir"] = sorted(str(each.relative_to(OUT)) for each in deep.iterdir())
seen["walk"] = [[top, folders, names] for top, folders, names in os.walk(OUT + "/a")]
seen["walk up"] = [top for top, _, _ in os.walk(OUT + "/a", topdown=False)]
seen["scandir"] = [[each.path, each.is_file(), each.stat().st_size] for each in os.scandir(deep)]
shutil.copytree(OUT + "/a", OUT + "/copy")
shutil.move(OUT + "/copy/b/c.txt", OUT + "/moved.txt")
shutil.rmtree("/opt/ml/processing/out/copy")
seen["gone"] = [os.path.exists(OUT + "/copy"), isfile(OUT + "/moved.txt"), os.path.getsize(OUT + "/moved.txt")]
os.replace(OUT + "/moved.txt", OUT + "/renamed.txt")
shutil.make_archive("/opt/ml/processing/archive", "gztar", OUT + "/a")
seen["tar"] = sorted(tarfile.open("/opt/ml/processing/archive.tar.gz").getnames())
with tempfile.NamedTemporaryFile(dir=OUT) as file:
    seen["temporary"] = os.path.dirname(file.name)
os.chdir("/opt/ml/processing/out")
Path("relative.txt").write_text("here")
seen["cwd"] = [os.getcwd(), str(Path.cwd()), os.path.abspath("x"), os.path.exists(OUT + "/relative.txt")]
os.symlink("/opt/ml/processing/input/table", "/opt/ml/processing/out/link")
seen["link"] = [os.readlink(OUT + "/link"), os.listdir(OUT + "/link"), os.path.realpath(OUT + "/link")]
seen["own file"] = Path(__file__).name
Path("/opt/ml/processing/other.py").write_text("""
import os, sys
print(sys.argv[1] == "s3://bucket/opt/ml/x", os.path.isdir(sys.argv[2]), open("/opt/ml/processing/out/open.txt").read())
""")
for environment in (None, {}, {"PYTHONPATH": "/opt/ml/processing"}):
    command = [sys.executable, "/opt/ml/processing/other.py", "s3://bucket/opt/ml/x", "/opt/ml/processing/out"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/opt/ml/processing")
    seen.setdefault("programs", []).append(done.stdout.strip() or done.stderr)
seen["shell"] = subprocess.check_output("cat /opt/ml/processing/out/open.txt", shell=True, text=True)
version = ["python", "-c", "import pandas; print(pandas.__version__)"]
seen["python"] = subprocess.check_output(version, text=True).strip()
os.system("cp /opt/ml/processing/out/open.txt /opt/ml/processing/out/system.txt")
seen["workers"] = joblib.Parallel(2)(joblib.delayed(os.listdir)("/opt/ml/processing/input/table") for _ in range(2))
sys.path.insert(0, "/opt/ml/processing/modules")
os.makedirs("/opt/ml/processing/modules")
Path("/opt/ml/processing/modules/mine.py").write_text("NUMBER = 7")
import mine
seen["module"] = mine.NUMBER
try:
    open("/opt/ml/processing/none")
except FileNotFoundError as error:
    print(error)
json.dump(seen, open("/opt/ml/processing/out/seen.json", "w"))
'''


def test_every_way_to_a_path(process):
    out = "/opt/ml/processing/out"
    body, lines, found = process(
        EVERYWHERE,
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            "ContainerArguments": ["--folder=/opt/ml/processing/out"],
        },
    )
    assert body["ProcessingJobStatus"] == "Completed", lines
    assert json.loads(found["seen.json"]) == {
        "joblib": {"rows": 3},
        "numpy": [129.5, 3],
        "loadtxt": 6.0,
        "fromfile": 10,
        "io": "written",
        "pathlib": ["deep", True, f"{out}/a/b", f"{out}/a"],
        "glob": [f"{out}/a/b/c.txt", f"{out}/open.txt", f"{out}/x.txt", f"{out}/x.npy", f"{out}/x.npz"],
        "iterdir": ["a/b/c.txt"],
        "walk": [[f"{out}/a", ["b"], []], [f"{out}/a/b", [], ["c.txt"]]],
        "walk up": [f"{out}/a/b", f"{out}/a"],
        "scandir": [[f"{out}/a/b/c.txt", True, 4]],
        "gone": [False, True, 4],
        "tar": [".", "./b", "./b/c.txt"],
        "temporary": out,
        "cwd": [out, out, f"{out}/x", True],
        "link": ["/opt/ml/processing/input/table", ["table.csv"], "/opt/ml/processing/input/table"],
        "own file": "script.py",
        "programs": ["True True written"] * 3,
        "shell": "written",
        "python": pd.__version__,
        "workers": [["table.csv"]] * 2,
        "module": 7,
    }
    # The link is not uploaded, all else is.
    names = "a/b/c.txt model.joblib open.txt relative.txt renamed.txt seen.json system.txt table.csv.gz table.json "
    names += "table.pickle x.bin x.npy x.npz x.txt"
    assert sorted(found) == names.split()
    pd.testing.assert_frame_equal(
        pd.read_csv(io.BytesIO(found["table.csv.gz"]), compression="gzip"), pd.read_csv(io.BytesIO(TABLE))
    )
    assert lines[-1] == "[Errno 2] No such file or directory: '/opt/ml/processing/none'"
    assert not Path("/opt/ml/processing").exists()


def test_what_a_job_finds_in_its_container(account, process, sagemaker):
    body, lines, found = process(
        "import json, os, shutil\n"
        "for each in ('processingjobconfig', 'resourceconfig'):\n"
        "    shutil.copy(f'/opt/ml/config/{each}.json', '/opt/ml/processing/out')\n"
        "json.dump(dict(os.environ), open('/opt/ml/processing/out/environment.json', 'w'))\n"
        "print('empty' if os.read(0, 1) == b'' else 'input')\n",
        Environment={"COLOUR": "blue", "SOME_PATH": "/opt/ml/processing/out", "AWS_REGION": "nowhere"},
    )
    assert body["ProcessingJobStatus"] == "Completed" and lines == ["empty"]
    config, resources, environment = (
        json.loads(found[f"{each}.json"]) for each in ("processingjobconfig", "resourceconfig", "environment")
    )
    for member in ("ProcessingJobName", "AppSpecification", "ProcessingInputs", "ProcessingOutputConfig", "RoleArn"):
        assert config[member] == body[member]
    assert (resources["current_host"], resources["hosts"]) == ("algo-1", ["algo-1"])
    assert environment["COLOUR"] == "blue" and environment["AWS_REGION"] == "us-east-1"
    assert environment["SOME_PATH"].endswith("/opt/ml/processing/out")
    # Keys of its own, and nothing that would lead it to the account's.
    own = account.account
    assert not {own.access_key_id, own.secret_access_key, own.session_token} & set(environment.values())
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA") and "LOCAL_AWS_STATE" not in environment


def test_an_input_belongs_to_the_job(process, s3, bucket):
    """What a job writes on is its own copy, as on AWS; what S3 holds stays."""
    body, lines, _ = process(
        "with open('/opt/ml/processing/input/table/table.csv', 'r+') as file: file.write('more')\n"
        "print(open('/opt/ml/processing/input/table/table.csv').read()[:4])"
    )
    assert lines == ["more"]
    assert s3.get_object(Bucket=bucket, Key=f"{body['ProcessingJobName']}/table.csv")["Body"].read() == TABLE


def test_the_image_of_xgboost_evaluates_its_models(process):
    entry = ["python3", "/opt/ml/processing/input/code/script.py"]
    app = {"ImageUri": IMAGE.replace("scikit-learn:1.2-1", "xgboost:1.7-1"), "ContainerEntrypoint": entry}
    body, lines, _ = process("import xgboost\nprint(xgboost.DMatrix([[1, 2]]).num_col())", AppSpecification=app)
    assert (body["ProcessingJobStatus"], lines) == ("Completed", ["2"])


LIST = "import os\nfor at, _, names in sorted(os.walk('/opt/ml/processing/input/data')): print(at, sorted(names))"


@pytest.mark.parametrize("prefix", ["folders/data", "folders/data/"])
def test_a_prefix_is_a_folder(process, s3, bucket, prefix):
    for key in ("one.csv", "deep/two.csv", "deep/er/three.csv"):
        s3.put_object(Bucket=bucket, Key=f"folders/data/{key}", Body=TABLE)
    s3.put_object(Bucket=bucket, Key="folders/data/deep/", Body=b"")  # as the console makes a folder
    code = definition(s3, bucket, name("prefix"), LIST)["ProcessingInputs"][0]
    data = source("data", f"s3://{bucket}/{prefix}", "/opt/ml/processing/input/data/")
    _, lines, _ = process(LIST, ProcessingInputs=[code, data])
    here = "/opt/ml/processing/input/data"
    assert lines == [f"{here} ['one.csv']", f"{here}/deep ['two.csv']", f"{here}/deep/er ['three.csv']"]


def test_a_manifest(process, s3, bucket):
    for key in ("one.csv", "deep/two.csv", "three.csv"):
        s3.put_object(Bucket=bucket, Key=f"manifest/data/{key}", Body=TABLE)
    manifest = [{"prefix": f"s3://{bucket}/manifest/data/"}, "one.csv", "deep/two.csv"]
    s3.put_object(Bucket=bucket, Key="manifest/list", Body=json.dumps(manifest).encode())
    members = definition(s3, bucket, name("manifest"), LIST)
    place = "/opt/ml/processing/input/data"
    data = source("data", f"s3://{bucket}/manifest/list", place, S3DataType="ManifestFile")
    _, lines, _ = process(LIST, ProcessingInputs=[members["ProcessingInputs"][0], data])
    assert lines == [f"{place} ['one.csv']", f"{place}/deep ['two.csv']"]


def test_outputs_in_each_other_and_at_a_bucket_s_root(process, s3, bucket):
    s3.create_bucket(Bucket="a-bucket-of-outputs")
    script = (
        "import os\n"
        "for each in ('a', 'in/b'): open(f'/opt/ml/processing/out/{each}', 'w').write(each)\n"
        "os.chmod('/opt/ml/processing/out/a', 0)"
    )
    outputs = [
        target("all", f"s3://{bucket}/nested/", "/opt/ml/processing/out/"),
        target("inner", "s3://a-bucket-of-outputs", "/opt/ml/processing/out/in"),
    ]
    body, lines, _ = process(script, ProcessingOutputConfig={"Outputs": outputs})
    assert body["ProcessingJobStatus"] == "Completed", lines
    assert files(s3, bucket, "nested/") == {"a": b"a", "in/b": b"in/b"}
    assert files(s3, "a-bucket-of-outputs", "") == {"b": b"in/b"}


def test_a_job_with_neither_input_nor_output(process):
    body, lines, _ = process(
        "", ProcessingInputs=[], ProcessingOutputConfig={"Outputs": []},
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["echo", "a b", "/opt/ml/processing/x"]},
    )  # fmt: skip
    assert body["ProcessingJobStatus"] == "Completed" and lines == ["a b /opt/ml/processing/x"]
