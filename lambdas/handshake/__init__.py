"""In front of one source's queue: answers the sender's challenges to the URL, and enqueues everything else."""
