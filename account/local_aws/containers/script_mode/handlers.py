"""Inference handlers of the framework images: their defaults, for what the user's code does not say.

A user's module may have ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``, or ``transform_fn`` in place of the
last three; what it leaves out is the image's.  Sources: AWS's open ``sagemaker-scikit-learn-container``
(``serving.py``), ``sagemaker-xgboost-container`` (``serving.py``, ``encoder.py``),
``sagemaker-pytorch-inference-toolkit`` (``default_pytorch_inference_handler.py``), and the packages
``sagemaker_containers`` and ``sagemaker_inference`` that they rest on.
"""

import inspect
import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from local_aws_absent import Absent
from local_aws_formats import CSV, UTF8_TYPES
from sagemaker_containers import _encoders
from sagemaker_inference import decoder, encoder, errors, utils

NO_MODEL_FN = (
    "\nPlease provide a model_fn implementation.\n"
    "See documentation for model_fn at https://github.com/aws/sagemaker-python-sdk\n"
)


class Defaults:
    """What scikit-learn's image does."""

    # Whether the image is built on the package sagemaker_inference: its answers tell errors, and functions may take a
    # context.  If not, it is built on sagemaker_containers.
    inference_toolkit = False
    module: str | None = None  # the user's module if SAGEMAKER_PROGRAM does not name it
    inside_the_model = False  # whether the user's code is the artifact's folder ``code``, wherever it came from

    def model_fn(self, model_dir: str) -> Any:
        """Raise NotImplementedError: the image does not know how the user's model was written."""
        raise NotImplementedError(NO_MODEL_FN)

    def input_fn(self, data: Any, content_type: str) -> Any:
        """A request's body as an array, of text float32; UnsupportedFormatError."""
        array = _encoders.decode(data, content_type)
        return array.astype("float32") if content_type in UTF8_TYPES else array

    def predict_fn(self, data: Any, model: Any) -> Any:
        """What the model's own ``predict`` returns."""
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """The answer's body and its content type; UnsupportedFormatError."""
        return _encoders.encode(prediction, accept), accept


class XGBoost(Defaults):
    """What XGBoost's image does with a script."""

    def input_fn(self, data: Any, content_type: str) -> Any:
        """A request's body as one of XGBoost's matrices; UnsupportedFormatError."""
        from sagemaker_xgboost_container import encoder as xgboost_encoder

        return xgboost_encoder.decode(data, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """The booster's predictions; features are taken by their places, not by their names."""
        return model.predict(data, validate_features=False)


class ModelLoadError(Exception):
    """What PyTorch's image says of a file that is no TorchScript."""


class PyTorch(Defaults):
    """What PyTorch's image does."""

    inference_toolkit = True
    module = "inference.py"
    inside_the_model = True

    def model_fn(self, model_dir: str) -> Any:
        """The only model of TorchScript in a folder, or ``model.pt``; ValueError, ModelLoadError."""
        import torch

        path = os.path.join(model_dir, "model.pt")
        if not os.path.exists(path):
            names = [name for name in os.listdir(model_dir) if name.endswith((".pt", ".pth"))]
            if len(names) != 1:
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {names}")
            path = os.path.join(model_dir, names[0])
        try:
            return torch.jit.load(path, map_location="cpu")
        except RuntimeError as error:
            raise ModelLoadError(f"Failed to load {path}. Please ensure model is saved using torchscript.") from error

    def input_fn(self, data: Any, content_type: str) -> Any:
        """A request's body as a tensor, of text float32; UnsupportedFormatError."""
        import torch

        array = decoder.decode(data, content_type)
        return torch.FloatTensor(array) if content_type in UTF8_TYPES else torch.from_numpy(array)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """What the model returns in evaluation, without gradients."""
        import torch

        with torch.no_grad():
            model.eval()
            return model(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """The answer's body in the first format of ``Accept`` that is known; UnsupportedFormatError."""
        import torch

        if type(prediction) is torch.Tensor:
            prediction = prediction.detach().cpu().numpy().tolist()
        for content_type in utils.parse_accept(accept):
            if content_type in encoder.SUPPORTED_CONTENT_TYPES:
                body = encoder.encode(prediction, content_type)
                return body.encode() if content_type == CSV and isinstance(body, str) else body
        raise errors.UnsupportedFormatError(accept)


IMAGES: dict[str, type[Defaults]] = {
    "sagemaker-scikit-learn": Defaults,
    "sagemaker-xgboost": XGBoost,
    "pytorch-inference": PyTorch,
}


class Context(Absent):
    """What the newer images' servers hand to a function that takes one argument more: the server, and a request.

    Source: TorchServe's ``ts/context.py``.  Requests come one by one, so that ``idx`` is 0.
    """

    def __init__(self, model_dir: str) -> None:
        super().__init__("context")
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.begin({})

    def begin(self, headers: Mapping[str, str]) -> None:
        """Take the headers of the next request."""
        self._headers = headers
        self.status: int | None = None  # of the answer, if the user's code says one
        self.headers: dict[str, str] = {}  # of the answer

    def get_request_header(self, idx: int, key: str) -> str | None:
        """The value of a header of the request."""
        return self._headers.get(key)

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        """The headers of the request."""
        return dict(self._headers)

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Say the HTTP status of the answer; ``phrase`` is of no effect, as in HTTP/2."""
        self.status = code

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Say a header of the answer."""
        self.headers[key] = value

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Of no effect, as in AWS's toolkit, which says it again after the user's code."""


class Handler:
    """A model that answers, by the user's functions and an image's defaults.

    Raises what the user's code raises, ValueError if its functions exclude each other.
    """

    def __init__(self, defaults: Defaults, module: ModuleType | None, model_dir: str) -> None:
        self._with_context = defaults.inference_toolkit
        self.context = Context(model_dir)

        def find(name: str) -> Callable[..., Any] | None:
            function: Callable[..., Any] | None = getattr(module, name, None)
            return function

        self._transform = find("transform_fn")
        if self._transform and any(map(find, ("input_fn", "predict_fn", "output_fn"))):
            raise ValueError("Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn")
        self._input = find("input_fn") or defaults.input_fn
        self._predict = find("predict_fn") or defaults.predict_fn
        self._output = find("output_fn") or defaults.output_fn
        self.model = self._call(find("model_fn") or defaults.model_fn, model_dir)

    def answer(self, body: bytes, content_type: str, accept: str, headers: Mapping[str, str]) -> Any:
        """What the user's code, or the image, makes of a request: a body, or a body and its content type.

        What the user's code says of the answer beyond that is in ``context``, until the next request.
        """
        self.context.begin(headers)
        data = body.decode("utf-8") if content_type in UTF8_TYPES else body
        if self._transform:
            return self._call(self._transform, self.model, data, content_type, accept)
        prediction = self._call(self._predict, self._call(self._input, data, content_type), self.model)
        return self._call(self._output, prediction, accept)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function may take the server's context after its own arguments."""
        try:
            takes = len(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            takes = len(arguments)
        if self._with_context and takes == len(arguments) + 1:
            arguments = (*arguments, self.context)
        return function(*arguments)
