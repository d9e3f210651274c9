"""What an endpoint costs on AWS until it is deleted."""

import time

from botocore.exceptions import ClientError

from local_aws.prices import HOSTING


def cost_so_far(client, endpoint: str) -> str:
    """A clause about the dollars that an endpoint has cost since it was made; empty if its prices are not known.

    ``client`` is boto3's of SageMaker.  A serverless variant costs nothing by the hour.
    """
    try:
        body = client.describe_endpoint(EndpointName=endpoint)
        config = client.describe_endpoint_config(EndpointConfigName=body["EndpointConfigName"])
    except ClientError:  # one of them has gone meanwhile
        return ""
    hours = max(time.time() - body["CreationTime"].timestamp(), 0) / 3600
    machines = [each for each in config["ProductionVariants"] if "InstanceType" in each]
    if not machines or any(each["InstanceType"] not in HOSTING for each in machines):
        return ""
    hourly = sum(HOSTING[each["InstanceType"]] * each["InitialInstanceCount"] for each in machines)
    return f", which in {hours:.1f} hours costs ${hours * hourly:.2f} on AWS"
