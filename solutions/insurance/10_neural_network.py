"""Solutions to the exercises of insurance/10_neural_network; each runs in the place of its cell there."""

# %% frozen_line
answer = 4  # zero_grad between backward and step leaves no gradient for the step
check.frozen_line(answer)

# %% numbers_learned
answer = 4 * 2 + 32 * (7 + 1) + 16 * (32 + 1) + 1 * (16 + 1)
check.numbers_learned(answer)

# %% embedding_order
mended = PyTorch(
    entry_point="train.py", source_dir="neural_network/pytorch_net", framework_version="2.6", py_version="py312",
    hyperparameters={"epochs": 60, "embedding": 2, "seed": 7}, base_job_name="course-embedding", **shared,
)  # fmt: skip
check.embedding_order(mended)
