"""A client of the API server for tests. It hides nothing: it answers (status, body) and tries nothing again, except on a
kept connection that the server had closed meanwhile."""
import http.client
import json
import ssl
from urllib.parse import quote

KINDS_OF_PATCH = {"merge": "application/merge-patch+json", "json": "application/json-patch+json",
                  "strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml"}
CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)


class Api:
    """One user at one address, for any number of threads. Connections are kept until close()."""

    def __init__(self, port, ca, crt=None, key=None, token=None, timeout=30):
        self.port, self.token, self.timeout = port, token, timeout
        self.tls = ssl.create_default_context(cafile=ca)
        if crt:
            self.tls.load_cert_chain(crt, key)
        self.idle = []
        self.paths = {}  # (apiVersion, kind) -> (plural, namespaced)

    def connection(self, timeout=None):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=timeout or self.timeout)

    def headers(self, content_type, as_user, as_groups, more):
        headers = http.client.HTTPMessage()
        headers["Accept"] = "application/json"
        for name, value in (("Content-Type", content_type), ("Impersonate-User", as_user)):
            if value:
                headers[name] = value
        for group in as_groups:
            headers["Impersonate-Group"] = group
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for name, value in more.items():
            headers[name] = value
        return headers

    def exchange(self, connection, method, path, body, headers):
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data or None)
        return connection.getresponse()

    def raw(self, connection, method, path, body, headers):
        """The answer and its text, read to the end."""
        try:
            answer = self.exchange(connection, method, path, body, headers)
            text = answer.read()
        except BaseException:  # half an answer may be in it
            connection.close()
            raise
        self.idle.append(connection)
        return answer, text

    def close(self):
        while self.idle:
            self.idle.pop().close()

    def __call__(self, method, path, body=None, content_type=None, as_user=None, as_groups=(), **more):
        """(status, body): the body is parsed where it is JSON. `content_type` may be merge, json, strategic or apply;
        `as_user` impersonates (a service account is system:serviceaccount:NAMESPACE:NAME); `more` are further headers."""
        content_type = KINDS_OF_PATCH.get(content_type, content_type or ("application/json" if body is not None else None))
        request = method, path, body, self.headers(content_type, as_user, as_groups, more)
        try:
            answer, text = self.raw(self.idle.pop(), *request)
        except (IndexError, *CLOSED):
            answer, text = self.raw(self.connection(), *request)
        parse = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(text) if parse else text.decode()

    def must(self, method, path, body=None, **options):
        """The body of an answer below 300; else an error that quotes what the server said."""
        status, answer = self(method, path, body, **options)
        if status >= 300:
            said = answer.get("message") if isinstance(answer, dict) else answer
            raise RuntimeError(f"{method} {path}: {status}, {said}")
        return answer

    def watch(self, path, timeout=30):
        """The events as they come. It ends when the server ends it, and raises OSError when the connection is cut or is
        silent for longer than the timeout."""
        connection = self.connection(timeout)
        try:
            answer = self.exchange(connection, "GET", path + ("&" if "?" in path else "?") + "watch=1", None,
                                   self.headers(None, None, (), {}))
            if answer.status != 200:
                raise RuntimeError(f"watch {path}: {answer.status}, {answer.read()[:500]!r}")
            for line in answer:
                yield json.loads(line)
        except http.client.HTTPException as cut:
            raise ConnectionResetError(f"watch {path}: {cut!r}") from cut
        finally:
            connection.close()

    def kind(self, version, kind):
        """(plural, namespaced); None where the server does not serve it (yet)."""
        if (version, kind) not in self.paths:
            status, answer = self("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
            for resource in answer["resources"] if status == 200 else []:
                if "/" not in resource["name"]:
                    self.paths[(version, resource["kind"])] = resource["name"], resource["namespaced"]
        return self.paths.get((version, kind))

    def path(self, thing, namespace="default"):
        """Of an object {apiVersion, kind, metadata}; None where its kind is not served."""
        version, found = thing["apiVersion"], self.kind(thing["apiVersion"], thing["kind"])
        if not found:
            return None
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if found[1]:
            base += f"/namespaces/{thing['metadata'].get('namespace', namespace)}"
        return f"{base}/{found[0]}/{quote(thing['metadata']['name'])}"
