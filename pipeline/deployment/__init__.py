"""Running the job on a cluster: the files of ``deploy/`` with a site's values, checked, submitted and followed."""
