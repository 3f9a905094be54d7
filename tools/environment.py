"""What the environment says of HTTP (proxies, certificates, netrc), read once for a session.

requests reads it anew for every call, which costs a sixth of the call. Not here: any vendor.
"""

import requests
from requests.utils import get_netrc_auth


def read_once(session: requests.Session, url: str) -> None:
    """Let this session, which only ever talks to `url`, know now and ask no more."""
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.auth = session.auth or get_netrc_auth(url)
    session.trust_env = False
