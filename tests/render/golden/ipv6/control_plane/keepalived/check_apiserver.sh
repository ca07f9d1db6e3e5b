#!/bin/sh
# Written by Kubepeer. Healthy: the haproxy of this machine reaches an apiserver. Only the local one is asked:
# a slow apiserver elsewhere must not move the address.
exec curl -sfk --max-time 2 -o /dev/null https://127.0.0.1:8443/healthz
