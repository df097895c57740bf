#!/bin/sh
# Compiles kernel configurations for GPUs that are not here: compile_offline.sh LIST_CONFIGS TIER [TARGET ...]
#
# TARGETs of AMD by name (gfx90a, gfx942, gfx1030, gfx1100), by clang-19 and ROCm's device library; of Intel (skl, tgllp, acm-g10,
# pvc), by ocloc; sm_90a, by clang-19 and the ptxas of NVIDIA's CUDA toolkit. Default: gfx90a gfx1100 tgllp acm-g10. Only simt
# configurations, for sm_90a only those of nvidia_wgmma. Prints for each target how many compiled, and the
# most registers and scratch memory any of them takes, and which take scratch; a kernel that does not compile is an error.
# Debian 12: apt install clang-19 rocm-device-libs intel-opencl-icd
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
list=$1
tier=$2
shift 2
[ $# -gt 0 ] || set -- gfx90a gfx1100 tgllp acm-g10
cd "$(dirname "$0")/../kernels"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$list" "$tier" >"$scratch/all"
grep -v 'DENGINE=[2-9]' "$scratch/all" >"$scratch/configs" || true
grep 'DENGINE=4' "$scratch/all" >"$scratch/configs_sm_90a" || true

# Debian's device library is older than the chips; the ISA files of near relatives serve newer ones.
mkdir "$scratch/bitcode"
ln -s /usr/lib/x86_64-linux-gnu/amdgcn/bitcode/*.bc "$scratch/bitcode/" 2>/dev/null || true
for pair in 942:940 1100:1036 1101:1036 1200:1036; do
    ln -sf "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode/oclc_isa_version_${pair#*:}.bc" \
        "$scratch/bitcode/oclc_isa_version_${pair%:*}.bc"
done

compile_amd() { # target kernel options
    # shellcheck disable=SC2086 # one word an option
    clang-19 -x cl -target amdgcn-amd-amdhsa "-mcpu=$1" "--rocm-device-lib-path=$scratch/bitcode" -I. -O3 -S \
        -Wno-unused-parameter -o "$scratch/out.s" $3 "$2.cl" || return 1
    if grep -q 's_swappc' "$scratch/out.s"; then
        echo "compile_offline: $1: $2 calls a function" >&2
        return 1
    fi
    awk '/^; NumVgprs:/ {v=$3} /^; ScratchSize:/ {s=$3} END {print v+0, s+0}' "$scratch/out.s" >>"$scratch/$1"
}

compile_intel() {
    ocloc compile -file "$2.cl" -device "$1" -out_dir "$scratch/intel" -output k -options "$3 -I$PWD" \
        -internal_options "-cl-intel-allow-zebin" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; return 1; }
    binary=$(find "$scratch/intel" -name 'k_*.bin' | head -n 1)
    grf=$(readelf -p .ze_info "$binary" 2>/dev/null | sed -n 's/.*grf_count: *\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    spill=$(sed -n 's/.*spilled around \([0-9]*\).*/\1/p' "$scratch/log" | sort -n | tail -n 1)
    echo "${grf:-0} ${spill:-0}" >>"$scratch/$1"
    rm -rf "$scratch/intel"
}

# The edit of host/ptx.c by sed; clang leaves out how many work-items there are, without which setmaxnreg is ignored.
compile_nvidia() {
    own=$(echo "$3" | sed -n 's/.*-DOWN=\([0-9]*\).*/\1/p')
    # shellcheck disable=SC2086
    clang-19 -x cl -Xclang -finclude-default-header -target nvptx64-nvidia-nvcl -Xclang -target-cpu -Xclang sm_90 \
        -include ../scripts/nvptx_builtins.h -I. -O3 -S -o "$scratch/out.ptx" $3 "$2.cl" || return 1
    sed -e 's|//@|   |' -e 's/^\.target sm_90/&a/' \
        -e "s/^)\$/)\n.reqntid $((2 * own + 128)), 1, 1\n.minnctapersm 1/" "$scratch/out.ptx" >"$scratch/edited.ptx"
    "${PTXAS:-ptxas}" "-arch=$1" -v "$scratch/edited.ptx" -o "$scratch/out.cubin" >"$scratch/log" 2>&1 ||
        { cat "$scratch/log" >&2; return 1; }
    if grep -E 'C75(08|10|11|12|13|14)' "$scratch/log" >&2; then # products one by one, or registers that stay where they are
        return 1
    fi
    awk '/registers/ {for (i = 1; i < NF; ++i) if ($(i + 1) ~ /^registers/) r = $i} /spill/ {s = $5}
        END {print r + 0, s + 0}' "$scratch/log" >>"$scratch/$1"
}

for target in "$@"; do
    : >"$scratch/$target"
    configs="$scratch/configs"
    [ "$target" != sm_90a ] || configs="$scratch/configs_sm_90a"
    while IFS= read -r line; do
        case $target in
        sm_90a) compile_nvidia "$target" "${line%% *}" "${line#* }" ;;
        gfx*) compile_amd "$target" "${line%% *}" "${line#* }" ;;
        *) compile_intel "$target" "${line%% *}" "${line#* }" ;;
        esac || { echo "compile_offline: $target: $line" >&2; exit 1; }
        tail -n 1 "$scratch/$target" | awk -v l="$target: $line" '$2 > 0 {print "spills " $2 " bytes: " l}'
    done <"$configs"
    awk -v t="$target" '{if ($1>v) v=$1; if ($2>0) n++; if ($2>s) s=$2}
        END {printf "%s: %d compiled, at most %d registers; %d use scratch or spill, at most %d\n", t, NR, v, n, s}' \
        "$scratch/$target"
done
