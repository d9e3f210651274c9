"""Service Quotas: how many instances of a type the account may use at once, and requests for more.

The account may use far more machines than this one has processors.  ``LOCAL_AWS_NEW_ACCOUNT=1`` gives it the quotas
of an AWS account that was just opened: 0 for most.  Reference: the API reference of Service Quotas; the quotas'
names, codes and values are those that public records of AWS accounts show.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from local_aws.core import clock
from local_aws.core.account import Account
from local_aws.core.errors import AwsError
from local_aws.core.store import open_database
from local_aws.wire.operation import operation

GRANTED = 1000.0  # instances of each kind, of an account that is not new
INSTANCES_OF_A_TRAINING_JOB = 20  # AWS's quota of a new account
SERVICE, SERVICE_NAME = "sagemaker", "Amazon SageMaker"
SCHEMA = """
create table if not exists granted (code text primary key, value real not null);
create table if not exists requests (id text primary key, code text not null, value real not null, at real not null);
"""


class Quota(NamedTuple):
    """A quota: its code, what it counts, and what a new account has, which is AWS's default."""

    code: str
    name: str
    new: float


QUOTAS = (
    Quota("L-611FA074", "ml.m5.large for training job usage", 0),
    Quota("L-8541302D", "ml.m5.large for processing job usage", 0),
    Quota("L-236AE59F", "ml.m5.large for transform job usage", 0),
    Quota("L-614B09FD", "ml.m5.large for endpoint usage", 0),
    Quota("L-29C181D7", "ml.t2.medium for endpoint usage", 2),
)


def limit_exceeded(quota: str, limit: float, in_use: int, count: int) -> AwsError:
    """The refusal of ``count`` more instances where ``in_use`` run, and the quota allows ``limit``."""
    return AwsError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{quota}' is {limit:.0f} Instances, with current utilization of {in_use} "
        f"Instances and a request delta of {count} Instances. Please use AWS Service Quotas to request an increase "
        "for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this "
        "quota.",
    )


class Quotas:
    """The account's quotas for SageMaker.  Of machines that none of them names there are as many as one asks for."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.account = account
        self.new = os.environ.get("LOCAL_AWS_NEW_ACCOUNT") == "1"
        self.database = open_database(folder / "quotas.sqlite", SCHEMA)

    def value(self, quota: Quota) -> float:
        """How many instances the account may use."""
        rows = self.database.read("select value from granted where code = ?", (quota.code,))
        return rows[0]["value"] if rows else quota.new if self.new else GRANTED

    def check(self, machine: str | None, use: str, count: int, in_use: int) -> None:
        """Refuse ``count`` more machines for a ``use`` ("training job", "endpoint" …) of which ``in_use`` run.

        Raises ResourceLimitExceeded, in AWS's words.
        """
        quota = next((quota for quota in QUOTAS if quota.name == f"{machine} for {use} usage"), None)
        if quota is None or in_use + count <= self.value(quota):
            return
        raise limit_exceeded(quota.name, self.value(quota), in_use, count)

    @operation("GetServiceQuota")
    def get(self, params: dict[str, Any]) -> dict[str, Any]:
        """The value of a quota in this account; NoSuchResourceException."""
        return {"Quota": self._shown(self._find(params), self.value)}

    @operation("GetAWSDefaultServiceQuota")
    def get_default(self, params: dict[str, Any]) -> dict[str, Any]:
        """The value of a quota in a new account; NoSuchResourceException."""
        return {"Quota": self._shown(self._find(params), _default)}

    @operation("ListServiceQuotas")
    def list_quotas(self, params: dict[str, Any]) -> dict[str, Any]:
        """The quotas of SageMaker with their values in this account; NoSuchResourceException for other services."""
        return self._list(params, self.value)

    @operation("ListAWSDefaultServiceQuotas")
    def list_defaults(self, params: dict[str, Any]) -> dict[str, Any]:
        """The quotas of SageMaker with their values in a new account; NoSuchResourceException for other services."""
        return self._list(params, _default)

    @operation("RequestServiceQuotaIncrease")
    def request(self, params: dict[str, Any]) -> dict[str, Any]:
        """Grant what is asked for: there is nobody who would have to think about it."""
        quota, wanted = self._find(params), params["DesiredValue"]
        if wanted <= self.value(quota):
            raise AwsError(
                "IllegalArgumentException",
                "You must provide a quota value greater than the current quota value.",
            )
        requested = {"id": uuid.uuid4().hex, "code": quota.code, "value": wanted, "at": round(clock.now(), 3)}
        with self.database.write() as cursor:
            cursor.execute("insert into requests values (:id, :code, :value, :at)", requested)
            cursor.execute("insert or replace into granted values (:code, :value)", requested)
        return {"RequestedQuota": self._request_shown(quota, requested)}

    @operation("ListRequestedServiceQuotaChangeHistoryByQuota")
    def history(self, params: dict[str, Any]) -> dict[str, Any]:
        """The increases of a quota that were requested, the newest first; NoSuchResourceException."""
        quota = self._find(params)
        rows = self.database.read("select * from requests where code = ? order by at desc", (quota.code,))
        requests = [self._request_shown(quota, dict(row)) for row in rows]
        status = params.get("Status")
        return {"RequestedQuotas": [request for request in requests if status in (None, request["Status"])]}

    def _list(self, params: dict[str, Any], value: Callable[[Quota], float]) -> dict[str, Any]:
        if params["ServiceCode"] != SERVICE:
            raise _no_such_resource()
        return {"Quotas": [self._shown(quota, value) for quota in QUOTAS]}

    @staticmethod
    def _find(params: dict[str, Any]) -> Quota:
        for quota in QUOTAS:
            if params["ServiceCode"] == SERVICE and quota.code == params["QuotaCode"]:
                return quota
        raise _no_such_resource()

    def _shown(self, quota: Quota, value: Callable[[Quota], float]) -> dict[str, Any]:
        return {
            "ServiceCode": SERVICE,
            "ServiceName": SERVICE_NAME,
            "QuotaArn": f"arn:aws:servicequotas:{self.account.region}:{self.account.account_id}:{SERVICE}/{quota.code}",
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "Value": float(value(quota)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }

    def _request_shown(self, quota: Quota, requested: dict[str, Any]) -> dict[str, Any]:
        members = ("ServiceCode", "ServiceName", "QuotaArn", "QuotaCode", "QuotaName", "Unit", "GlobalQuota")
        quota_members = self._shown(quota, self.value)
        return {member: quota_members[member] for member in members} | {
            "Id": requested["id"],
            "DesiredValue": requested["value"],
            "Status": "APPROVED",
            "Created": requested["at"],
            "LastUpdated": requested["at"],
            "Requester": self.account.identity_arn,
        }


def _default(quota: Quota) -> float:
    return quota.new


def _no_such_resource() -> AwsError:
    return AwsError("NoSuchResourceException", "The request failed because the specified resource does not exist.")
