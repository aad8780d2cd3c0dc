"""image.py --build DIR --version V (--layer FILE.tar.gz | FILE.tar): the container image of the programs in DIR.

The layer holds ordeal, ordeal-guard, the loader and the libraries that they name, each with its package's copyright and
dpkg status, so that scanners know what is in it. The archive is an OCI image layout that `ctr -n k8s.io images import`
takes. The architecture is that of the programs: libraries of another one than this machine's come from scripts/sysroot.
Programs of two architectures, with --build twice, make one image of two platforms. The same programs and libraries give
the same bytes."""
import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {"ordeal": "usr/bin/ordeal", "ordeal-guard": "usr/libexec/ordeal/ordeal-guard"}
# ELF machine: Debian's triplet, the image's architecture
MACHINES = {"Advanced Micro Devices X86-64": ("x86_64-linux-gnu", "amd64"), "AArch64": ("aarch64-linux-gnu", "arm64")}
FOLDERS = ["dev", "etc", "proc", "run", "run/ordeal", "sys", "tmp", "usr", "var", "var/lib", "var/lib/ordeal"]
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64"}
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n",
    # No group `ordeal`: its members may ask a host for a halt, and in a cluster nobody is one.
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def tool(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


class Elf:
    def __init__(self, path):
        text = tool("readelf", "-h", "-l", "-d", "-W", str(path))
        machine = re.search(r"Machine:\s+(.+)", text).group(1).strip()
        if machine not in MACHINES:
            raise SystemExit(f"{path} is for {machine}; images are made for {', '.join(MACHINES)}")
        self.triplet, self.architecture = MACHINES[machine]
        self.needed = re.findall(r"\(NEEDED\).*\[(.+)\]", text)
        interpreter = re.search(r"program interpreter: (.+)\]", text)
        self.interpreter = interpreter.group(1) if interpreter else None


def root_of(architecture):
    """Where the libraries of an architecture lie, and dpkg's knowledge of them."""
    here = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    return Path("/" if architecture == here else tool(HERE.parents[1] / "scripts/sysroot").strip()).resolve()


def library(name, triplet, root):
    folder = root / "usr/lib" / triplet
    if not (folder / name).exists():
        raise SystemExit(f"{name} is not in {folder}: install the package that has it")
    return (folder / name).resolve()


def libraries(programs, root):
    """{path in the image: file here} of all that the programs load, by the names in their ELF headers."""
    found, waiting = {}, list(programs)
    while waiting:
        elf = Elf(waiting.pop())
        for name in elf.needed:
            where = f"usr/lib/{elf.triplet}/{name}"
            if where not in found and not name.startswith("ld-linux"):
                found[where] = library(name, elf.triplet, root)
                waiting.append(found[where])
        if elf.interpreter:
            found["usr" + elf.interpreter] = library(Path(elf.interpreter).name, elf.triplet, root)
    return found


def packages(files, root):
    """Of Debian's packages, where there is dpkg: {path in the image: text}."""
    if not shutil.which("dpkg-query"):
        return {}
    query = ["dpkg-query", f"--root={root}"]
    names = set()
    for file in files:
        path = f"/{file.relative_to(root)}"
        for known in (path, path.removeprefix("/usr")):
            done = subprocess.run([*query, "-S", known], capture_output=True, text=True)
            if done.returncode == 0:
                names.add(done.stdout.split(": ")[0])
                break
    texts = {}
    for name in sorted(names):
        plain = name.split(":")[0]
        texts[f"var/lib/dpkg/status.d/{plain}"] = tool(*query, "-s", name)
        copyright_file = root / f"usr/share/doc/{plain}/copyright"
        if copyright_file.exists():
            texts[f"usr/share/doc/{plain}/copyright"] = copyright_file.read_text(errors="replace")
    return texts


def stripped(program, architecture):
    strip = "aarch64-linux-gnu-strip" if architecture == "arm64" and platform.machine() != "aarch64" else "strip"
    with tempfile.TemporaryDirectory() as folder:
        tool(strip, "-o", f"{folder}/program", str(program))
        return Path(folder, "program").read_bytes()


def add(archive, name, data=None, mode=0o644, kind=tarfile.REGTYPE, link=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(data or b"")
    archive.addfile(entry, io.BytesIO(data or b""))


def with_parents(names):
    return {str(parent) for name in names for parent in Path(name).parents if str(parent) != "."}


def rootfs(architecture, programs):
    """The bytes of the layer, as a tar."""
    root = root_of(architecture)
    files = {PROGRAMS[name]: (stripped(path, architecture), 0o755) for name, path in programs.items()}
    found = libraries(programs.values(), root)
    files |= {where: (file.read_bytes(), 0o755 if "/ld-" in where else 0o644) for where, file in found.items()}
    texts = FILES | packages(sorted(found.values()), root)
    texts["usr/share/doc/ordeal/copyright"] = (HERE.parent / "debian/copyright").read_text()
    files |= {where: (text.encode(), 0o644) for where, text in texts.items()}
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        folders = set(FOLDERS) | with_parents(files)
        for folder in sorted(folders):
            add(archive, folder, mode=0o1777 if folder == "tmp" else 0o755, kind=tarfile.DIRTYPE)
        for where, target in sorted(LINKS.items()):
            if target in folders:
                add(archive, where, mode=0o777, kind=tarfile.SYMTYPE, link=target)
        for where, (data, mode) in sorted(files.items()):
            add(archive, where, data, mode)
    return memory.getvalue()


def containerfile():
    """What the Containerfile says of the image's configuration."""
    config = {"Env": ["PATH=/usr/bin"], "Labels": {}}
    for line in (HERE / "Containerfile").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "ENTRYPOINT":
            config["Entrypoint"] = json.loads(rest)
        elif word == "USER":
            config["User"] = rest
        elif word == "LABEL":
            key, _, value = rest.partition("=")
            config["Labels"][key] = json.loads(value)
    return config


class Layout:
    """The blobs of an OCI image layout, and the archive of them."""

    def __init__(self):
        self.blobs = {}

    def blob(self, media_type, data, **more):
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data),
                **more}

    def document(self, media_type, value, **more):
        return self.blob(media_type, json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), **more)

    def write(self, path, described):
        self.blobs["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
        self.blobs["index.json"] = json.dumps(index_of([described]), sort_keys=True).encode()
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for folder in ("blobs", "blobs/sha256"):
                add(archive, folder, mode=0o755, kind=tarfile.DIRTYPE)
            for name, data in sorted(self.blobs.items()):
                add(archive, name, data)


def index_of(manifests):
    return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}


class Platform:
    """What the programs of one build make: `layer`, a tar, and `compressed`, as the archive has it."""

    def __init__(self, build):
        programs = {name: build / name for name in PROGRAMS}
        self.architecture = Elf(programs["ordeal"]).architecture
        self.layer = rootfs(self.architecture, programs)
        # An eighth smaller than by gzip, which engines older than OCI's image format 1.0.2 want: --layer is by gzip.
        self.compressed = subprocess.run(["zstd", "-q", "-12", "-c"], input=self.layer, check=True, capture_output=True).stdout

    def size(self):
        return f"{len(self.compressed) / 2**20:.1f} MiB ({len(self.layer) / 2**20:.1f} MiB unpacked)"

    def manifest(self, layout, config):
        described = layout.document("config.v1+json", {
            "architecture": self.architecture, "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(self.layer).hexdigest()]}})
        return layout.document("manifest.v1+json", {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": described,
            "layers": [layout.blob("layer.v1.tar+zstd", self.compressed)]},
            platform={"os": "linux", "architecture": self.architecture})


def write_image(path, name, version, platforms):
    """The digest that a chart's image.digest names: of the manifest, or of the index over several."""
    layout = Layout()
    config = containerfile()
    config["Labels"]["org.opencontainers.image.version"] = version
    manifests = [each.manifest(layout, config) for each in platforms]
    described = manifests[0] if len(manifests) == 1 else layout.document("index.v1+json", index_of(manifests))
    described["annotations"] = {"io.containerd.image.name": f"{name}:{version}",
                                "org.opencontainers.image.ref.name": version}
    layout.write(path, described)
    return described["digest"]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=Path, required=True, action="append")
    options.add_argument("--version", required=True)
    options.add_argument("--name", default="localhost/ordeal")
    options.add_argument("--layer", action="store_true")
    options.add_argument("out", type=Path)
    options = options.parse_args()
    if options.layer and len(options.build) > 1:
        raise SystemExit("a layer is of one platform")
    platforms = [Platform(build) for build in options.build]
    if options.layer:
        options.out.write_bytes(gzip.compress(platforms[0].layer, 9, mtime=0))
        return
    digest = write_image(options.out, options.name, options.version, platforms)
    for each in platforms:
        print(f"{options.name}:{options.version} for linux/{each.architecture}: {each.size()}, {digest}")


if __name__ == "__main__":
    main()
