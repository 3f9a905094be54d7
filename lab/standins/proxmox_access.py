"""Who may do what on the stand-in Proxmox: tokens, tickets, privileges by path.

Not here: which privilege a path of the API asks for (proxmox_routes.py).
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from lab.cluster_parts import ClusterRefusal

TOKEN = "agent@pve!nightshift"  # noqa: S105  # a name, and it opens nothing but this stand-in
SECRET = "3c5d9f6e-0b1a-4c2d-8e7f-5a6b7c8d9e0f"  # noqa: S105  # opens nothing but this stand-in
EVERYTHING = ("VM.Audit", "VM.PowerMgmt", "VM.Config.Memory", "VM.Config.CPU", "Sys.Audit")
_PREFIX = "PVEAPIToken="
_COOKIE = "PVEAuthCookie"


@dataclass(kw_only=True)
class Account:
    """A user, or with `!name` in it a token; `privileges` by path, the most exact path counts."""

    user: str = TOKEN
    secret: str = SECRET
    privileges: Mapping[str, Collection[str]] = field(
        default_factory=lambda: {"/": set(EVERYTHING)}
    )

    def holds(self, path: str) -> Collection[str]:
        """What it may do there."""
        while path not in self.privileges and path != "/":
            path = path.rpartition("/")[0] or "/"
        return self.privileges.get(path, ())

    def check(self, path: str, wanted: Sequence[str], *, one_of: bool = False) -> None:
        """Raises ClusterRefusal 403, naming path and privilege."""
        held = self.holds(path)
        missing = [name for name in wanted if name not in held]
        if missing and (not one_of or len(missing) == len(wanted)):
            named = "|".join(wanted) if one_of else missing[0]
            raise ClusterRefusal(403, f"Permission check failed ({path}, {named})")


class Access:
    """The accounts, and the tickets that were given out for passwords."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.accounts = {account.user: account for account in accounts}
        self._tickets: dict[str, tuple[str, str]] = {}

    def sign_in(self, user: str, password: str) -> dict[str, str]:
        """A ticket for a password, or for a ticket that is still good. Raises ClusterRefusal."""
        account = self.accounts.get(user)
        renews = self._tickets.get(password, ("", ""))[0] == user
        if account is None or "!" in user or not (renews or account.secret == password):
            raise ClusterRefusal(401, "authentication failure")
        ticket, csrf = f"PVE:{user}:{secrets.token_hex(8)}", secrets.token_hex(8)
        self._tickets[ticket] = (user, csrf)
        return {"ticket": ticket, "CSRFPreventionToken": csrf, "username": user}

    def expire_tickets(self) -> None:
        """Two hours go by."""
        self._tickets.clear()

    def who(self, headers: Mapping[str, str], method: str) -> Account:
        """The account that asks. Raises ClusterRefusal 401."""
        token = headers.get("authorization", "")
        if token.startswith(_PREFIX):
            user, _, secret = token.removeprefix(_PREFIX).partition("=")
            account = self.accounts.get(user)
            if account is None or "!" not in user or account.secret != secret:
                raise ClusterRefusal(401, "Authentication failed!")
            return account
        return self._by_ticket(headers, method)

    def _by_ticket(self, headers: Mapping[str, str], method: str) -> Account:
        cookie = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
        if cookie is None:
            raise ClusterRefusal(401, "No ticket")
        user, csrf = self._tickets.get(cookie.value, ("", ""))
        if user not in self.accounts:
            raise ClusterRefusal(401, "permission denied - invalid PVE ticket")
        if method != "GET" and headers.get("csrfpreventiontoken") != csrf:
            raise ClusterRefusal(401, "Permission denied - invalid csrf token")
        return self.accounts[user]
