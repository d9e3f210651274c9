"""What AWS's training image of TensorFlow does around the user's script.

Source: ``sagemaker-tensorflow-training`` 20.4.1, modules ``training`` and ``s3_utils``.
"""

import logging
import os
from typing import Any
from urllib.parse import urlsplit

from environment import BASE

MODULE = "sagemaker_tensorflow_container.training"
OBJECTIVE = "_tuning_objective_metric"

log = logging.getLogger(MODULE)


def name_model_dir(hyperparameters: dict[str, Any], values: dict[str, Any], job: str | None) -> None:
    """In a tuning job, whose training jobs share ``model_dir``, give each a folder of its own in it.

    ``values`` are all hyperparameters, and ``hyperparameters`` the user's, one of which changes.
    """
    if OBJECTIVE not in values:
        return
    model_dir = values.get("model_dir")
    if not (model_dir and model_dir.startswith(BASE)):
        model_dir = f"{model_dir}/{job}/model"
    log.info("Appending the training job name to model_dir: %s", model_dir)
    hyperparameters["model_dir"] = model_dir


def variables(model_dir: object, region: str) -> dict[str, str]:
    """Variables that configure TensorFlow: where its S3 is, and that it logs from warnings on.

    Raises an error of boto3's if ``model_dir`` is in a bucket that cannot be asked for its region.
    """
    if isinstance(model_dir, str) and model_dir.startswith("s3://"):
        import boto3  # not in the jobs that need none: it takes a while

        answer = boto3.client("s3", region_name=region).get_bucket_location(Bucket=urlsplit(model_dir).netloc)
        region = answer["LocationConstraint"] or region
    return {"S3_REGION": region, "TF_CPP_MIN_LOG_LEVEL": "1", "S3_USE_HTTPS": "1"}


def warn_of_model(folder: str = f"{BASE}/model") -> None:
    """Log what keeps TensorFlow Serving's container from serving what the script has left in ``folder``."""
    bundles, files = False, False
    for place, _, names in os.walk(folder):
        files = files or bool(names)
        parent = os.path.basename(place)
        for name in names:
            if "saved_model.pb" in name:
                bundles = True
                if not parent.isdigit():
                    log.warning(
                        "Your model will NOT be servable with SageMaker TensorFlow Serving containers. "
                        'The SavedModel bundle is under directory "%s", not a numeric name.',
                        parent,
                    )
    if not files:
        log.warning(
            "No model artifact is saved under path %s. Your training job will not save any model files to S3.\n"
            "For details of how to construct your training script see:\n"
            "https://sagemaker.readthedocs.io/en/stable/using_tf.html#adapting-your-local-tensorflow-script",
            folder,
        )
    elif not bundles:
        log.warning(
            "Your model will NOT be servable with SageMaker TensorFlow Serving container. "
            "The model artifact was not saved in the TensorFlow SavedModel directory structure:\n"
            "https://www.tensorflow.org/guide/saved_model#structure_of_a_savedmodel_directory"
        )
