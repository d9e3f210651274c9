"""The containers' entry point: ``python -m local_aws.algorithms.xgboost_algorithm train [RELEASE]`` or ``… serve``.

``SAGEMAKER_BASE_DIR`` names the folder that stands for ``/opt/ml``; ``LOCAL_AWS_SOCKET`` the Unix socket on
which ``serve`` answers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local_aws.containers.lifeline import die_with_parent

from .releases import FIRST, NEWEST, RELEASES, Release


def main(arguments: list[str]) -> int:
    """0 if it did what it was asked, 1 if its log (and, of a training, ``output/failure``) says why not."""
    action, release = [*arguments, NEWEST][:2] if arguments else ("", "")
    if action not in ("train", "serve") or release not in (*RELEASES, FIRST):
        print("usage: python -m local_aws.algorithms.xgboost_algorithm train|serve [RELEASE]", file=sys.stderr)
        return 2
    die_with_parent()
    from . import log

    log.start()
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    return _train(base, Release(release)) if action == "train" else _serve(base, Release(release))


def _train(base: Path, release: Release) -> int:
    from .errors import AlgorithmError, JobError, sentence
    from .log import logger
    from .training import train

    try:
        logger.info("Imported framework sagemaker_xgboost_container.training")
        train(base, release)
        return 0
    except BrokenPipeError:
        os._exit(1)
    except JobError as error:
        failure = error
    except Exception as error:  # whatever it is, the job must end with a reason
        failure = AlgorithmError(sentence(error).replace(str(base), "/opt/ml"), caused_by=error)
    logger.error("Reporting training FAILURE")
    logger.error(failure.report)
    (base / "output").mkdir(parents=True, exist_ok=True)
    (base / "output" / "failure").write_text(failure.failure_reason, encoding="utf-8")
    return 1


def _serve(base: Path, release: Release) -> int:
    from .serving import serve

    return serve(base / "model", os.environ["LOCAL_AWS_SOCKET"], os.environ, release)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
