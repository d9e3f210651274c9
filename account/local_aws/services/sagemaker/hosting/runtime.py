"""InvokeEndpoint: requests to endpoints.

Reference: the API reference of the SageMaker runtime's InvokeEndpoint.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from local_aws.core.errors import AwsError
from local_aws.services.cloudwatch import Metrics
from local_aws.services.sagemaker.kinds import ENDPOINT
from local_aws.wire.operation import operation
from local_aws.wire.protocols import request_id
from local_aws.wire.refusals import not_implemented

from .deployment import Variant
from .endpoints import Endpoints
from .served_model import ATTRIBUTES, ModelResponse, ServedModel

NAMESPACE = "AWS/SageMaker"
MAX_BODY = 25 * 1024 * 1024  # bytes that InvokeEndpoint takes
MAX_IN_LOOP = 524_288  # bytes that a model in this process scores at once, in milliseconds; more get a thread
MAX_WAITING = 256  # invocations that wait for models in containers; further ones wait for these
REFUSED_HEADERS = {
    f"x-amzn-sagemaker-{name.lower()}": f"X-Amzn-SageMaker-{name}"
    for name in ("Target-Model", "Target-Container-Hostname", "Inference-Component", "Session-Id",
                 "Enable-Explanations")
}  # fmt: skip


class Invocations:
    """The SageMaker runtime of an account."""

    def __init__(self, endpoints: Endpoints, metrics: Metrics) -> None:
        self.endpoints = endpoints
        self.metrics = metrics
        self.account = endpoints.account
        self._waiting = ThreadPoolExecutor(MAX_WAITING, "invocation")

    @operation("InvokeEndpoint", executes=True, wants_request=True)
    async def answer(self, path: str, headers: dict[str, str], body: bytes) -> Response:
        """Answer ``POST /endpoints/NAME/invocations``: the path as it was sent, headers by lower-case names.

        Raises AwsError if there is no such endpoint or variant, or if the model answers with an error (ModelError).
        """
        received_at = time.perf_counter()
        for header, name in REFUSED_HEADERS.items():
            if headers.get(header):
                raise not_implemented(f"InvokeEndpoint's header {name}")
        if len(body) > MAX_BODY:
            raise AwsError("ValidationError", f"The request's body is larger than {MAX_BODY} bytes.", 413)
        endpoint, target = unquote(path.split("/")[2]), headers.get("x-amzn-sagemaker-target-variant")
        invocation = (body, headers.get("content-type"), headers.get("accept"), headers.get(ATTRIBUTES.lower()))
        with self.endpoints.route(endpoint, target, len(body)) as (name, variant):
            sent_at = time.perf_counter()
            answer = await self._invoke(variant.model, invocation)
        self._observe(name, variant, answer, received_at, sent_at)
        if not answer.good:
            raise self._model_error(name, variant, answer)
        response_headers = {
            "Content-Type": answer.content_type,
            "x-Amzn-Invoked-Production-Variant": variant.name,
            "x-amzn-RequestId": request_id(),
        }
        if answer.attributes is not None:
            response_headers[ATTRIBUTES] = answer.attributes
        return Response(answer.body, headers=response_headers)

    def _observe(
        self, endpoint: str, variant: Variant, answer: ModelResponse, received_at: float, sent_at: float
    ) -> None:
        """Count an invocation and its times (of ``time.perf_counter``) among the endpoint's metrics.

        https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html says what each is.
        """
        now = time.perf_counter()
        self.metrics.observe(
            NAMESPACE,
            {"EndpointName": endpoint, "VariantName": variant.name},
            {
                "Invocations": (1.0, "None"),
                "Invocation4XXErrors": (float(400 <= answer.status < 500), "None"),
                "Invocation5XXErrors": (float(answer.status >= 500), "None"),
                "InvocationModelErrors": (float(not answer.good), "None"),
                "ModelLatency": ((now - sent_at) * 1e6, "Microseconds"),
                "OverheadLatency": ((sent_at - received_at) * 1e6, "Microseconds"),
            },
        )

    async def _invoke(
        self, model: ServedModel, invocation: tuple[bytes, str | None, str | None, str | None]
    ) -> ModelResponse:
        if model.waits:
            return await asyncio.get_running_loop().run_in_executor(self._waiting, model.invoke, *invocation)
        if len(invocation[0]) > MAX_IN_LOOP:
            return await run_in_threadpool(model.invoke, *invocation)
        return model.invoke(*invocation)

    def _model_error(self, name: str, variant: Variant, answer: ModelResponse) -> AwsError:
        region, account = self.account.region, self.account.account_id
        status, text = answer.status, answer.body.decode(errors="replace")
        stream = variant.log_stream if answer.container == "primary" else f"{variant.log_stream}/{answer.container}"
        side = "client" if 400 <= status < 500 else "server"
        link = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#logEventViewer:group={ENDPOINT.log(name)[0]}"
        )
        return AwsError(
            "ModelError",
            f'Received {side} error ({status}) from {answer.container} with message "{text}". '
            f"See {link} in account {account} for more information.",
            424,
            OriginalStatusCode=status,
            OriginalMessage=text,
            LogStreamArn=(
                f"arn:aws:logs:{region}:{account}:log-group:{ENDPOINT.log(name)[0]}:log-stream:{quote(stream)}"
            ),
        )
