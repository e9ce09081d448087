"""A token endpoint with the discovery that oidc-agent wants; its tokens are as long as JWTs are."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def token(number):
    """Returns a text of 1.1 kB that no other number has."""
    return f"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{number:0>700}.{number:0>342}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.path.endswith("/.well-known/openid-configuration"):
            return self.answer(404, {})
        url = self.server.url
        self.answer(200, {
            "issuer": f"{url}/",
            "token_endpoint": f"{url}/oauth/token",
            "authorization_endpoint": f"{url}/authorize",
            "jwks_uri": f"{url}/jwks",
            "scopes_supported": ["openid", "offline_access"],
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.requests += 1
            number = self.server.requests
        self.answer(200, {"access_token": token(number), "token_type": "Bearer", "expires_in": 3600})

    def answer(self, status, body):
        body = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Issuer(ThreadingHTTPServer):
    """Runs in a thread of its own, on a free port of 127.0.0.1; it ends with the process."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 60}, daemon=True).start()

    @property
    def token_url(self):
        return f"{self.url}/oauth/token"
