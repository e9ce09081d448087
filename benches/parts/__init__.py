"""What `run` and `startup` are made of."""
