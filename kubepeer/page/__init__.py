"""The report of a run as one web page: what is on it (document), how a run fills it (collect), and how it is written (write)."""
