"""Typical wrong answers to the exercises of insurance/10_neural_network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.wrong_answers import Wrong
from utils.course import Course

FOLDER = "neural_network/pytorch_net"


def order(**options: Any) -> Callable[[Course], Any]:
    """An order that differs from what the exercise asks; it is not sent."""

    def make(course: Course) -> Any:
        from sagemaker.pytorch.estimator import PyTorch

        given: dict[str, Any] = {"entry_point": "train.py", "source_dir": FOLDER, "seed": 7, "embedding": 2} | options
        named = {name: given.pop(name) for name in ("seed", "embedding", "embeddings") if name in given}
        told: dict[str, Any] = {"epochs": 60} | {name: value for name, value in named.items() if value is not None}
        return PyTorch(
            framework_version="2.6", py_version="py312", role=course.role, sagemaker_session=course.session,
            instance_count=1, instance_type="ml.m5.large", max_run=900, base_job_name="course-embedding",
            hyperparameters=told, **given,
        )  # fmt: skip

    return make


def of_scikit_learn(course: Course) -> Any:
    from sagemaker.sklearn.estimator import SKLearn

    return SKLearn(
        entry_point="train.py", source_dir=FOLDER, framework_version="1.4-2", role=course.role,
        sagemaker_session=course.session, instance_count=1, instance_type="ml.m5.large", max_run=900,
    )  # fmt: skip


WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/10_neural_network", "embedding_order"): [
        (lambda course: {"embedding": 2}, "An estimator was expected"),
        (of_scikit_learn, "an order for SKLearn"),
        (order(source_dir=None, entry_point=f"{FOLDER}/train.py"), "What would be sent is train.py without net.py"),
        (order(entry_point=f"{FOLDER}/train.py"), f"there is no {FOLDER}/train.py"),
        (order(embedding=None, embeddings=2), "no argument for embeddings"),
        (order(embedding=None), "Nothing tells the script"),
        (order(embedding=0), "Nothing tells the script"),
        (order(seed=42), "would be given --embedding 2 --epochs 60 --seed 42"),
    ],
}
