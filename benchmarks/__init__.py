"""What `make bench` runs: whole commands against a model server on this machine, as ratios to a floor."""
