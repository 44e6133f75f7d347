"""Publishing on the Hugging Face Hub: what changed, one atomic commit, a version's changelog."""
