# What every command of this folder sets first. Each value can be given from outside.
#
# Secrets are read from files: in the folder $SECRETS each is named like the environment variable that it becomes. Who
# sets the variables themselves needs no files. libpq's own variables (PGHOST, PGUSER, PGPASSWORD) say where PostgreSQL
# is, so no password stands in an address, where a process list or a log could show it.

: "${SECRETS:=/run/secrets}"
for secret in PGPASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
  MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD; do
  if [ -f "$SECRETS/$secret" ]; then
    export "$secret=$(cat "$SECRETS/$secret")"
  fi
done

export MLFLOW_BACKEND_STORE_URI="${MLFLOW_BACKEND_STORE_URI:-postgresql:///${PGDATABASE:=mlflow}}"
export MLFLOW_ARTIFACTS_DESTINATION="${MLFLOW_ARTIFACTS_DESTINATION:-s3://mlflow}"
export PGDATABASE MLFLOW_DISABLE_TELEMETRY=true
