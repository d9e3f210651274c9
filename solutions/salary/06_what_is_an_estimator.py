"""Solutions to the exercises of salary/06_what_is_an_estimator; each runs in the place of its cell there."""

# %% two_people
found = []
for seed in range(1000):
    years, salary = draw(35, seed)
    last, first = years.argmax(), years.argmin()
    found.append((salary[last] - salary[first]) / (years[last] - years[first]))
answer = np.std(found)
check.two_people(answer)

# %% drawn_job
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Uploader

years, salary = draw(35, seed=3)
rows = pd.DataFrame({"salary": salary, "years": years}).to_csv(header=False, index=False)
uri = S3Uploader.upload_string_as_file_body(
    rows, f"{course.output_path}/drawn/train.csv", sagemaker_session=course.session
)
order.fit({"train": TrainingInput(uri, content_type="text/csv")}, logs=False)
fitted_order = order
check.drawn_job(fitted_order)

# %% plan_fault
answer = 3  # learner.deploy(…).predict(…)
check.plan_fault(answer)
