"""Default handler functions, for what the user's code does not say."""

from typing import Any

from . import decoder, encoder, errors, utils


def _please(function: str) -> str:
    return (
        f"\nPlease provide a {function} implementation.\n"
        f"See documentation for {function} at https://sagemaker.readthedocs.io/en/stable/\n"
    )


class DefaultInferenceHandler:
    """The functions of a handler: of use to be derived from."""

    def default_model_fn(self, model_dir: str, context: Any = None) -> Any:
        """Raise NotImplementedError: how a model was written is for the user's code to say."""
        raise NotImplementedError(_please("model_fn"))

    def default_input_fn(self, input_data: Any, content_type: str, context: Any = None) -> Any:
        """A request's body as an array, of NPZ a sparse matrix; UnsupportedFormatError."""
        return decoder.decode(input_data, content_type)

    def default_predict_fn(self, data: Any, model: Any, context: Any = None) -> Any:
        """Raise NotImplementedError: how a model predicts is for the user's code to say."""
        raise NotImplementedError(_please("predict_fn"))

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> tuple[str | bytes, str]:
        """The answer's body and its type, the first of ``Accept`` that is known; UnsupportedFormatError."""
        for content_type in utils.parse_accept(accept):
            if content_type in encoder.SUPPORTED_CONTENT_TYPES:
                return encoder.encode(prediction, content_type), content_type
        raise errors.UnsupportedFormatError(accept)
