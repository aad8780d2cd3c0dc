"""Kubeconfigs, with everything they need inside them."""
import base64
import os
from pathlib import Path

TEXT = """apiVersion: v1
kind: Config
clusters:
- name: ordeal-test
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: {user}
  user:
{credentials}
contexts:
- name: ordeal-test
  context: {{cluster: ordeal-test, user: {user}, namespace: {namespace}}}
current-context: ordeal-test
"""


def encoded(path):
    return base64.b64encode(Path(path).read_bytes()).decode()


def write(path, server, ca, user, crt=None, key=None, token=None, namespace="default"):
    """With a client certificate, or a token. The file is the owner's alone."""
    lines = [f"token: {token}"] if token else [f"client-certificate-data: {encoded(crt)}", f"client-key-data: {encoded(key)}"]
    text = TEXT.format(server=server, ca=encoded(ca), user=user, namespace=namespace,
                       credentials="\n".join(f"    {line}" for line in lines))
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return str(path)
