"""How FRR's shell is asked. Pure."""

# A look leaves nothing behind: vtysh writes every command into ~/.history_frr, unless it is told another file.
VTYSH = "VTYSH_HISTFILE=/dev/null vtysh"
