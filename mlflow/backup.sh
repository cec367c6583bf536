#!/bin/sh
# backup.sh FOLDER [KEEP]: copies runs, users, models and artifacts into FOLDER/<time>, while the server works. Of the
# copies in FOLDER the newest KEEP (7) stay.
set -eu
umask 077
. "$(dirname "$0")/settings.sh"
folder=${1:?which folder? backup.sh FOLDER [KEEP]}
keep=${2:-7}

copy="$folder/$(date -u +%Y-%m-%dT%H-%M-%SZ)"
trap 'rm -rf "$copy.part"' EXIT
mkdir -p "$copy.part/artifacts"
# The database first: what it speaks of is in the bucket by then, and artifacts that come later do no harm.
pg_dump --format=custom --no-owner --file="$copy.part/database.dump"
rclone copy "$artifacts" "$copy.part/artifacts"
mv "$copy.part" "$copy"
echo "$copy"

find "$folder" -mindepth 1 -maxdepth 1 -name '20??-??-??T??-??-??Z' | sort | head -n "-$keep" | xargs -r rm -r
