"""Train a Linear Learner, deploy it, ask it and delete it, in an AWS account that lasts as long as the block."""

import json

import boto3

import local_aws

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
ROWS = "\n".join(f"{2 * x + 1},{x}" for x in range(1000))  # the label comes first

with local_aws.account() as aws:
    s3, sagemaker, runtime = map(boto3.client, ("s3", "sagemaker", "sagemaker-runtime"))
    s3.create_bucket(Bucket="my-bucket")
    s3.put_object(Bucket="my-bucket", Key="train/rows.csv", Body=ROWS)
    rows = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/train"}}
    sagemaker.create_training_job(
        TrainingJobName="line",
        RoleArn=aws.role_arn,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"predictor_type": "regressor", "mini_batch_size": "20", "epochs": "50"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": rows}],
        OutputDataConfig={"S3OutputPath": "s3://my-bucket/models"},
        ResourceConfig=MACHINE,
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="line", WaiterConfig={"Delay": 1})
    model = sagemaker.describe_training_job(TrainingJobName="line")["ModelArtifacts"]["S3ModelArtifacts"]

    container = {"Image": IMAGE, "ModelDataUrl": model}
    variant = {"InstanceType": "ml.t2.medium", "InitialInstanceCount": 1, "VariantName": "all", "ModelName": "line"}
    sagemaker.create_model(ModelName="line", PrimaryContainer=container, ExecutionRoleArn=aws.role_arn)
    sagemaker.create_endpoint_config(EndpointConfigName="line", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="line", EndpointConfigName="line")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="line", WaiterConfig={"Delay": 1})
    answer = runtime.invoke_endpoint(EndpointName="line", ContentType="text/csv", Body="10\n20")
    print([round(each["score"]) for each in json.load(answer["Body"])["predictions"]])  # [21, 41]

    sagemaker.delete_endpoint(EndpointName="line")
    sagemaker.delete_endpoint_config(EndpointConfigName="line")
    sagemaker.delete_model(ModelName="line")
