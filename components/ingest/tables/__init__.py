"""Tables of images: a row an image, in a .csv, .tsv, .jsonl or .parquet file."""
