# Before it stands: site (the folder of this router).
PATH=$site/bin

take_back() {
    cp "$1/running" "$site/running" && cmp -s "$1/running" "$site/running" || { said="the file cannot be written"; return 1; }
    result=identical
}
becomes_last() { true; }
decide() { overdue "$1"; }
