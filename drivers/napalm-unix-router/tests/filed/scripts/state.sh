# Before it stands: site (the folder of this router).
PATH=$site/bin

take_back() {
    cp "$1/running" "$site/running" && cmp -s "$1/running" "$site/running" || { said="the file cannot be written"; return 1; }
    result=identical
}
# As with BIRD where the site says so, else as with FRR.
becomes_last() { [ ! -f "$site/only-confirmed" ] || [ "$2" = confirmed ] || [ "$1" = "$(readlink "$base/last")" ]; }
decide() { overdue "$1"; }
