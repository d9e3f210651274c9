"""``python utils/preflight/install.py COMMAND …``: run an installer of packages, and say in one sentence why it failed.

An installer without a network ends in words about conflicting dependencies, or in the name of one package.
Run as a plain file: nothing is installed yet.
"""

import re
import subprocess
import sys

# What an installer's words match, what to do.  The first that matches counts.
SENTENCES = (
    (
        r"No space left on device|Disk quota exceeded|os error (28|122)\b",
        "The disk is full: the environment takes 1 GB. Free some, then run the command again.",
    ),
    (
        r"Read-only file system|os error 30\b",
        "This folder is read-only: copy the course to a folder of your own, and run the command there.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer",
        "The certificate of the place that packages come from is not trusted here: name your network's own, a file, in "
        "SSL_CERT_FILE and PIP_CERT.",
    ),
    (
        r"Proxy Authentication|\b407\b|Cannot connect to proxy|ProxyError|proxy.*(refused|resolve)",
        "The proxy that HTTPS_PROXY names does not let the packages through: correct it, then run the command again.",
    ),
    (
        r"\b40[13] (Client Error|Unauthorized|Forbidden)|credentials? (was|were) not (found|correct)",
        "The place that packages come from asks who you are: put your credentials into ~/.netrc or into "
        "pip's configuration.",
    ),
    (
        r"NewConnectionError|ConnectTimeout|ReadTimeout|Connection (refused|reset|aborted)|name resolution|dns error"
        r"|Network is unreachable|No route to host|timed out|error sending request|Failed to fetch|RemoteDisconnected"
        r"|network (was )?disabled",
        "The packages cannot be downloaded, since there is no network: connect this machine (a proxy's address goes "
        "into HTTPS_PROXY), then run the command again. Once it is set up, the course needs no network.",
    ),
    (
        r"ResolutionImpossible|conflicting dependencies|No matching distribution|No solution found",
        "The place that packages come from does not have the versions that the lock names: 'pip config list' and the "
        "variables PIP_… and UV_… say which place that is.",
    ),
)


def why(said: str) -> str | None:
    """What to do about an installer that failed with these words; None if they are not known."""
    return next((sentence for pattern, sentence in SENTENCES if re.search(pattern, said, re.IGNORECASE)), None)


def main(command: list[str]) -> int:
    """Run the command, its output passed on; its exit code."""
    said = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr:
            said.append(line)
            print(line, end="", file=sys.stderr, flush=True)
    if process.returncode and (sentence := why("".join(said))):
        print(f"\n{sentence}", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
