#!/bin/sh
# restore.sh COPY [--replace]: makes the stores what they were when backup.sh wrote the folder COPY. The server has to
# be stopped. Stores that hold something are left alone unless --replace says that it may go.
set -eu
. "$(dirname "$0")/settings.sh"
copy=${1:?which copy? restore.sh COPY [--replace]}
[ -f "$copy/database.dump" ] && [ -d "$copy/artifacts" ] ||
  stop "$copy is no copy: it needs database.dump and artifacts; give a folder that backup.sh has printed"

others=$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
[ "$others" = 0 ] || stop "the database is in use: stop the server first"
if [ "${2:-}" != --replace ]; then
  tables=$(sql "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
  [ "$tables" = 0 ] || stop "the database $PGDATABASE holds runs already: add --replace to lose them"
  [ -z "$(rclone lsf "$artifacts")" ] ||
    stop "$MLFLOW_ARTIFACTS_DESTINATION holds artifacts already: add --replace to lose them"
fi

rclone sync "$copy/artifacts" "$artifacts"
sql "BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public; COMMIT"
pg_restore --dbname="$PGDATABASE" --no-owner --single-transaction --exit-on-error "$copy/database.dump"
echo "restored $copy"
