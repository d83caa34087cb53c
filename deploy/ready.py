#!/usr/bin/env python
"""ready PORT: whether the role that serves its vitals on a port of this container is ready; past any proxy."""

import sys
from urllib.request import ProxyHandler, build_opener

build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{sys.argv[1]}/readyz", timeout=5)
