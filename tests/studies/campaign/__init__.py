"""`simpgan run table1` on a machine that is lent for minutes and has neither kfp nor MLflow: see CONTRIBUTING.md."""
