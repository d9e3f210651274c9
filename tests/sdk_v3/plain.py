"""Plain code of version 3 of the SageMaker SDK, as it would be written for AWS; it prints what came of it as JSON."""

import json
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.resources import EndpointConfig, TrainingJob
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.transformer import Transformer
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

CODE = str(Path(__file__).parent / "code")
session = Session()
role, bucket = get_execution_role(), session.default_bucket()
machine = {"instance_count": 1, "instance_type": "ml.m5.large"}
algorithm = image_uris.retrieve("linear-learner", session.boto_region_name)
scikit_learn = image_uris.retrieve("sklearn", session.boto_region_name, "1.4-2", instance_type="ml.m5.large")
rows = "".join(f"{3 * a + 5},{a},{a % 7}\n" for a in range(60))
data = session.upload_string_as_file_body(rows, bucket, "plain/train.csv")
found = {}


def train(name, hyperparameters, image, **more):
    trainer = ModelTrainer(
        training_image=image, role=role, sagemaker_session=session, compute=Compute(**machine),
        base_job_name=name, hyperparameters=hyperparameters, **more,
    )  # fmt: skip
    trainer.train([InputData(channel_name="train", data_source=data, content_type="text/csv")])
    jobs = TrainingJob.get_all(name_contains=name, sort_by="CreationTime", sort_order="Descending")
    return TrainingJob.get(next(jobs).training_job_name)


def ask(builder, name):
    """Deploy under a name, ask for two rows, delete."""
    model = builder.build(model_name=name)
    endpoint = builder.deploy(endpoint_name=name, initial_instance_count=1, wait=False)
    endpoint.wait_for_status("InService")
    answer = endpoint.invoke(body="1,1\n10,3", content_type="text/csv", accept="application/json").body.read()
    for each in (endpoint, EndpointConfig.get(name), model):
        each.delete()
    return json.loads(answer)


# A built-in algorithm: training, an endpoint, a batch
job = train("plain-algorithm", {"predictor_type": "regressor", "mini_batch_size": 10, "epochs": 30}, algorithm)
artifact = job.model_artifacts.s3_model_artifacts
serving = {"role_arn": role, "sagemaker_session": session, "instance_type": "ml.t2.medium"}
builder = ModelBuilder(image_uri=algorithm, s3_model_data_url=artifact, **serving)
found["algorithm"] = [each["score"] for each in ask(builder, "plain-algorithm")["predictions"]]

model = ModelBuilder(image_uri=algorithm, s3_model_data_url=artifact, **serving).build(model_name="plain-batch")
questions = session.upload_string_as_file_body("1,1\n10,3\n", bucket, "plain/questions.csv")
transformer = Transformer(
    "plain-batch", output_path=f"s3://{bucket}/plain/answers", accept="application/json", assemble_with="Line",
    sagemaker_session=session, **machine,
)  # fmt: skip
transformer.transform(questions, content_type="text/csv", split_type="Line")
answered = json.loads(session.read_s3_file(bucket, "plain/answers/questions.csv.out"))
found["batch"] = [each["score"] for each in answered["predictions"]]
model.delete()

# A user's code: training in Python and in a shell, an endpoint, a job that prepares data
for kind, source in {"python": {"entry_script": "fit.py"}, "shell": {"command": "sh ./fit.sh $SM_HP_DEGREE"}}.items():
    code = SourceCode(source_dir=CODE, **source)
    job = train(f"plain-{kind}", {"degree": 1}, scikit_learn, source_code=code)
    found[kind] = job.training_job_status
builder = ModelBuilder(
    image_uri=scikit_learn, s3_model_data_url=job.model_artifacts.s3_model_artifacts,
    source_code=SourceCode(source_dir=CODE, entry_script="infer.py"), **serving,
)  # fmt: skip
found["code"] = ask(builder, "plain-code")
try:
    train("plain-broken", {"degree": -1}, scikit_learn, source_code=SourceCode(source_dir=CODE, entry_script="fit.py"))
except FailedStatusError as error:
    found["broken"] = str(error)

processor = ScriptProcessor(
    role, scikit_learn, ["python3"], base_job_name="plain", sagemaker_session=session, **machine
)  # fmt: skip
source = ProcessingS3Input(
    s3_uri=data, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix", s3_input_mode="File"
)
target = ProcessingS3Output(
    s3_uri=f"s3://{bucket}/plain/counted", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
)
processor.run(
    f"{CODE}/count.py", logs=False,
    inputs=[ProcessingInput(input_name="table", s3_input=source)],
    outputs=[ProcessingOutput(output_name="counted", s3_output=target)],
)  # fmt: skip
found["counted"] = session.read_s3_file(bucket, "plain/counted/rows.txt")
json.dump(found, sys.stdout)
