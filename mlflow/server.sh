#!/bin/sh
# Starts MLflow for a team: runs and users in PostgreSQL, artifacts in S3, passed through the server, so that only the
# server needs the keys. See settings.sh for what it reads from the environment.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
export MLFLOW_AUTH_CONFIG_PATH="${MLFLOW_AUTH_CONFIG_PATH:-$here/basic_auth.ini}"
export MLFLOW_EXPOSE_PROMETHEUS="${MLFLOW_EXPOSE_PROMETHEUS:-${TMPDIR:-/tmp}/mlflow-metrics}"
# The job runner, for language models, takes 2 GB. One worker serves a team of this kind of runs.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_WORKERS=1
# As many connections as the worker has threads: with fewer, many runs at once are refused.
export MLFLOW_SQLALCHEMYSTORE_POOL_SIZE="${MLFLOW_SQLALCHEMYSTORE_POOL_SIZE:-10}" MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW=30
case $MLFLOW_ARTIFACTS_DESTINATION in s3://*) rclone mkdir "$artifacts" ;; esac
# A client that pauses finds its connection again: one closed at the moment it is used is a failed request.
exec mlflow server --app-name basic-auth --uvicorn-opts "--timeout-keep-alive 75" --host "${MLFLOW_HOST:-0.0.0.0}" --port "${MLFLOW_PORT:-5000}"
