"""The lab as a program: python -m lab."""

from lab.command import main

raise SystemExit(main())
