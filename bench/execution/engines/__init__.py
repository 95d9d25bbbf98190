"""Who runs the jobs of an invocation: this machine's processes, a Dask cluster, a SLURM cluster."""
