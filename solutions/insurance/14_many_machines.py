"""Solutions to the exercises of insurance/14_many_machines; each runs in the place of its cell there."""

# %% bill
answer = 8 * 1_800 / 3600 * 0.115
check.bill(answer)

# %% sharded_job
changes = {"base_job_name": "course-mine", "max_run": 600}
mine = Estimator(instance_count=2, input_mode="Pipe", **order | changes)
mine.fit({"train": TrainingInput(shards, content_type=RECORDS, distribution="ShardedByS3Key")}, logs=False)
check.sharded_job(mine)

# %% idle_machine
some = TrainingInput(shards, content_type=RECORDS, distribution="ShardedByS3Key")  # ten objects for two machines
check.idle_machine(some)
