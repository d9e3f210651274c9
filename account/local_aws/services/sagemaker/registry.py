"""CreateModelPackageGroup, CreateModelPackage and their siblings: the model registry, with versions and approval.

A version of a group is a resource named ``GROUP/N``.  Reference: the API reference of CreateModelPackageGroup,
CreateModelPackage, UpdateModelPackage and of the operations beside them.
"""

from __future__ import annotations

import threading
from typing import Any

from local_aws.core.errors import AwsError
from local_aws.images import ModelImages
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.uris import split_uri
from local_aws.wire.operation import operation
from local_aws.wire.refusals import not_implemented, refuse

from .kinds import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, Kind
from .resources import Resources, now, tag_list

# What CreateModelPackage takes and this account cannot do.
REFUSED = ("SourceAlgorithmSpecification", "ValidationSpecification", "CertifyForMarketplace", "SecurityConfig",
           "ManagedStorageType", "AdditionalInferenceSpecifications", "SourceUri")  # fmt: skip
REFUSED_OF_UPDATE = ("AdditionalInferenceSpecificationsToAdd", "SourceUri", "ModelPackageRegistrationType")
REFUSED_OF_CONTAINER = ("ModelDataSource", "ProductId", "AdditionalS3DataSource", "AdditionalModelDataSources",
                        "BaseModel", "IsCheckpoint")  # fmt: skip
REQUIRED_UNVERSIONED = ("SupportedContentTypes", "SupportedResponseMIMETypes",
                        "SupportedRealtimeInferenceInstanceTypes", "SupportedTransformInstanceTypes")  # fmt: skip
SUMMARY = (
    "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription", "CreationTime",
    "ModelPackageStatus", "ModelApprovalStatus",
)  # fmt: skip
CHANGEABLE = ("ModelApprovalStatus", "ApprovalDescription", "InferenceSpecification", "ModelCard", "ModelLifeCycle")
MAX_METADATA = 50  # CustomerMetadataProperties of one package
NO_DETAILS: dict[str, list[dict[str, Any]]] = {"ValidationStatuses": [], "ImageScanStatuses": []}


class ModelRegistry:
    """The model packages of an account and their groups."""

    def __init__(self, resources: Resources, objects: ObjectStore, images: ModelImages) -> None:
        self.resources = resources
        self.objects = objects
        self.images = images
        self._counting = threading.Lock()

    # Groups

    @operation("CreateModelPackageGroup")
    def create_group(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a group that has no versions yet; AwsError if its name is taken."""
        name = params["ModelPackageGroupName"]
        refuse("CreateModelPackageGroup", params, ("ManagedConfiguration",))
        self.resources.need_free(MODEL_PACKAGE_GROUP, name)
        body: dict[str, Any] = {
            "ModelPackageGroupDescription": params.get("ModelPackageGroupDescription"),
            "CreationTime": now(),
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }
        internal = {"LastVersion": 0}  # a deleted version's number is not given again
        arn = self.resources.add(MODEL_PACKAGE_GROUP, name, body, params.get("Tags"), internal)
        return {"ModelPackageGroupArn": arn}

    @operation("DescribeModelPackageGroup")
    def describe_group(self, params: dict[str, Any]) -> dict[str, Any]:
        """A group by its name or ARN; AwsError if there is none."""
        return self._group(params["ModelPackageGroupName"])

    @operation("ListModelPackageGroups")
    def list_groups(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the groups, the oldest first unless the request says otherwise."""
        if params.get("CrossAccountFilterOption") == "CrossAccount":
            raise not_implemented("ListModelPackageGroups' CrossAccountFilterOption")
        members = ("ModelPackageGroupName", "ModelPackageGroupArn", "ModelPackageGroupDescription", "CreationTime",
                   "ModelPackageGroupStatus")  # fmt: skip
        groups, token = self.resources.page(
            MODEL_PACKAGE_GROUP, params, lambda body: {key: body.get(key) for key in members}, order="Ascending"
        )
        return {"ModelPackageGroupSummaryList": groups, "NextToken": token}

    @operation("DeleteModelPackageGroup")
    def delete_group(self, params: dict[str, Any]) -> None:
        """Delete an empty group; AwsError ConflictException if it has versions."""
        group = self._group(params["ModelPackageGroupName"])
        versions = len(self._versions(group["ModelPackageGroupName"]))
        if versions:
            raise AwsError(
                "ConflictException",
                f"ModelPackageGroup {group['ModelPackageGroupArn']} cannot be deleted: it contains {versions} model "
                "package(s). Delete them first.",
            )
        self.resources.delete(MODEL_PACKAGE_GROUP, group["ModelPackageGroupName"])

    # Packages

    @operation("CreateModelPackage")
    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Register a model package: the next version of a group, or one alone under its own name.

        Raises AwsError if it could not be deployed here: an unknown image, no artifact in S3, more than one container.
        """
        name, group_name = params.get("ModelPackageName", ""), params.get("ModelPackageGroupName", "")
        if name and group_name:
            raise AwsError(
                "ValidationException",
                "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which "
                "one to use.",
            )
        if not name and not group_name:
            raise AwsError("ValidationException", "Missing ARN.")
        refuse("CreateModelPackage", params, REFUSED)
        if params.get("ModelPackageRegistrationType") == "Logged":
            raise not_implemented("CreateModelPackage's ModelPackageRegistrationType Logged")
        if "InferenceSpecification" not in params:
            raise not_implemented("A model package without InferenceSpecification")
        self._check(params["InferenceSpecification"], versioned=bool(group_name))
        tags, created = params.get("Tags"), now()
        body = {key: value for key, value in params.items() if key not in ("ModelPackageName", "Tags", "ClientToken")}
        body |= {
            "CreationTime": created,
            "LastModifiedTime": created,
            "CreatedBy": {},
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": NO_DETAILS,
            "CertifyForMarketplace": False,
        }
        if group_name:
            if tags:
                raise AwsError(
                    "ValidationException",
                    "Tags cannot be given for a versioned model package: it uses the tags of its group.",
                )
            with self._counting:  # a pipeline's step registers from a thread of its own
                group = self.resources.record_named(MODEL_PACKAGE_GROUP, group_name)
                group_name, version = group.name, group.internal["LastVersion"] + 1
                self.resources.update(MODEL_PACKAGE_GROUP, group_name, internal={"LastVersion": version})
            name, tags = f"{group_name}/{version}", tag_list(group.tags)
            body |= {
                "ModelPackageName": group_name,
                "ModelPackageGroupName": group_name,
                "ModelPackageVersion": version,
                "ModelPackageRegistrationType": "Registered",
                "ModelApprovalStatus": params.get("ModelApprovalStatus", "PendingManualApproval"),
            }
        else:
            self.resources.need_free(MODEL_PACKAGE, name)
        return {"ModelPackageArn": self.resources.add(MODEL_PACKAGE, name, body, tags)}

    def get(self, name_or_arn: str) -> dict[str, Any]:
        """The description of a package: of ``GROUP/N``, of a package alone by its name, or of an ARN."""
        return self.resources.get_named(MODEL_PACKAGE, name_or_arn)

    @operation("DescribeModelPackage")
    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        """A package by its name or ARN; AwsError if there is none."""
        return self.get(params["ModelPackageName"])

    @operation("BatchDescribeModelPackage")
    def describe_many(self, params: dict[str, Any]) -> dict[str, Any]:
        """Summaries of packages by their ARNs, and beside them an error for each ARN that has no package."""
        summaries, errors = {}, {}
        for arn in params["ModelPackageArnList"]:
            try:
                body = self.get(arn)
                summaries[arn] = {key: body.get(key) for key in (*SUMMARY, "InferenceSpecification")}
            except AwsError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        return {"ModelPackageSummaries": summaries, "BatchDescribeModelPackageErrorMap": errors}

    @operation("ListModelPackages")
    def list_packages(self, params: dict[str, Any]) -> dict[str, Any]:
        """One page of the packages of a group, or of all that have no group unless ModelPackageType says otherwise."""
        package_type = params.get("ModelPackageType", "Unversioned")
        if "ModelPackageGroupName" in params:
            bodies = self._versions(self._group(params["ModelPackageGroupName"])["ModelPackageGroupName"])
        else:
            bodies = [body for body, _ in self.resources.all(MODEL_PACKAGE)]
            if package_type != "Both":
                versioned = package_type == "Versioned"
                bodies = [body for body in bodies if ("ModelPackageVersion" in body) == versioned]
        approval = params.get("ModelApprovalStatus")
        bodies = [body for body in bodies if approval in (None, body.get("ModelApprovalStatus"))]

        def summary(body: dict[str, Any]) -> dict[str, Any]:
            versioned = "ModelPackageVersion" in body  # whose summary has no name
            return {key: body.get(key) for key in SUMMARY} | {
                "ModelPackageName": None if versioned else body["ModelPackageName"]
            }

        packages, token = self.resources.page(
            MODEL_PACKAGE,
            params,
            lambda entry: summary(entry["Body"]),
            order="Ascending",
            bodies=[{**body, "ModelPackageName": _name(MODEL_PACKAGE, body), "Body": body} for body in bodies],
            within=params.get("ModelPackageGroupName", ""),
        )
        return {"ModelPackageSummaryList": packages, "NextToken": token}

    @operation("UpdateModelPackage")
    def update(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change a package's approval, metadata, model card or inference specification.

        Raises AwsError for the approval of a package that has no version, and for more than MAX_METADATA properties.
        """
        body = self.get(params["ModelPackageArn"])
        refuse("UpdateModelPackage", params, REFUSED_OF_UPDATE)
        changes = {key: params[key] for key in CHANGEABLE if key in params}
        if "ModelApprovalStatus" in changes and "ModelPackageVersion" not in body:
            raise AwsError("ValidationException", "ModelApprovalStatus applies to versioned model packages only.")
        if "InferenceSpecification" in changes:
            self._check(changes["InferenceSpecification"], versioned="ModelPackageVersion" in body)
        metadata = body.get("CustomerMetadataProperties", {}) | params.get("CustomerMetadataProperties", {})
        for key in params.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        if len(metadata) > MAX_METADATA:
            raise AwsError(
                "ResourceLimitExceeded", f"A model package can have at most {MAX_METADATA} CustomerMetadataProperties."
            )
        changes |= {"CustomerMetadataProperties": metadata or None, "LastModifiedTime": now(), "LastModifiedBy": {}}
        self.resources.update(MODEL_PACKAGE, _name(MODEL_PACKAGE, body), **changes)
        return {"ModelPackageArn": body["ModelPackageArn"]}

    @operation("DeleteModelPackage")
    def delete(self, params: dict[str, Any]) -> None:
        """Delete a package; the number of its version is not given again."""
        self.resources.delete(MODEL_PACKAGE, _name(MODEL_PACKAGE, self.get(params["ModelPackageName"])))

    def deployed(self, container: dict[str, Any]) -> dict[str, Any]:
        """What a model's ``container`` that names a package is: with the package's image, artifact and environment.

        Raises AwsError if there is no such package, or if it is a version that nobody has approved.
        """
        for member in ("Image", "ModelDataUrl"):
            if container.get(member):
                raise AwsError("ValidationException", f"{member} cannot be given along with ModelPackageName.")
        package = self.get(container["ModelPackageName"])
        approval = package.get("ModelApprovalStatus")
        if "ModelPackageVersion" in package and approval != "Approved":
            raise AwsError(
                "ValidationException",
                f"Cannot create a model from model package {package['ModelPackageArn']}: its approval status is "
                f"{approval}, and must be Approved.",
            )
        source = package["InferenceSpecification"]["Containers"][0]
        resolved = {key: source[key] for key in ("Image", "ModelDataUrl") if key in source}
        environment = {**source.get("Environment", {}), **container.get("Environment", {})}
        described = {**container, "ModelPackageName": package["ModelPackageArn"], **resolved}
        return described | ({"Environment": environment} if environment else {})

    def _check(self, specification: dict[str, Any], versioned: bool) -> None:
        """Refuse what could not be deployed here."""
        containers = specification["Containers"]
        if len(containers) > 1:
            raise not_implemented("A model package with more than one container")
        container = containers[0]
        refuse("A model package's container", container, REFUSED_OF_CONTAINER)
        if not container.get("Image"):
            raise AwsError("ValidationException", "Image is required for a model package's container.")
        self.images.find(container["Image"], container.get("Environment", {}))
        if container.get("ModelDataUrl"):
            check_model_data(self.objects, container["ModelDataUrl"])
        for member in () if versioned else REQUIRED_UNVERSIONED:
            if not specification.get(member):
                raise AwsError("ValidationException", f"{member} is required for an unversioned model package.")

    def _group(self, name_or_arn: str) -> dict[str, Any]:
        return self.resources.get_named(MODEL_PACKAGE_GROUP, name_or_arn)

    def _versions(self, group: str) -> list[dict[str, Any]]:
        return [body for body, _ in self.resources.all(MODEL_PACKAGE, f"{group}/")]


def check_model_data(objects: ObjectStore, url: str) -> None:
    """Refuse the address of an artifact that is not there, in AWS's words."""
    try:
        objects.object(*split_uri(url))
    except AwsError as error:
        if error.code not in ("NoSuchBucket", "NoSuchKey"):
            raise
        raise AwsError("ValidationException", f"Could not find model data at {url}.") from None


def _name(kind: Kind, body: dict[str, Any]) -> str:
    """The name under which a resource is kept."""
    arn: str = body[f"{kind.name}Arn"]
    return arn.partition(f":{kind.arn}/")[2]
