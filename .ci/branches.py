"""The core's branches are covered to 95 % or more. Reads what `make test` has just measured."""

import json
import sys
from pathlib import Path

FLOOR = 95.0


def main() -> int:
    """Compare the branch coverage, which coverage.py itself only reports mixed with the lines."""
    totals = json.loads(Path(".coverage.json").read_text())["totals"]
    share = 100 * totals["covered_branches"] / totals["num_branches"]
    sys.stdout.write(f"branches of auth_core covered: {share:.1f} % (at least {FLOOR:.0f} %)\n")
    return 0 if share >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
