"""The training container's entry point: ``python -m local_aws.algorithms.linear_learner train``.

``SAGEMAKER_BASE_DIR`` names the folder that stands for ``/opt/ml``.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from local_aws.containers.lifeline import PEER_LOST, die_with_parent


def main(arguments: list[str]) -> int:
    """Train; 0 if it was done, 1 if ``output/failure`` says why not, 2 for a wrong command line.

    PEER_LOST if another host ended.
    """
    if arguments != ["train"]:
        print("usage: python -m local_aws.algorithms.linear_learner train", file=sys.stderr)
        return 2
    die_with_parent()
    # The mini-batches are small: more BLAS threads cost processor time and gain nothing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from .errors import CustomerError, algorithm_error
    from .log import Log
    from .peers import PeerLost
    from .training import train

    base, log = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")), Log()
    try:
        train(base, log)
        return 0
    except BrokenPipeError:
        os._exit(1)
    except PeerLost as error:
        # The host that ended has the reason; the account shows that one.
        log.error(f"Algorithm Error: {error}")
        log.flush()
        return PEER_LOST
    except CustomerError as error:
        log.error(f"Customer Error: {error.text}")
        reason = error.failure_reason
    except Exception as error:  # whatever it is, the job must end with a reason
        reason = algorithm_error(error).replace(str(base), "/opt/ml")
        log.error(f"Algorithm Error: {reason.removeprefix('AlgorithmError: ')}")
        log.plain(traceback.format_exc().replace(str(base), "/opt/ml").rstrip())
    log.flush()
    output = base / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "failure").write_text(reason, encoding="utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
