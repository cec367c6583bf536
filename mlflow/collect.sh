#!/bin/sh
# collect.sh [DAYS]: removes for good the runs and experiments that were deleted more than DAYS (30) ago, and through
# the server at MLFLOW_TRACKING_URI their artifacts. Runs with a registered version stay: MLflow itself would take the
# files of the version away.
set -eu
. "$(dirname "$0")/settings.sh"
days=${1:-30}
export MLFLOW_TRACKING_URI="${MLFLOW_TRACKING_URI:-http://mlflow:5000}"
export MLFLOW_TRACKING_USERNAME="${MLFLOW_TRACKING_USERNAME:-admin}"
export MLFLOW_TRACKING_PASSWORD="${MLFLOW_TRACKING_PASSWORD:-${MLFLOW_AUTH_ADMIN_PASSWORD:-}}"

registered="SELECT run_id FROM model_versions WHERE run_id IS NOT NULL"
kept=$(sql "SELECT string_agg(name, ', ') FROM experiments WHERE lifecycle_stage = 'deleted'
  AND experiment_id IN (SELECT experiment_id FROM runs WHERE run_uuid IN ($registered))")
[ -z "$kept" ] || stop "deleted experiments hold registered models: $kept; restore them or delete the versions"
runs=$(sql "SELECT string_agg(run_uuid, ',') FROM runs WHERE lifecycle_stage = 'deleted'
  AND deleted_time < 1000 * (extract(epoch FROM now()) - 86400 * $days) AND run_uuid NOT IN ($registered)")
[ -z "$runs" ] || mlflow gc --backend-store-uri "$MLFLOW_BACKEND_STORE_URI" --older-than "${days}d" --run-ids "$runs"
