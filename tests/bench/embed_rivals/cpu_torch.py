"""Makes the torch of an x86-64 wheel run without NVIDIA's libraries.

That torch is linked against 2.5 GB of libraries of which a machine without a GPU calls no function.
One small library stands in for them all: it defines every symbol that torch expects of them, each a
function that does nothing, but for the one that counts devices, which finds none. Needs g++ and
binutils.
"""

import collections
import glob
import os
import subprocess
import tempfile

STAND_IN = "no_nvidia.so"
NO_DEVICE = 100  # cudaErrorNoDevice


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def missing_libraries(libraries):
    """Returns the sonames of NVIDIA's libraries that the libraries need."""
    needed = {line.split("[")[1].rstrip("]") for path in libraries
              for line in lines_of("readelf", "-dW", path) if "(NEEDED)" in line}
    return sorted(name for name in needed
                  if name.startswith(("libcu", "libnv", "libnccl")))


def undefined_symbols(libraries):
    """Returns {version: symbols} that the libraries need and none of them defines."""
    undefined, defined = set(), set()
    for path in libraries:
        undefined |= {line.split()[-1] for line in lines_of("nm", "-D", "-u", path)}
        defined |= {line.split()[-1].split("@")[0]
                    for line in lines_of("nm", "-D", "--defined-only", path)}
    symbols = collections.defaultdict(set)
    for symbol in undefined:
        name, _, version = symbol.partition("@")
        if not version and name.startswith(("nccl", "cuFile", "cusparseLt")):
            symbols["UNVERSIONED"].add(name)
        elif version.startswith(("libcu", "libnv", "NVSHMEM")):
            symbols[version].add(name)
    return {version: sorted(names - defined) for version, names in symbols.items()}


def build(symbols, output):
    assembly = [".text", "nothing:", "xorl %eax, %eax", "ret",
                f"no_device: movl ${NO_DEVICE}, %eax", "ret",
                '.section .note.GNU-stack,"",@progbits']
    versions = []
    for version, names in sorted(symbols.items()):
        for name in names:
            body = "no_device" if name == "cudaGetDeviceCount" else "nothing"
            assembly.append(f".globl {name}\n.type {name}, @function\n.set {name}, {body}")
        versions.append(f"{version} {{ global: {'; '.join(names)}; }};")
    with tempfile.TemporaryDirectory() as folder:
        source, script = (os.path.join(folder, name) for name in ("none.s", "none.map"))
        with open(source, "w", encoding="ascii") as file:
            file.write("\n".join(assembly) + "\n")
        with open(script, "w", encoding="ascii") as file:
            file.write("\n".join(versions) + "\n")
        subprocess.run(["g++", "-shared", "-nostdlib", "-o", output, source,
                        f"-Wl,--version-script={script}"], check=True)


def make_stand_in(packages, folder):
    """Fills `folder`, which belongs into LD_LIBRARY_PATH, for the torch in folder `packages`."""
    libraries = sorted(glob.glob(os.path.join(packages, "torch", "lib", "lib*.so")))
    build(undefined_symbols(libraries), os.path.join(folder, STAND_IN))
    for soname in missing_libraries(libraries):
        os.symlink(STAND_IN, os.path.join(folder, soname))
