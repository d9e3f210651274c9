"""An embedded account that knows one more image, ``programs``: its models are served by ``served_program.py``."""

from __future__ import annotations

import sys
from pathlib import Path

from utils.local_aws import images, server

program = (sys.executable, str(Path(__file__).with_name("served_program.py")), "serve")
images.IMAGES["programs"] = images.Image("programs", (), None, (), {}, program)

if __name__ == "__main__":
    sys.exit(server.main())
