"""python -m lab"""

from lab.command import main

raise SystemExit(main())
