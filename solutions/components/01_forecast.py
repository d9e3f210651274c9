"""Solutions to the exercises of components/01_forecast; each runs in the place of its cell there."""

# %% same_weekday
answer = (claims.shift(7) - claims)[test.index].abs().mean()
check.same_weekday(answer)


# %% no_future
def quick(days):
    """Features of each day, for a forecast made on the evening before."""
    before = days.shift(1)
    return pd.DataFrame({
        "holiday": days["holiday"],
        "storm": before["storm"],
        "calls": before["calls"],
        "lag_7": days["claims"].shift(7),
        "mean_7": before["claims"].rolling(7).mean(),
    })  # fmt: skip


check.no_future(quick)

# %% image_job
mine = Processor(
    image_uri=image, role=course.role, instance_count=1, instance_type="ml.m5.large",
    sagemaker_session=course.session, max_runtime_in_seconds=600,
    base_job_name="course-mine", tags=course.tags,
)  # fmt: skip
place = ProcessingOutput(
    source=f"{base}/output/test", destination=f"{course.output_path}/mine/test", output_name="test"
)
mine.run(inputs=[table], outputs=[place], arguments=["--relative"], logs=False)
check.image_job(mine)
