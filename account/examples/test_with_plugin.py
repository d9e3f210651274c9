"""A model that is trained, deployed and asked by the SageMaker SDK, version 2: pytest runs it, with the plugin."""

import pytest
from sagemaker import image_uris
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer

ROWS = "\n".join(f"{2 * x + 1},{x}" for x in range(1000))  # the label comes first


@pytest.fixture
def predictor(aws_account, sagemaker_session):
    rows = sagemaker_session.upload_string_as_file_body(ROWS, sagemaker_session.default_bucket(), "rows.csv")
    estimator = Estimator(
        image_uris.retrieve("linear-learner", sagemaker_session.boto_region_name),
        role=aws_account.role_arn,
        instance_count=1,
        instance_type="ml.m5.large",
        hyperparameters={"predictor_type": "regressor", "mini_batch_size": 20, "epochs": 50},
        sagemaker_session=sagemaker_session,
    )
    estimator.fit({"train": TrainingInput(rows, content_type="text/csv")}, logs=False)
    predictor = estimator.deploy(1, "ml.t2.medium", serializer=CSVSerializer(), deserializer=JSONDeserializer())
    yield predictor
    predictor.delete_model()
    predictor.delete_endpoint()


def test_the_model_has_found_the_line(predictor):
    scores = [each["score"] for each in predictor.predict([[10], [20]])["predictions"]]
    assert scores == pytest.approx([21, 41], abs=0.5)
