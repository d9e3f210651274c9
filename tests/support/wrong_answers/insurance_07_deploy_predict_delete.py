"""Typical wrong answers to the exercises of "Put the model to work, in three ways", in both editions."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from support.learners_jobs import stop
from support.wrong_answers import Wrong
from utils.course import Course
from utils.sweep import delete_endpoint

MODEL = "course-served"  # made once, by `train_a_model`


def train_a_model(course: Course) -> None:
    """A line of the lesson's kind and a model of it, whose name the jobs and endpoints give."""
    from sagemaker import image_uris
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput

    given: dict[str, Any] = {"predictor_type": "regressor", "mini_batch_size": 10, "epochs": 1}
    learner = Estimator(
        image_uris.retrieve("linear-learner", course.session.boto_region_name), role=course.role,
        sagemaker_session=course.session, instance_count=1, instance_type="ml.m5.large", max_run=900,
        hyperparameters=given, debugger_hook_config=False, disable_profiler=True,
        base_job_name="course-served", output_path=course.output_path, tags=course.tags,
    )  # fmt: skip
    rows = "".join(f"{number},{number},1\n" for number in range(40))
    learner.fit({"train": TrainingInput(put(course, "train.csv", rows), content_type="text/csv")}, logs=False)
    container = {"Image": learner.training_image_uri(), "ModelDataUrl": learner.model_data}
    with contextlib.suppress(ClientError):  # the other edition's tests have made it
        course.session.sagemaker_client.create_model(
            ModelName=MODEL, ExecutionRoleArn=course.role, PrimaryContainer=container
        )


def put(course: Course, name: str, text: str) -> str:
    """Where in S3 a text lies."""
    uri: str = course.session.upload_string_as_file_body(text, course.bucket, f"{course.prefix}/wrong/{name}")
    return uri


# ---- batch transform jobs


def sent(
    file: str = "people.jsonl",
    rows: int = 3,
    features: int = 2,
    wait: bool = True,
    name: str = "course-wrong",
    tags: bool = True,
    accept: str | None = "application/jsonlines",
    **differs: Any,
) -> Callable[[Course], Any]:
    """Starts a job that differs from what the exercise asks; the transformer.  An argument of None is left out."""

    def send(course: Course) -> Any:
        from sagemaker.exceptions import UnexpectedStatusException
        from sagemaker.transformer import Transformer
        from sagemaker.utils import name_from_base

        stop(course, "TransformJob", "wrong")
        line = json.dumps({"person": 7, "bill": 9.5, "asked": {"features": [1.0] * features}})
        asked = {
            "content_type": "application/jsonlines", "split_type": "Line", "input_filter": "$.asked",
            "join_source": "Input", "output_filter": "$['person', 'SageMakerOutput']",
        } | differs  # fmt: skip
        transformer = Transformer(
            MODEL, 1, "ml.m5.large", strategy="SingleRecord", accept=accept, tags=course.tags if tags else None,
            output_path=f"{course.output_path}/wrong", sagemaker_session=course.session,
        )  # fmt: skip
        given = {option: value for option, value in asked.items() if value is not None}
        with contextlib.suppress(UnexpectedStatusException):  # which the check is asked about
            transformer.transform(
                put(course, file, "\n".join([line] * rows)),
                job_name=name_from_base(name),
                logs=False,
                wait=wait,
                **given,
            )
        return transformer

    return send


def idle(course: Course) -> Any:
    from sagemaker.transformer import Transformer

    return Transformer(MODEL, 1, "ml.m5.large", sagemaker_session=course.session)


BATCHES: Wrong = [
    (lambda course: "course-batch", "The transformer itself was expected"),
    (idle, "has started no job yet"),
    (sent("test.csv"), "sent the file test.csv and not people.jsonl."),
    (
        sent(content_type="text/csv", input_filter=None, join_source=None, output_filter=None),
        "content_type says text/csv.",
    ),
    (sent(split_type=None), "Nothing says where a record ends"),
    (sent(accept=None), "accept asks for a form"),
    (sent(input_filter=None), "sends the whole line to the model"),
    (sent(input_filter="$.asked.features"), "The bare list of features was sent"),
    (sent(input_filter="$['person','asked']"), "filter $['person','asked'] does not choose"),
    (sent(join_source=None, output_filter=None), "Nothing was joined"),
    (sent(output_filter=None), "keeps the whole joined line"),
    (sent(output_filter="$.SageMakerOutput"), "filter $.SageMakerOutput does not keep"),
    (sent(tags=False), "none of the course's tags"),
    (sent(name="wrong"), "this job is called wrong-"),
    (sent(rows=3_000, wait=False), "still at work"),
    (sent(features=3), "the job has no output: "),
]


# ---- endpoints


def serverless(memory: int = 2048, concurrency: int = 10, **more: int) -> dict[str, Any]:
    return {"ServerlessConfig": {"MemorySizeInMB": memory, "MaxConcurrency": concurrency} | more}


def configured(variant: dict[str, Any], tags: bool = True) -> Callable[[Course], str]:
    """Makes a configuration; its name.  The test's end deletes the last one."""

    def make(course: Course) -> str:
        delete_endpoint(course.session.sagemaker_client, "course-left")
        course.session.sagemaker_client.create_endpoint_config(
            EndpointConfigName="course-left",
            ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": MODEL} | variant],
            Tags=course.tags if tags else [],
        )
        return "course-left"

    return make


CONFIGURATIONS: Wrong = [
    (lambda course: "somebody-else", "names begin with 'course-' here"),
    (lambda course: "course-none", "nothing of the name course-none"),
    (lambda course: SimpleNamespace(endpoint_name="course-none"), "nothing of the name course-none"),
    (lambda course: 2048, "What deploy returns was expected"),
    (configured({"InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}), "A machine of the type ml.t2.medium"),
    (configured(serverless(memory=1024)), "It has 1024 MB"),
    (configured(serverless(concurrency=20)), "at most 20 requests at once"),
    (configured(serverless(ProvisionedConcurrency=2)), "keeps 2 of its containers ready"),
    (configured(serverless(), tags=False), "The second fault is still there"),
]

WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/07_deploy_predict_delete", "batch_joined"): BATCHES,
    ("insurance/07_deploy_predict_delete", "on_call"): CONFIGURATIONS,
    ("insurance/07_deploy_predict_delete_sdk_v3", "batch_joined"): BATCHES,
    ("insurance/07_deploy_predict_delete_sdk_v3", "serverless_config"): CONFIGURATIONS,
}
PREPARED = {
    "insurance/07_deploy_predict_delete": train_a_model,
    "insurance/07_deploy_predict_delete_sdk_v3": train_a_model,
}
