"""Framework images, which run what the user wrote: scikit-learn, PyTorch, TensorFlow, and XGBoost with a script."""

from __future__ import annotations

from pathlib import Path

from local_aws.containers.image import Image

FOLDER = Path(__file__).parent


def _framework(name: str, extra: str = "", trains: bool = True, serves: bool = True) -> Image:
    return Image(
        name,
        ("python", str(FOLDER / "train.py"), name) if trains else (),
        None,
        (),
        {},
        ("python", str(FOLDER / "serve.py"), name) if serves else (),
        script_mode=True,
        pipes=True,
        extra=extra,
    )


# Images that run what the user wrote; of sagemaker-xgboost it is one of two ways.
FRAMEWORKS = {
    "sagemaker-scikit-learn": _framework("sagemaker-scikit-learn", "sklearn"),
    "sagemaker-xgboost": _framework("sagemaker-xgboost", "xgboost"),
    # Of scripts that need PyTorch or TensorFlow the log and the failure say so where it is not there.
    "pytorch-training": _framework("pytorch-training", serves=False),
    "pytorch-inference": _framework("pytorch-inference", trains=False),
    "tensorflow-training": _framework("tensorflow-training", serves=False),
}
