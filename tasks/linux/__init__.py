"""How a Linux machine is asked, and how its files, units and packages are changed."""
