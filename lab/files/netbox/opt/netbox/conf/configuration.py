"""NetBox of the lab: what only this machine may know was made on it, when it was started for the first time."""

import json
from pathlib import Path

SECRETS = json.loads(Path("/etc/netbox/secrets.json").read_text(encoding="utf-8"))

ALLOWED_HOSTS = ["10.31.0.4", "netbox.tinychen.io"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "netbox", "HOST": "", "CONN_MAX_AGE": 300}}
REDIS = {
    name: {"HOST": "127.0.0.1", "PORT": 6379, "DATABASE": number} for number, name in enumerate(("tasks", "caching"))
}
SECRET_KEY = SECRETS["key"]
API_TOKEN_PEPPERS = {1: SECRETS["pepper"]}
ISOLATED_DEPLOYMENT = True
CENSUS_REPORTING_ENABLED = False
MAX_PAGE_SIZE = 5  # so that lists come in several pages
