"""Images without a registry and without an engine: OCI archives of files that lie here, for `ctr images import`."""
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

from .programs import program

PAUSE = "ordeal.test/pause:1"
BUSYBOX = "ordeal.test/busybox:1"
MEDIA = "application/vnd.oci.image."


def archive(path, name, files, command, links=(), folders=("tmp",), architecture="amd64", environment=("PATH=/bin:/usr/bin",)):
    """Writes the archive of an image of one layer. `files` {path in the image: path here} are executable, `links` are
    {path in the image: where it points}."""
    layer = tar_of({target: Path(source).read_bytes() for target, source in files.items()}, dict(links), folders)
    config = {"architecture": architecture, "os": "linux",
              "config": {"Cmd": list(command), "Env": list(environment), "WorkingDir": "/"},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
    blobs = {}

    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": MEDIA + kind, "digest": "sha256:" + digest, "size": len(data)}

    def text(value):
        return json.dumps(value).encode()
    manifest = blob(text({"schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json",
                          "config": blob(text(config), "config.v1+json"), "layers": [blob(layer, "layer.v1.tar")]}),
                    "manifest.v1+json")
    manifest.update(platform={"architecture": architecture, "os": "linux"}, annotations={"io.containerd.image.name": name})
    blobs["index.json"] = text({"schemaVersion": 2, "manifests": [manifest]})
    blobs["oci-layout"] = text({"imageLayoutVersion": "1.0.0"})
    Path(path).write_bytes(tar_of(blobs, mode=0o644))
    return str(path)


def tar_of(files, links=None, folders=(), mode=0o755):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = mode, len(content)
            tar.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return data.getvalue()


def busybox(folder):
    """The archives of an image with all of Debian's static busybox, and of the pause image made from it."""
    binary = program("busybox")
    applets = subprocess.run([binary, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    files = {"bin/busybox": binary}
    return [archive(f"{folder}/busybox.tar", BUSYBOX, files, ["/bin/sh"], links),
            archive(f"{folder}/pause.tar", PAUSE, files, ["/bin/busybox", "sleep", "2147483647"])]
