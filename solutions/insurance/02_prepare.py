"""Solutions to the exercises of insurance/02_prepare; each runs in the place of its cell there."""

# %% minus_one
ages = X_train["age"]
answer = ages.mean() - ages.std(ddof=0)
check.minus_one(answer)

# %% leak
import pandas as pd
from sklearn.model_selection import train_test_split


def quick(table):
    """The four parts, the features on the scale of the training set."""
    X = pd.get_dummies(table.drop(columns="charges"), drop_first=True, dtype=float)
    X_train, X_test, y_train, y_test = train_test_split(X, table["charges"], test_size=0.2, random_state=42)
    mean, sd = X_train.mean(), X_train.std()
    return (X_train - mean) / sd, (X_test - mean) / sd, y_train, y_test


check.leak(quick)

# %% processing_job
mine = SKLearnProcessor(
    framework_version="1.4-2", role=course.role, sagemaker_session=course.session,
    instance_count=1, instance_type="ml.m5.large", max_runtime_in_seconds=600,
    base_job_name="course-mine", tags=course.tags,
)  # fmt: skip
output = ProcessingOutput(
    source=f"{base}/output/train", destination=f"{course.output_path}/mine/train", output_name="train"
)
mine.run(
    code="prepare.py",
    arguments=["--input-dir", f"{base}/table"],
    inputs=[ProcessingInput(source=raw, destination=f"{base}/table")],
    outputs=[output],
    logs=False,
)
check.processing_job(mine)
