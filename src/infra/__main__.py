"""``python -m infra``, and the command ``infra``."""

import sys


def main() -> int:
    """The program, its exit code also where Ctrl-C comes while its modules are imported."""
    try:
        from infra import cli  # noqa: PLC0415  # see above

        return cli.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
