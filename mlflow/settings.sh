# What every command of this folder sets first. Each value can be given from outside.
#
# Secrets are read from files: in the folder $SECRETS each is named like the environment variable that it becomes. Who
# sets the variables themselves needs no files. libpq's own variables (PGHOST, PGUSER, PGPASSWORD) say where PostgreSQL
# is, so no password stands in an address, where a process list or a log could show it.

: "${SECRETS:=/run/secrets}"
for secret in PGPASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
  MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY; do
  if [ -f "$SECRETS/$secret" ]; then
    export "$secret=$(cat "$SECRETS/$secret")"
  fi
done

export PGDATABASE="${PGDATABASE:-mlflow}"
export MLFLOW_BACKEND_STORE_URI="${MLFLOW_BACKEND_STORE_URI:-postgresql:///}"
export MLFLOW_ARTIFACTS_DESTINATION="${MLFLOW_ARTIFACTS_DESTINATION:-s3://mlflow}"
export MLFLOW_DISABLE_TELEMETRY=true

# rclone's name for the place of the artifacts.
export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_ENV_AUTH=true
export RCLONE_CONFIG_S3_PROVIDER="${AWS_ENDPOINT_URL:+Other}" RCLONE_CONFIG_S3_ENDPOINT="${AWS_ENDPOINT_URL:-}"
export RCLONE_CONFIG_S3_REGION="${AWS_DEFAULT_REGION:-}"
artifacts="s3:${MLFLOW_ARTIFACTS_DESTINATION#s3://}"

sql() {
  psql --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"
}

stop() {
  echo "$1" >&2
  exit 2
}
