# SPDX-License-Identifier: Apache-2.0
"""Compilers for GPUs, and the registers that they report of a kernel. ./scripts/setup.sh offline installs them."""
import re
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

# One line of tests/list_table.c. options: "NAME=VALUE ..."
Config = namedtuple("Config", "engine kernel items local_bytes options")
# Per work-item: registers; spills (registers on AMD and Intel, bytes on NVIDIA); stack: bytes of
# private memory for spills and arrays. Intel allocates the stack before it unrolls loops, with arrays
# that end up in registers, per work-item or per hardware thread, in coarse steps: use spills there.
Figures = namedtuple("Figures", "registers spills stack")
# vendor; the compiler's name of the processor; local memory of a work-group; engines that run on it
Target = namedtuple("Target", "vendor processor local_bytes engines")

TARGETS = {
    "gfx90a": Target("amd", "gfx90a", 64 << 10, {"simt"}),
    "gfx942": Target("amd", "gfx942", 64 << 10, {"simt"}),
    "gfx1030": Target("amd", "gfx1030", 64 << 10, {"simt"}),
    "gfx1100": Target("amd", "gfx1100", 64 << 10, {"simt"}),
    "tgllp": Target("intel", "tgllp", 64 << 10, {"simt"}),
    "acm-g10": Target("intel", "acm-g10", 64 << 10, {"simt"}),
    "pvc": Target("intel", "pvc", 128 << 10, {"simt"}),
    "sm_80": Target("nvidia", "sm_80", 48 << 10, {"simt", "nvidia_mma"}),
    "sm_90a": Target("nvidia", "sm_90a", 227 << 10, {"simt", "nvidia_mma", "nvidia_wgmma"}),
}
KERNELS = Path(__file__).resolve().parent.parent / "kernels"
BITCODE = Path("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode")  # rocm-device-libs
LIBCLC = Path("/usr/lib/clc/nvptx64--nvidiacl.bc")  # libclc-15
# Debian's device library is older than these chips: use the ISA files of related ones.
ISA_RELATIVES = {"942": "940", "1100": "1036"}


def read_configs(list_table, few):
    done = subprocess.run([list_table] + ["few"] * few, stdout=subprocess.PIPE, text=True, check=True)
    configs = []
    for line in dict.fromkeys(done.stdout.splitlines()):
        engine, kernel, items, local_bytes, options = line.split(" ", 4)
        options = options.replace("-cl-std=CL1.2 ", "").replace("-D", "")
        configs.append(Config(engine, kernel, int(items), int(local_bytes), options))
    return configs


class CompileError(Exception):
    """The compiler's output."""


def find_ptxas():
    return shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")


def missing_tools(vendor):
    """The missing programs and files without which nothing compiles for the vendor's GPUs."""
    tools = {"amd": ["clang-19", BITCODE], "intel": ["ocloc"], "nvidia": ["clang-19", LIBCLC]}
    return [str(tool) for tool in tools[vendor] if not shutil.which(tool) and not Path(tool).exists()]


def configs_of(target, configs):
    """The configurations that fit the target's engines and local memory, without duplicates (engines share some)."""
    fitting = {(config.kernel, config.options): config for config in configs
               if config.local_bytes <= target.local_bytes and config.engine in target.engines}
    return list(fitting.values())


def run(command, text=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          cwd=KERNELS, input=text)
    if done.returncode:
        raise CompileError(done.stdout)
    return done.stdout


def versions(vendor):
    """The compilers' versions in a line. Figures of different versions are not comparable."""
    clang = "clang " + run(["clang-19", "-dumpversion"]).strip() if vendor != "intel" else ""
    if vendor == "amd":
        return clang
    if vendor == "intel":
        package = shutil.which("dpkg-query") and run(["dpkg-query", "-W", "-f", "${Version}", "libigc1"])
        return "igc " + (package or "unknown")
    return f"{clang}, ptxas {re.search(r'release ([0-9.]+)', run([find_ptxas(), '--version'])).group(1)}"


def prepare(folder, tests):
    """Fills `folder` with the files that compilers need besides the kernels; `tests` is the folder of retarget_ptx."""
    (Path(folder) / "retarget_ptx").symlink_to(Path(tests).resolve() / "retarget_ptx")
    bitcode = Path(folder) / "bitcode"
    bitcode.mkdir()
    for file in BITCODE.glob("*.bc"):
        (bitcode / file.name).symlink_to(file)
    for chip, relative in ISA_RELATIVES.items():
        link = bitcode / f"oclc_isa_version_{chip}.bc"
        if not link.exists():
            link.symlink_to(BITCODE / f"oclc_isa_version_{relative}.bc")


def kernel_file(kernel):
    """The kernel's path in KERNELS."""
    return next(KERNELS.rglob(kernel + ".cl")).relative_to(KERNELS)


def clang(config, output, *more):
    run(["clang-19", "-x", "cl", "-cl-std=CL1.2", "-S", "-I.", "-Wno-unused-parameter", "-o", str(output), *more]
        + ["-D" + option for option in config.options.split()] + [str(kernel_file(config.kernel))])
    return output.read_text()


def number(pattern, text):
    """The largest number that the pattern matches, or 0."""
    return max((int(found) for found in re.findall(pattern, text)), default=0)


def compile_amd(target, config, folder):
    listing = clang(config, folder / "out.s", "-O3", "-target", "amdgcn-amd-amdhsa", "-mcpu=" + target.processor,
                    f"--rocm-device-lib-path={folder.parent / 'bitcode'}")
    if "s_swappc" in listing:
        raise CompileError("a function is called, not inlined")
    registers = number(r"; TotalNumVgprs: (\d+)", listing) or number(r"; NumVgprs: (\d+)", listing)
    return Figures(registers, number(r"\.vgpr_spill_count: +(\d+)", listing), number(r"; ScratchSize: (\d+)", listing))


def compile_intel(target, config, folder):
    options = " ".join("-D" + option for option in config.options.split())
    log = run(["ocloc", "compile", "-file", str(kernel_file(config.kernel)), "-device", target.processor, "-out_dir", str(folder),
               "-output", "k", "-options", f"-cl-std=CL1.2 {options} -I{KERNELS}", "-internal_options",
               "-cl-intel-allow-zebin"])
    if "INVALID" in log:  # ocloc does not fail on an instruction that the device lacks
        raise CompileError(log)
    binary = next(folder.glob("k_*.bin")).read_bytes()
    info = binary[binary.index(b"kernels:"):].split(b"\0")[0].decode()
    memory = sum(int(size) for size in re.findall(r"usage: +\w+\s+size: +(\d+)", info))
    return Figures(number(r"grf_count: +(\d+)", info), number(r"spilled around (\d+)", log), memory)


def compile_nvidia(target, config, folder):
    # Imitates NVIDIA's own compiler, which uses the hardware's exp2 and log2 and spills less than clang at -O3. Kernels
    # recognise a compiler that accepts PTX by cl_nv_pragma_unroll.
    ptx = clang(config, folder / "out.ptx", "-O1", "-target", "nvptx64-nvidia-nvcl", "-Xclang", "-target-cpu",
                "-Xclang", target.processor.rstrip("a"), "-Wno-linker-warnings", "-Xclang", "-mlink-builtin-bitcode",
                "-Xclang", str(LIBCLC), "-Dexp2(x)=__nvvm_ex2_approx_f(x)", "-Dlog2(x)=__nvvm_lg2_approx_f(x)",
                "-Dcl_nv_pragma_unroll")
    if re.search(r"\bcall\b", ptx):
        raise CompileError("a function is called, not inlined")
    # clang leaves the work-group's size out, which bounds the registers of a work-item.
    ptx = re.sub(r"(\.entry [^{]*\))\s*\{", rf"\1\n.reqntid {config.items}, 1, 1\n{{", ptx)
    if "//@" in ptx:
        ptx = run([str(folder.parent / "retarget_ptx")], ptx)
    (folder / "out.ptx").write_text(ptx)
    log = run([find_ptxas(), "-v", "-arch=" + target.processor, str(folder / "out.ptx"), "-o", str(folder / "out.cubin")])
    if re.search(r"C75(08|1[0-4]|20)", log):  # setmaxnreg is ignored, or products run one by one
        raise CompileError(log)
    local_bytes = number(r"(\d+) bytes smem", log)
    if local_bytes > config.local_bytes:
        raise CompileError(f"declares {local_bytes} bytes of local memory, where the host counts {config.local_bytes}")
    return Figures(number(r"Used (\d+) registers", log), number(r"(\d+) bytes spill stores", log),
                   number(r"(\d+) bytes stack frame", log))


def compile_config(name, config, folder):
    """Figures of one configuration."""
    target = TARGETS[name]
    folder.mkdir()
    compilers = {"amd": compile_amd, "intel": compile_intel, "nvidia": compile_nvidia}
    try:
        return compilers[target.vendor](target, config, folder)
    finally:
        shutil.rmtree(folder)
