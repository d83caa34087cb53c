"""The page and the HTTP API of a box or fleet; knows the store's reading port and the inbox, nothing else."""
