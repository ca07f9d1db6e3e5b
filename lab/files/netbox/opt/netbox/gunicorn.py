"""NetBox's own server, with TLS: what NetBox has before it in a site, a proxy, would do nothing else here."""

bind = "10.31.0.4:443"
certfile = "/etc/netbox/certificate.pem"
keyfile = "/etc/netbox/key.pem"
workers = 1
threads = 4
timeout = 120
control_socket_disable = True
