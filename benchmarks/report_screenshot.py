"""Makes docs/report.png of a report.

python -m infra -m backend=llama_cpp experts.active=2,1,4 quantization=none,q4,q2 repeats=5
python benchmarks/report_screenshot.py "$(python -m infra report)" [--dark]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import chromium

PICTURE = Path(__file__).parent.parent / "docs" / "report.png"
WIDTH, HEIGHT = 1280, 1460


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--dark", action="store_true")
    chosen, program = parser.parse_args(), chromium.browser()
    if program is None:
        raise SystemExit("There is no chromium on the PATH.")
    with chromium.opened(program) as tab:
        tab.show(WIDTH, HEIGHT, "dark" if chosen.dark else "light")
        tab.open(chosen.report)
        PICTURE.write_bytes(tab.picture())
    print(PICTURE)


if __name__ == "__main__":
    main()
