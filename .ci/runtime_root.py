"""Copies what the service runs on, and no more, into an empty folder: the final image's files.

    python3 runtime_root.py ENVIRONMENT TARGET

Runs in the Containerfile, in the Python image itself: the environment, the interpreter with its
standard library, the shared libraries that any of them loads, and the root certificates. No shell,
no package manager, nothing that can install or compile. What has been taken is listed in
TARGET/usr/share/sbom/fm-auth-service.cdx.json (CycloneDX 1.5; the packages of the lock file are
there already, in ENVIRONMENT/sbom.json, and those that are not installed are dropped).
"""

import compileall
import json
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

# Of the standard library: what needs a terminal, a screen or a compiler, and what tests it.
_UNUSED = {
    *("test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data", "venv"),
    *("site-packages", "dist-packages", "turtle.py", "__phello__"),
}
_UNUSED_EXTENSIONS = ("_test", "_ctypes_test", "_xx", "xx", "_curses", "_tkinter", "readline")
_UNUSED_EXTENSIONS += ("_dbm", "_gdbm", "nis", "_sqlite3")
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_SBOM = "usr/share/sbom/fm-auth-service.cdx.json"
_USER = 10001


class Root:
    """The folder that becomes the image's file system."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.sources: set[str] = set()
        target.mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):  # Debian has them all below /usr
            if Path("/", name).is_symlink():
                (target / "usr" / name).mkdir(parents=True)
                (target / name).symlink_to(f"usr/{name}")

    def place(self, path: str | Path) -> Path:
        """Where a path of this image is in the new one; its folder exists."""
        found = self.target / str(path).lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def copy(self, path: str | Path) -> None:
        """A file, through whatever links lead to it, which are kept."""
        path = Path(path)
        place = self.place(path)
        if place.is_symlink() or place.exists():
            return
        if path.is_symlink():
            place.symlink_to(path.readlink())
            self.copy(path.parent.resolve() / path.readlink())
        else:
            shutil.copy2(path, place)
            self.sources.add(str(path))

    def copy_folder(self, path: str | Path) -> None:
        """A folder without what is unused; links into elsewhere become what they lead to."""
        shutil.copytree(path, self.place(path), ignore=_unused, dirs_exist_ok=True)

    def write(self, path: str, text: str) -> None:
        self.place(path).write_text(text)


def _unused(folder: str, names: list[str]) -> set[str]:
    # the extension modules of the standard library are in a folder of their own
    extensions = Path(folder).name == "lib-dynload"
    return {
        name
        for name in names
        if name in _UNUSED
        or name.startswith("config-")
        or name.endswith((".opt-1.pyc", ".opt-2.pyc"))
        or (extensions and name.startswith(_UNUSED_EXTENSIONS))
    }


def libraries(folder: Path) -> set[str]:
    """The shared libraries that the programs and modules in a folder load, transitively."""
    found = set()
    for program in folder.rglob("*"):
        if program.is_symlink() or not program.is_file() or not _is_elf(program):
            continue
        listed = output_of("ldd", str(program))
        if "not found" in listed:
            sys.exit(f"{program} needs a library that is not here:\n{listed}")
        words = (word for word in listed.split() if word.startswith("/"))
        found |= {word for word in words if not word.startswith(str(folder))}
    return found


def output_of(*command: str) -> str:
    """What a program of this image prints, whether or not it finds what it was asked for."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def collect(environment: Path, root: Root) -> None:
    """Everything but the list of it."""
    interpreter = (environment / "bin" / "python").resolve()
    link = (environment / "bin" / "python").readlink()
    root.copy(interpreter)
    if link.is_absolute():
        root.copy(link)
    for name in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        root.copy_folder(name)
        root.sources.add(str(Path(name, "os.py").resolve()))
        # some Python images have none of it, and nothing can be written later
        compileall.compile_dir(root.place(name), quiet=1, stripdir=root.target, prependdir="/")
    shutil.copytree(environment, root.place(environment), symlinks=True)
    for library in libraries(root.target):
        root.copy(library)
    root.copy(_BUNDLE)
    trusted = root.place(ssl.get_default_verify_paths().openssl_cafile)
    if not trusted.exists():
        trusted.symlink_to(_BUNDLE)
    root.write("/etc/passwd", f"fm-auth:x:{_USER}:{_USER}::/nonexistent:/nonexistent\n")
    root.write("/etc/group", f"fm-auth:x:{_USER}:\n")
    root.write("/etc/nsswitch.conf", "hosts: files dns\n")
    root.place("/tmp/x").parent.chmod(0o1777)  # noqa: S108 - the image's own
    for name in ("ld.so.conf", "ld.so.conf.d"):
        if Path("/etc", name).is_dir():
            shutil.copytree(f"/etc/{name}", root.place(f"/etc/{name}"))
        elif Path("/etc", name).exists():
            root.copy(f"/etc/{name}")
    output_of("ldconfig", "-r", str(root.target))


def debian_packages(paths: Iterable[str]) -> Iterator[dict[str, object]]:
    """The packages of Debian that files were taken from, as components."""
    names: set[str] = set()
    for path in paths:
        # files below /lib are registered under the one name or the other
        for known in {path, str(Path(path).resolve()), path.removeprefix("/usr")}:
            said = output_of("dpkg-query", "--search", known)
            names |= {line.split(":")[0] for line in said.splitlines() if ": " in line}
    for name in sorted(names):
        shown = output_of("dpkg-query", "--show", "--showformat", "${Version}\n", name)
        version = shown.splitlines()[0]
        purl = f"pkg:deb/debian/{name}@{version}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def bill_of_materials(environment: Path, root: Root) -> dict[str, object]:
    """What the image consists of: our packages, Python, and Debian's."""
    bill = json.loads((environment / "sbom.json").read_text())
    [packages] = environment.glob("lib/python3*/site-packages")
    installed = {
        each.metadata["Name"].lower().replace("_", "-"): each.version
        for each in distributions(path=[str(packages)])
    }
    kept = [each for each in bill["components"] if each["name"] in installed]
    listed = {each["name"] for each in [*kept, bill["metadata"]["component"]]}
    unlisted = installed.keys() - listed
    if unlisted:
        sys.exit(f"installed, but not in the lock file: {', '.join(sorted(unlisted))}")
    refs = {each["bom-ref"] for each in kept} | {bill["metadata"]["component"]["bom-ref"]}
    version = sysconfig.get_python_version()
    python = {
        "type": "application",
        "bom-ref": f"cpython-{version}",
        "name": "cpython",
        "version": sys.version.split()[0],
    }
    bill["components"] = [*kept, python, *debian_packages(root.sources)]
    bill["dependencies"] = [
        {**each, "dependsOn": [name for name in each.get("dependsOn", ()) if name in refs]}
        for each in bill.get("dependencies", ())
        if each["ref"] in refs
    ]
    return dict(bill)


def main() -> None:
    """Make the folder."""
    environment, target = map(Path, sys.argv[1:])
    root = Root(target)
    collect(environment, root)
    bill = bill_of_materials(environment, root)
    root.place(environment / "sbom.json").unlink()
    root.write(_SBOM, json.dumps(bill, indent=1))


if __name__ == "__main__":
    main()
