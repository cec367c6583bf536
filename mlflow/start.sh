#!/bin/sh
# start.sh [FOLDER]: a server on this machine until Ctrl-C, with its passwords and data in FOLDER (mlflow-data). With a
# Docker engine and the image simpgan/mlflow it is that of compose.yaml, its data in Docker's volumes; else, and in a
# FOLDER that began so, processes on sqlite.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-mlflow-data}
port=${MLFLOW_PORT:-5000}
python3 -c "import socket; socket.create_server(('127.0.0.1', $port))" 2>/dev/null || {
  echo "port $port cannot be used: choose another, as in MLFLOW_PORT=5001 make mlflow" >&2
  exit 2
}
"$here/secrets.sh" "$folder/secrets"
folder=$(cd "$folder" && pwd)
export SECRETS="$folder/secrets" MLFLOW_PORT="$port"

if [ ! -f "$folder/mlflow.db" ] && docker compose version && docker image inspect simpgan/mlflow:latest; then
  export MLFLOW_USER="$(id -u):$(id -g)" BACKUPS="$folder/backups"
  mkdir -p "$BACKUPS"
  set -- docker compose --file "$here/compose.yaml" up
else
  sed "s|^database_uri = .*|database_uri = sqlite:///$folder/users.db|" "$here/basic_auth.ini" >"$folder/basic_auth.ini"
  export MLFLOW_AUTH_CONFIG_PATH="$folder/basic_auth.ini" MLFLOW_HOST=127.0.0.1 \
    MLFLOW_BACKEND_STORE_URI="sqlite:///$folder/mlflow.db" MLFLOW_ARTIFACTS_DESTINATION="$folder/artifacts"
  set -- "$here/server.sh"
fi >/dev/null 2>&1

"$@" >>"$folder/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server"; exit 130' INT TERM
echo "Starting, which takes half a minute the first time: $*"
until python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health', timeout=5)" 2>/dev/null; do
  kill -0 "$server" 2>/dev/null || { tail -n 5 "$folder/server.log" >&2; exit 1; }
  sleep 1
done
cat <<END
MLflow:    http://127.0.0.1:$port  (Ctrl-C ends it)
User:      admin
Password:  in $SECRETS/MLFLOW_AUTH_ADMIN_PASSWORD
Log:       $folder/server.log
Runs of a shell are recorded there after:
  export MLFLOW_TRACKING_URI=http://127.0.0.1:$port MLFLOW_TRACKING_USERNAME=admin
  export MLFLOW_TRACKING_PASSWORD="\$(cat $SECRETS/MLFLOW_AUTH_ADMIN_PASSWORD)"
END
wait "$server"
