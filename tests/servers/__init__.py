"""Real servers on this machine for tests: PostgreSQL, an S3 server (SeaweedFS), and MLflow on both."""
