"""Ray reads how calls are authorised when it is imported: this comes before all imports of it."""

import os
import secrets

os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
