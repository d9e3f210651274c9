"""Exercises of "Send a job"."""

from exercises.account import newest_job
from exercises.job_faults import A_DAY, csv_faults, end_faults, setting
from exercises.kinds import Choice, Found, Number, Question
from exercises.salary.jobs import BATCH, LIMIT, MISSES_BATCH, MISSES_LOSS, MISSES_TEST
from utils import split
from utils.course import Course

EPOCHS, LESSONS_BATCH = 15, 7


def rows(course: Course) -> int:
    return len(split(course.table, "Salary")[0])


CHECKS = {
    "csv_job": Found(
        look=newest_job,
        faults=[
            *csv_faults("Salary", 2, "salary"),
            *setting(
                "predictor_type",
                "regressor",
                "The hyperparameter predictor_type is missing, and Linear Learner needs it.",
                "The job was told to be a {}, and a salary is a number: regressor.",
            ),
            *MISSES_BATCH,
            *MISSES_LOSS,
            MISSES_TEST,
            *end_faults(LIMIT, A_DAY, "max_run"),
        ],
        right="The account was sent what you were asked for, and the job has left a model.",
        hints=(
            "The cells above have all of it for another job: the rows as text, the upload, the Estimator, its fit.",
            "Each channel is a TrainingInput with content_type='text/csv'; fit takes a dictionary of them, by name.",
            "X_test.assign(Salary=y_test) is a table of both columns; to_csv has the options header and index.",
        ),
    ),
    "moves": Number(
        solution=lambda course: rows(course) // BATCH * EPOCHS,
        tolerance=0.5,
        right="Each whole batch is one move, in every epoch.",
        mistakes=[
            (
                lambda course: rows(course) // LESSONS_BATCH * EPOCHS,
                "That is the number for batches of 7, as in the job above.",
            ),
            (lambda course: rows(course) // BATCH, "That is one epoch; there are fifteen at most."),
            (lambda course: rows(course) * EPOCHS, "That counts every row, and a move is made from a whole batch."),
            (
                lambda course: len(course.table) // BATCH * EPOCHS,
                "The rows of the test set take no part in the learning.",
            ),
        ],
        far=("More moves are made than that.", "Fewer moves are made than that."),
        hints=(
            "How many whole batches are in one pass over the training set?",
            "The whole batches of one epoch, times the epochs.",
            "With 10 rows, batches of 3 and 2 epochs there are 3 whole batches in each epoch, and 6 moves.",
        ),
    ),
    "failure_reason": Choice(
        solution="3",
        right="Without content_type a channel of Linear Learner is taken for protobuf records: say text/csv.",
        mistakes={
            "1": "Line 1 writes what Linear Learner wants of CSV: the label first, no header, no row numbers.",
            "2": "Line 2 uploads the text as it is; the job has found the file, and could not make sense of it.",
            "4": "Line 4 sends what it is given; the job was started, and failed at its data.",
        },
        hints=(
            "The reason names a channel and a content type: where in the four lines is a channel described?",
            "CSV and protobuf records are two formats, and a file does not say which of them it is.",
            "Compare each line with the cells above that send the first job: what is missing?",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "b",
        {
            "a": "The job was sent 7 and has used 7.",
            "b": "A text is not equal to a number: write int(…) around it, or compare with '7'.",
            "c": "A job's description keeps everything that was sent, long after its end.",
        },
    ),
    "question 2": Question(
        "c",
        {
            "a": "On the training rows it is the worse one, and seven test rows are too few to decide.",
            "b": "On the training rows the baseline is the better one, as least squares has to be.",
            "c": "The next seven people may turn the order round.",
        },
    ),
    "question 3": Question(
        "a",
        {
            "a": "This is the form that AWS asks of CSV for its built-in algorithms.",
            "b": "TrainingInput has no such parameter.",
            "c": "The type says how the columns are divided, not which of them is the label.",
        },
    ),
}
