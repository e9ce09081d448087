"""The SDK: two lines, and no token is ever seen."""

import os
import time

import PureCloudPlatformClientV2 as genesys

import daypass.genesys

daypass.genesys.configure(genesys)  # GC_CLIENT_ID, GC_CLIENT_SECRET, GC_REGION

users = genesys.UsersApi()
print(f"first step: {users.get_users().total} users")
time.sleep(float(os.environ.get("PAUSE", "600")))
print(f"second step: {users.get_users().total} users")
