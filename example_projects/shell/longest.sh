#!/bin/sh
# Not declared in the MLproject: any .sh file of a project can be an entry point.
#   reprise run example_projects/shell -e longest.sh -P lines=2
set -eu

lines=1
while [ $# -gt 0 ]; do
    case $1 in
        --lines) lines=$2; shift 2 ;;
        *) echo "longest.sh: $1 is not an option" >&2; exit 64 ;;
    esac
done

awk '{ print length($0) "\t" $0 }' sonnet.txt | LC_ALL=C sort -k1,1nr -k2 | head -n "$lines"
