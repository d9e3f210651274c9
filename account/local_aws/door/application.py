"""The ASGI application: which service a request is for, whether its caller may make it, and what answers it.

The path of a request, top to bottom: ``Application.__call__`` → ``_answer`` (host, signature, policy, service) → the
service → an answer, or an AwsError written as that service's protocol writes errors.
"""

from __future__ import annotations

import hashlib
import logging
import time
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local_aws.containers.own_images.registry import OwnImages, host
from local_aws.containers.role_sessions import LOOPBACK, Sessions
from local_aws.core import disk
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.settings import BUCKETS, IMAGES, POLICY, settings
from local_aws.core.store import StateError
from local_aws.images import BASES, ModelImages
from local_aws.page import Page, is_for_the_page
from local_aws.services.cloudwatch import Metrics
from local_aws.services.iam.journal import Books
from local_aws.services.iam.own_repositories import OwnRepositories
from local_aws.services.iam.policy import Policy
from local_aws.services.iam.roles import Roles
from local_aws.services.iam.service import SERVICES as IAM_SERVICES
from local_aws.services.iam.service import Bookkeeping, Keys
from local_aws.services.logs import Logs
from local_aws.services.s3 import protocol as s3_protocol
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.routing import a_browsers_form
from local_aws.services.s3.service import S3Service
from local_aws.services.sagemaker.hosting.endpoints import Endpoints
from local_aws.services.sagemaker.hosting.models import Hosting
from local_aws.services.sagemaker.hosting.runtime import MAX_BODY, Invocations
from local_aws.services.sagemaker.kinds import TUNING_JOB
from local_aws.services.sagemaker.pipelines.api import Pipelines
from local_aws.services.sagemaker.processing.api import ProcessingJobs
from local_aws.services.sagemaker.registry import ModelRegistry
from local_aws.services.sagemaker.resources import Resources
from local_aws.services.sagemaker.search import Search
from local_aws.services.sagemaker.training.api import TrainingJobs
from local_aws.services.sagemaker.transform.api import TransformJobs
from local_aws.services.sagemaker.tuning.api import TuningJobs
from local_aws.wire.naming import operation_name
from local_aws.wire.operation import operations_of
from local_aws.wire.protocols import json_error, query_error, request_id, rest_json_error
from local_aws.wire.refusals import not_implemented
from local_aws.wire.service import ApiCall, JsonService
from local_aws.wire.signature import claim

from .authorization import Authorization

# Services that write their errors in XML whatever a request looks like.
WRITES_XML = ("sts", "iam", "route53", "cloudfront", "s3express", "s3-object-lambda")
FORM = "application/x-www-form-urlencoded"
# How the protocols but S3's write an error.
ERRORS = {"json": json_error, "rest-json": rest_json_error, "query": query_error}

log = logging.getLogger("local_aws")


class Application:
    """The account as an ASGI application."""

    def __init__(self, folder: Path, account: Account, port: int) -> None:
        self.folder, self.hosts = folder, {f"{host}:{port}" for host in LOOPBACK}
        sessions = Sessions(account, f"http://{LOOPBACK[0]}:{port}")
        self.keys = Keys(folder, account, sessions)
        public, images, policy = (settings()[name] for name in (BUCKETS, IMAGES, POLICY))
        registry = host(account.account_id, account.region)
        own_images = OwnImages(Path(images) if images else None, folder, registry, BASES)
        objects = ObjectStore(folder / "s3", Path(public) if public else None)
        self.s3 = S3Service(objects, account.region, account.account_id)
        logs = Logs(folder, account)
        metrics = self.metrics = Metrics(folder)
        books = Books(folder, account)
        resources = Resources(folder, account, Roles(account, books.database, sessions))
        enforced = Policy.read(Path(policy)) if policy else None
        self.training = TrainingJobs(folder, account, resources, objects, logs, metrics, own_images)
        self.processing = ProcessingJobs(folder, account, resources, objects, logs, own_images)
        model_images = ModelImages(own_images)
        self.endpoints = Endpoints(folder, account, resources, objects, logs, model_images)
        self.invocations = Invocations(self.endpoints, metrics)
        self.transform = TransformJobs(folder, account, resources, objects, logs, model_images)
        self.tuning = TuningJobs(folder, account, resources, objects, logs, self.training)
        self.bookkeeping = Bookkeeping(account, self.keys, books, enforced, OwnRepositories(account, own_images))
        packages = ModelRegistry(resources, objects, model_images)
        sagemaker = operations_of(
            self.training,
            self.processing,
            packages,
            Hosting(resources, objects, packages),
            self.endpoints,
            self.transform,
            self.tuning,
            resources,
            Search(resources, {TUNING_JOB: self.tuning.described}),
        )
        self.pipelines = Pipelines(folder, account, resources, objects, logs, sagemaker)
        # What launches jobs goes down before them: it is not to take their end for a failure.
        self.jobs = (self.pipelines, self.tuning, self.training, self.processing, self.transform)
        services = (
            JsonService("sagemaker", "SageMaker", sagemaker | operations_of(self.pipelines)),
            JsonService("logs", "CloudWatch Logs", operations_of(logs), resource=logs.arn),
            JsonService("cloudwatch", "CloudWatch", operations_of(metrics), actions="cloudwatch"),
            JsonService("service-quotas", "Service Quotas", operations_of(resources.quotas)),
        )
        self.services = {service.name: service for service in services}
        self.authorization = Authorization(enforced, folder, resources, self.services) if enforced else None
        self.page = Page(folder, account, resources, objects, logs, metrics, self.services["sagemaker"])
        self.last_used = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every error is written as the protocol of the request's service writes errors."""
        if scope["type"] != "http":
            return
        self.last_used = time.monotonic()
        headers = _headers(scope)
        protocol = _apparent_protocol(scope, headers)
        try:
            response = await self._answer(scope, receive, headers, protocol)
        except AwsError as error:
            response = _error(protocol, scope, error)
        except ClientDisconnect:
            return
        except StateError as error:
            log.error("%s %s: %s", scope["method"], scope["path"], error)
            response = _error(protocol, scope, AwsError("InternalFailure", str(error), 500))
        except Exception as error:
            reference = request_id()
            log.exception("request %s: %s %s", reference, scope["method"], scope["path"])
            text = (
                "We encountered an internal error. Please try again. "
                f"('python -m local_aws logs' shows what happened, under {reference}.)"
            )
            failure = disk.full(self.folder) if disk.is_full(error) else AwsError("InternalFailure", text, 500)
            response = _error(protocol, scope, failure)
        await response(scope, receive, send)
        self.last_used = time.monotonic()

    async def _answer(self, scope: Scope, receive: Receive, headers: dict[str, str], protocol: str) -> Response:
        if headers.get("host", "") not in self.hosts:
            raise AwsError("AccessDeniedException", "The embedded account answers on its own address only.", 403)
        method = scope["method"]
        path, query = (scope[name].decode("latin-1") for name in ("raw_path", "query_string"))
        signer = claim(method, path, query, headers)
        if signer is None:
            if is_for_the_page(request := Request(scope, receive)):
                return await self.page.answer(request)
            if protocol == "s3":
                if method == "POST" and headers.get("content-type", "").startswith("multipart/form-data"):
                    raise a_browsers_form()  # it would be signed in its fields
                raise AwsError("AccessDenied", "Access Denied", 403)
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        key = self.keys.find(signer.access_key_id)
        if signer.service == "s3":
            if not signer.payload:
                # Clients that sign as for any other service, older versions of curl among them, do not send it.
                raise AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
            key = signer.check(key, signer.payload)
            need = partial(self.authorization.need, key) if self.authorization else None
            response = await self.s3.handle(Request(scope, receive), need)
            for name, value in s3_protocol.identity(s3_protocol.request_id()).items():
                response.raw_headers.append((name.encode(), value.encode()))
            if "authorization" not in headers:
                # A presigned URL may be opened in a browser: what an object holds is not to act in the page's name.
                response.raw_headers.append((b"content-security-policy", b"sandbox"))
            return response
        body = await _read(receive, headers.get("content-length", ""))
        key = signer.check(key, hashlib.sha256(body).hexdigest())
        if protocol == "rest-json" and signer.service == "sagemaker":
            name = unquote(path.split("/")[2]) if path.count("/") > 1 else ""
            self._authorize(ApiCall("sagemaker", "InvokeEndpoint", {"EndpointName": name}, key, headers, body))
            if method != "POST" or not path.endswith("/invocations") or path.count("/") != 3:
                raise not_implemented(operation_name("sagemaker", method, path, query, headers))
            return await self.invocations.answer(path, headers, body)
        if service := self.services.get(signer.service):
            call = service.read(headers, body, key)
            self._authorize(call)
            return await service.answer(call, Request(scope, receive))
        if signer.service in IAM_SERVICES:
            call = self.bookkeeping.read(signer.service, query, headers, body, key)
            self._authorize(call)
            return await self.bookkeeping.answer(call)
        name = operation_name(signer.service, method, path, query, headers, body)
        raise not_implemented(f"The service '{signer.service}' ({name})")

    def _authorize(self, call: ApiCall) -> None:
        if self.authorization:
            self.authorization.check(call)

    def recover(self) -> None:
        """Take up what an earlier process of this account left."""
        for jobs in self.jobs:
            jobs.recover()
        self.endpoints.recover()

    def shut_down(self) -> None:
        """Kill what runs; ``recover`` says at the next start what became of it."""
        for jobs in self.jobs:
            jobs.shut_down()
        self.endpoints.shut_down()
        self.metrics.flush()

    def busy(self) -> bool:
        """Whether a job of any kind is at work."""
        return any(jobs.running for jobs in self.jobs)


def _headers(scope: Scope) -> dict[str, str]:
    """A request's headers, with lower-case names; those that are repeated are joined, as signatures want them."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        name, value = name.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _apparent_protocol(scope: Scope, headers: dict[str, str]) -> str:
    """How a request's service writes: known before its signature is checked, and even without one."""
    query = scope["query_string"].decode("latin-1")
    if headers.get("x-amz-target"):
        return "json"
    credential, signed, _ = (headers.get("authorization", "") or unquote(query)).partition("/aws4_request")
    service = credential.rpartition("/")[2] if signed else "s3" if "AWSAccessKeyId=" in query else ""
    if service == "s3":
        return "s3"
    if service in WRITES_XML or headers.get("content-type", "").startswith(FORM):
        return "query"
    return "rest-json" if service or scope["path"].startswith("/endpoints/") else "s3"


def _error(protocol: str, scope: Scope, error: AwsError) -> Response:
    if protocol == "s3":
        return s3_protocol.error_response(error, scope["path"], s3_protocol.request_id(), scope["method"] == "HEAD")
    return ERRORS[protocol](error)


async def _read(receive: Receive, promised: str) -> bytes:
    """The body, whole; what no operation takes is refused before it fills the memory."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > MAX_BODY:
            raise AwsError(
                "RequestEntityTooLargeException", f"The request's body is larger than {MAX_BODY} bytes.", 413
            )
        parts.append(part)
    if promised.isdigit() and int(promised) != size:
        raise ClientDisconnect
    return b"".join(parts)
