"""Makes docs/page.png, the picture in the README: the account's page with a training job and an endpoint.

    .venv/bin/pip install playwright
    .venv/bin/python docs/picture.py

It needs the course's environment, Playwright (which is in no requirements file) and Chromium on the path.  It opens
a temporary account, trains XGBoost on data/insurance.csv, deploys the model, waits two minutes, so that the endpoint
has cost something, and takes one screenshot of the page of each.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import boto3
import pandas as pd
from playwright.sync_api import Browser, Page, sync_playwright

from local_aws import client
from local_aws.client import Connection
from local_aws.page.door import link

HERE = Path(__file__).parent
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
JOB, ENDPOINT, BUCKET = "insurance-trees", "insurance-trees", "insurance"
WAITED = 120  # seconds that the endpoint serves before the picture is taken
LARGEST = 200_000  # bytes of the picture
LEFT, RIGHT, GAP = 800, 580, 16  # widths of the two pages, and what is between them; pixels


def channels() -> dict[str, str]:
    """The insurance table as CSV, the label first: a fifth of the rows is for validation."""
    table = pd.get_dummies(pd.read_csv(HERE.parent / "data" / "insurance.csv"), dtype=int)
    table.insert(0, "charges", table.pop("charges"))
    validation = table.sample(frac=0.2, random_state=42)
    parts = {"train": table.drop(validation.index), "validation": validation}
    return {name: part.to_csv(index=False, header=False) for name, part in parts.items()}


def train_and_deploy(role: str) -> None:
    """Train a model in the account that the environment leads to, and let an endpoint serve it."""
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    inputs = []
    for name, rows in channels().items():
        s3.put_object(Bucket=BUCKET, Key=f"{name}/rows.csv", Body=rows)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/"}
        inputs.append({"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}})
    sagemaker.create_training_job(
        TrainingJobName=JOB,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=role,
        HyperParameters={"objective": "reg:squarederror", "num_round": "300", "eta": "0.02", "max_depth": "4"},
        InputDataConfig=inputs,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    often = {"Delay": 1, "MaxAttempts": 120}
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=JOB, WaiterConfig=often)
    artifact = sagemaker.describe_training_job(TrainingJobName=JOB)["ModelArtifacts"]["S3ModelArtifacts"]
    model = {"Image": IMAGE, "ModelDataUrl": artifact}
    variant = {"VariantName": "AllTraffic", "ModelName": JOB, "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    sagemaker.create_model(ModelName=JOB, PrimaryContainer=model, ExecutionRoleArn=role)
    sagemaker.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=ENDPOINT, WaiterConfig=often)


def invoke(times: int) -> None:
    """Ask the endpoint for predictions."""
    runtime, rows = boto3.client("sagemaker-runtime"), channels()["validation"].splitlines()
    features = "\n".join(row.partition(",")[2] for row in rows[:20])
    for _ in range(times):
        runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="text/csv", Body=features)


def open_resource(browser: Browser, connection: Connection, kind: str, name: str, width: int) -> Page:
    """The page of a resource, as soon as its log is there."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light", device_scale_factor=1.25)
    page.goto(link(connection.url, connection.folder))
    page.wait_for_selector("h1")
    page.goto(f"{connection.url}/#/resource/{kind}/{quote(name)}")
    page.wait_for_selector(".log div")
    return page


def strip(page: Page, top: float, bottom: float, width: int) -> str:
    """What a page shows between two heights, as an HTML image; pixels."""
    picture = page.screenshot(full_page=True, clip={"x": 0, "y": top, "width": width, "height": bottom - top})
    return f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}" width="{width}">'


def edge(page: Page, selector: str, *, below: bool = False) -> float:
    """Where the first element of a selector begins, or, if ``below``, where it ends; pixels from the page's top."""
    box = page.locator(selector).first.bounding_box()
    assert box, f"the page shows no {selector}"
    return box["y"] + below * box["height"]


def picture_of(browser: Browser, connection: Connection) -> bytes:
    """The beginning and the charts of the job's page, and beside them the beginning of the endpoint's, as a PNG."""
    job = open_resource(browser, connection, "TrainingJob", JOB, LEFT)
    endpoint = open_resource(browser, connection, "Endpoint", ENDPOINT, RIGHT)
    charts = edge(job, "h2:text('Metrics')") - 12, edge(job, "figure", below=True) + 4
    begin = edge(job, "h1 + p", below=True) + 12
    height = begin + GAP + charts[1] - charts[0]
    left = strip(job, 0, begin, LEFT) + strip(job, *charts, LEFT)
    right = strip(endpoint, 0, height, RIGHT)
    view = {"width": LEFT + RIGHT + 3 * GAP, "height": round(height) + 2 * GAP}
    page = browser.new_page(viewport=view, device_scale_factor=1.25)
    style = (
        f"body{{margin:{GAP}px;display:flex;gap:{GAP}px;background:#dfe5ea}}"
        f"div{{display:flex;flex-direction:column;gap:{GAP}px}}img{{box-shadow:0 1px 6px #0006}}"
    )
    page.set_content(f"<style>{style}</style><div>{left}</div><div>{right}</div>")
    return page.screenshot()


def main() -> int:
    """Write docs/page.png; 1 if it is larger than it may be."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        connection = client.connect(Path(folder) / "account")
        try:
            client.apply(connection.environment(), os.environ)
            train_and_deploy(connection.account.role_arn)
            invoke(50)
            time.sleep(WAITED)
            with playwright.chromium.launch(executable_path=chromium) as browser:
                picture = picture_of(browser, connection)
        finally:
            client.reset(connection.folder)
    (HERE / "page.png").write_bytes(picture)
    print(f"docs/page.png: {len(picture):,} bytes")
    return int(len(picture) > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
