"""Exercises of "Serve one model in three ways with version 3 of the SDK"."""

from exercises.kinds import Found, Number, Question
from exercises.serving import batch_faults, batch_of, served_by, serverless_faults

MEMORY, CONCURRENCY = 2_048, 10  # of the colleague's configuration
MODELS, DEPLOYMENTS = 1, 2

CHECKS = {
    "batch_joined": Found(
        look=batch_of,
        faults=list(batch_faults()),
        right="The model saw nine features, and each answer stands beside its person.",
        hints=(
            "The cell with the Transformer above needs another file, another content type and three arguments more.",
            "The three are about the lines: what of them is sent, whether to join, what is kept.",
            "Of {'a': 1, 'b': {'c': 2}} the filter $.b sends {'c': 2}; joined lines have a key more, SageMakerOutput.",
        ),
    ),
    "standing_things": Number(
        solution=lambda course: MODELS + 2 * DEPLOYMENTS,
        tolerance=0.5,
        right="One model is enough for both deployments and the batch job, which used what was there.",
        mistakes=[
            (lambda course: 3 * DEPLOYMENTS, "That is a model for each endpoint, as version 2 makes them."),
            (
                lambda course: 3 * DEPLOYMENTS + 1,
                "That counts a model for the batch job, which took one that was there.",
            ),
            (lambda course: MODELS + DEPLOYMENTS, "Each deployment has made something besides the endpoint."),
            (lambda course: 2 * DEPLOYMENTS, "What has build made?"),
        ],
        far=(
            "There are more: count the calls of build and of deploy.",
            "There are fewer: count the calls of build and of deploy.",
        ),
        hints=(
            "Count the calls of build and deploy in this lesson.",
            "A call of build makes one thing; deploy makes the endpoint, and what says on which machine.",
            "Jobs end by themselves; Transformer was given a name, and made nothing but a job.",
        ),
    ),
    "serverless_config": Found(
        look=served_by,
        faults=list(serverless_faults(MEMORY, CONCURRENCY)),
        right="AWS knows MemorySizeInMB, and the clean-up knows the tags.",
        hints=(
            "ProductionVariants is a list of dictionaries, in which AWS's names begin with capitals.",
            "The SDK's message says which names ServerlessConfig takes; course.tags has the form that AWS wants.",
            "A variant with a machine is {'VariantName': 'a', 'ModelName': 'b', 'InstanceType': 'c', …}.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "It would share a configuration, and so the number of its machines.",
            "b": "How many machines stands in the configuration; the model can be shared.",
            "c": "That works, and leaves one more note to delete.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "The container has loaded the artifact when it started.",
            "b": "It would fail only when it has to start a container anew.",
            "c": "Nothing looks for the model while the container runs.",
        },
    ),
    "question 3": Question(
        "c",
        {
            "a": "A model is a note, and build makes nothing else.",
            "b": "That is how serverless inference is paid for, by computing.",
            "c": "It creates the endpoint, and with it the machine.",
        },
    ),
}
