"""The cluster's own objects: Calico, PureLB, the workload; read and changed through the API."""
