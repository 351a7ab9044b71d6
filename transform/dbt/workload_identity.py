"""dbt's login at Snowflake by an OIDC token of this workload.

dbt-snowflake 1.11 does not pass on what Snowflake's driver needs for it, so this adds it to the arguments of each connection.
"""

import os


def use_identity_token():
    """If SNOWFLAKE_IDENTITY_TOKEN_FILE is set. The file is read at each connection, because it rotates."""
    path = os.environ.get("SNOWFLAKE_IDENTITY_TOKEN_FILE")
    if not path:
        return
    from dbt.adapters.snowflake.connections import SnowflakeCredentials

    others = SnowflakeCredentials.auth_args

    def with_token(self):
        with open(path) as file:
            token = file.read().strip()
        identity = {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "OIDC", "token": token}
        return {**others(self), **identity}

    SnowflakeCredentials.auth_args = with_token
