#!/bin/sh
# secrets.sh FOLDER: makes a password for each that is missing in FOLDER, as files that only you can read, named as
# settings.sh wants them. What is there stays. s3.json is the S3 server's list of users, for compose.yaml.
set -eu
folder=${1:?which folder? secrets.sh FOLDER}
umask 077
mkdir -p "$folder"
for secret in PGPASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
  MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY; do
  [ -f "$folder/$secret" ] || head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$folder/$secret"
done
[ -f "$folder/s3.json" ] || cat >"$folder/s3.json" <<END
{"identities": [{"name": "mlflow", "actions": ["Admin", "Read", "Write", "List", "Tagging"], "credentials":
  [{"accessKey": "$(cat "$folder/AWS_ACCESS_KEY_ID")", "secretKey": "$(cat "$folder/AWS_SECRET_ACCESS_KEY")"}]}]}
END
