"""Checks the credentials of users that the account knows. Unknown users are admitted."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

# Code, SQL state and message.
Refusal = tuple[str, str, str]

_NO_TOKEN: Refusal = ("390144", "08001", "JWT token is invalid.")
_NO_PASSWORD: Refusal = ("390100", "08001", "Incorrect username or password was specified.")
_NO_WORKLOAD: Refusal = ("390144", "08001", "The workload identity token is invalid.")
_DISABLED: Refusal = ("390101", "08001", "User access disabled. Contact your local system administrator.")


def refusal(user: dict[str, Any] | None, asked: dict[str, Any]) -> Refusal | None:
    if str(asked.get("AUTHENTICATOR")).upper() == "WORKLOAD_IDENTITY":
        return None if _is_of_workload(str(asked.get("LOGIN_NAME")), asked) else _NO_WORKLOAD
    if user is None:
        return None
    if str(user.get("DISABLED", "false")).lower() == "true":
        return _DISABLED
    kind = str(asked.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
    if kind == "SNOWFLAKE_JWT":
        return None if _is_signed(user, str(asked.get("TOKEN"))) else _NO_TOKEN
    if kind == "SNOWFLAKE" and user.get("TYPE") == "SERVICE":
        return _NO_PASSWORD  # a service has none
    return None


def _is_of_workload(name: str, asked: dict[str, Any]) -> bool:
    """Whether a user's own issuer has signed the token. EMULATOR_OIDC names a file with `issuer`, `publicKey` and `subjects`."""
    import jwt

    file = os.environ.get("EMULATOR_OIDC")
    if file is None or asked.get("PROVIDER") != "OIDC":
        return False
    with open(file) as text:
        known = json.load(text)
    rules = {"issuer": known["issuer"], "audience": "snowflakecomputing.com", "options": {"require": ["exp", "sub"]}}
    try:
        claims = jwt.decode(str(asked.get("TOKEN")), known["publicKey"], algorithms=["RS256"], **rules)
    except jwt.PyJWTError:
        return False
    return bool(claims["sub"] == known["subjects"].get(name.upper()))


def _is_signed(user: dict[str, Any], token: str) -> bool:
    # Imported here, because few tests need them and the import is slow.
    import jwt
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    for name in ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"):
        if name not in user:
            continue
        try:
            key = load_der_public_key(base64.b64decode("".join(user[name].split())))
            # The Node driver sends milliseconds although the JWT specification requires seconds, and Snowflake accepts them.
            claims = jwt.decode(token, key, algorithms=["RS256"], options={"verify_iat": False})  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError):
            continue
        if str(claims.get("iss", "")).endswith(str(user[f"{name}_FP"])):
            return True
    return False
