#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tool from end to end: good runs against the double reference, bad command lines and files, output files whole or not at
# all. Use: test_tool.sh CLATTN NPY_HELPER. CLATTN_TEST_DEVICE and CLATTN_TEST_ENGINE choose what it runs on.
# shellcheck disable=SC2086 # lists of options are split on purpose
set -u
. "$(dirname "$0")/tool_checks.sh"

# ---- inputs ----

make q.npy f4 2,4,33,12 1
make k.npy f4 2,2,47,12 2
make v.npy f4 2,2,47,8 3
make dout.npy f4 2,4,33,8 4
for name in q:2,4,33,12:1 k:2,2,47,12:2 v:2,2,47,8:3 dout:2,4,33,8:4; do
    file=${name%%:*}
    seed=${name##*:}
    shape=${name#*:}
    make "$file.half.npy" f2 "${shape%:*}" "$seed"
    make "$file.bnhd.npy" f4 "${shape%:*}" "$seed" bnhd
done
make small.npy f4 1,1,20,8 7
make mask2.npy b1 2,47 5
make mask4.npy u1 2,1,33,47 6
make slopes.npy f4 4 8
make bias.npy f4 2,4,33,47 10
make plane.npy f2 33,47 11
make heads.npy f2 4,1,47 12
make slopes.half.npy f2 2,4 9
make sink.npy f4 4 10
make bias1.npy f2 4,1,47 11
make dlse.npy f4 2,4,33 10
make dlse.half.npy f2 2,4,33 10
"$helper" lengths len32.npy i4 47,20
"$helper" lengths len64.npy i8 0,99
inputs="--q q.npy --k k.npy --v v.npy"
forward="forward $inputs"
backward="backward $inputs --dout dout.npy"

# ---- good runs ----

# both WORDS OPTIONS...: forward and backward with these options give what the reference gives with these words.
both() {
    words=$1
    shift
    expect 0 "" $forward "$@" --out out.npy --lse lse.npy
    expect 0 "" $backward "$@" --dq dq.npy --dk dk.npy --dv dv.npy
    that "$helper" reference q.npy k.npy v.npy dout.npy $words out=out.npy lse=lse.npy dq=dq.npy dk=dk.npy dv=dv.npy
    no_temporaries "$*"
    rm -f out.npy lse.npy dq.npy dk.npy dv.npy
}

both ""
both causal --causal
both "causal offset=-9" --causal --align -9
both "causal offset=0 scale=-0.3" --causal --align top-left --scale=-0.3
both "causal offset=14" --causal --align bottom-right --scale 0
both "window=4,9" --window 4,9
both "causal kvlen=len32.npy" --causal --kv-len len32.npy
both alibi=slopes.npy --alibi slopes.npy
both "causal softcap=1.5" --causal --softcap 1.5
both "causal sink=sink.npy" --causal --sink sink.npy
expect 0 "" $backward --bias bias1.npy --causal --dbias dbias.npy --dq dq.npy
that "$helper" reference q.npy k.npy v.npy dout.npy causal bias=bias1.npy dbias=dbias.npy dq=dq.npy
rm -f dbias.npy dq.npy
expect 0 "" $backward --sink sink.npy --dsink dsink.npy
that "$helper" reference q.npy k.npy v.npy dout.npy sink=sink.npy dsink=dsink.npy
rm -f dsink.npy
expect 0 "" $forward --causal --align -9 --max-logit max.npy --out out.npy
that "$helper" reference q.npy k.npy v.npy dout.npy causal offset=-9 max_logit=max.npy out=out.npy
expect 0 "" $backward --causal --align -9 --max-logit max2.npy --dv dv.npy
that cmp max.npy max2.npy
expect 0 "" forward --q q.bnhd.npy --k k.bnhd.npy --v v.bnhd.npy --layout bnhd --dtype f16 --causal --align -9 \
    --max-logit max2.npy --out out.npy
that "$helper" reference q.npy k.npy v.npy dout.npy causal offset=-9 max_logit=max2.npy
rm -f max.npy max2.npy dv.npy
both dtype=f16 --dtype f16
both bias=bias.npy --bias bias.npy
both "bias=plane.npy causal dtype=bf16" --bias plane.npy --causal --dtype bf16
both "dtype=bf16 causal" --causal --dtype bf16

# forward_only WORDS OPTIONS...: the same where backward would have to compile more kernels than the tool's own part deserves.
forward_only() {
    words=$1
    shift
    expect 0 "" $forward "$@" --out out.npy
    that "$helper" reference q.npy k.npy v.npy dout.npy $words out=out.npy
}

forward_only mask=mask2.npy --mask mask2.npy --q-tile 0 --k-tile 0
forward_only "mask=mask4.npy causal" --mask mask4.npy --causal --engine auto
forward_only "alibi=slopes.half.npy causal dtype=f16" --alibi slopes.half.npy --causal --dtype f16
forward_only "bias=heads.npy dtype=f16" --bias heads.npy --dtype f16
forward_only "" --engine simt
forward_only "" --engine cpu
forward_only "" --q-tile 7 --k-tile 1000000
forward_only causal --causal --k-tile 16 --kv-splits 2
forward_only "window=3,-1 offset=5 causal" --align 5 --window 3,-1 --causal

expect 0 "warning: --kv-len len64.npy: 1 of 2 lengths lie outside 0 to M = 47" $forward --kv-len len64.npy --out out.npy
that "$helper" reference q.npy k.npy v.npy dout.npy kvlen=len64.npy out=out.npy

expect 0 "" $forward --causal --out out.npy --lse lse.npy
expect 0 "" forward --q q.half.npy --k k.half.npy --v v.half.npy --causal --out half.npy
that cmp out.npy half.npy
expect 0 "" forward --q q.bnhd.npy --k k.bnhd.npy --v v.bnhd.npy --layout bnhd --causal --out out.bnhd.npy --lse lse2.npy
that cmp lse.npy lse2.npy
expect 0 "" backward --q q.bnhd.npy --k k.bnhd.npy --v v.bnhd.npy --dout dout.bnhd.npy --layout bnhd --causal \
    --dk dk.bnhd.npy --dv dv.bnhd.npy --dq dq.bnhd.npy
that "$helper" reference q.bnhd.npy k.bnhd.npy v.bnhd.npy dout.bnhd.npy bnhd causal out=out.bnhd.npy dq=dq.bnhd.npy \
    dk=dk.bnhd.npy dv=dv.bnhd.npy
expect 0 "" backward --q q.half.npy --k k.half.npy --v v.half.npy --dout dout.half.npy --causal \
    --dq dq.npy --dk dk.npy --dv dv.npy
that "$helper" reference q.npy k.npy v.npy dout.npy causal dq=dq.npy dk=dk.npy dv=dv.npy
rm -f dq.npy dk.npy dv.npy
expect 0 "" $backward --dlse dlse.npy --align -9 --causal --dq dq.npy --dk dk.npy --dv dv.npy
that "$helper" reference q.npy k.npy v.npy dout.npy causal offset=-9 dlse=dlse.npy dq=dq.npy dk=dk.npy dv=dv.npy
expect 0 "" $backward --dlse dlse.half.npy --align -9 --causal --dq dq2.npy
that cmp dq.npy dq2.npy
rm -f dq.npy dk.npy dv.npy dq2.npy
expect 0 workspace $backward --dq dq.npy -v
that "$helper" reference q.npy k.npy v.npy dout.npy dq=dq.npy
that test ! -s stdout.txt
that test ! -e dk.npy

# ---- storage types ----

# type_of FILE TYPE: the file's elements are of this type.
type_of() {
    that grep -qaF "'descr': '<$2'" "$1"
}

halves="--q q.half.npy --k k.half.npy --v v.half.npy"
expect 0 "" forward $halves --dtype f16 --causal --out half.npy --lse lse.npy
expect 0 "" $forward --dtype f16 --causal --out same.npy
type_of half.npy f2
type_of lse.npy f4
that cmp half.npy same.npy
expect 0 "" backward $halves --dout dout.half.npy --dtype f16 --causal --dq dq.npy
type_of dq.npy f2
that "$helper" reference q.npy k.npy v.npy dout.npy causal dtype=f16 out=half.npy lse=lse.npy dq=dq.npy
expect 0 "" forward $halves --dtype bf16 --causal --out bfloat.npy
expect 0 "" $forward --dtype bf16 --causal --out same.npy
type_of bfloat.npy f4
that cmp bfloat.npy same.npy
checks=$((checks + 1))
! cmp -s bfloat.npy out.npy || fail "--dtype bf16 gives float32's bits"
expect 0 "" $forward --dtype f32 --causal --out same.npy
that cmp out.npy same.npy

# 1e6 is infinite in float16, and out of one key is its value.
make one.npy f4 1,1,1,1 1
"$helper" constant big.npy 1,1,1,2 1e6
expect 0 "warning: --v big.npy: 2 of 2 numbers are too large for float16 and become infinite" \
    forward --q one.npy --k one.npy --v big.npy --dtype f16 --out infinite.npy
that "$helper" holds infinite.npy inf
expect 0 "" forward --q one.npy --k one.npy --v big.npy --dtype bf16 --out finite.npy
that "$helper" holds finite.npy 999424

# A pipe is read like a file.
mkfifo pipe
cat q.npy >pipe &
expect 0 "" forward --q pipe --k k.npy --v v.npy --causal --out piped.npy
wait
that cmp out.npy piped.npy

# ---- command lines ----

expect 2 "clattn VERB --help"
expect 2 "unknown verb: sideways; allowed: devices, forward, backward, layer-forward, layer-backward, check, tune" \
    sideways
for verb in devices forward backward check tune; do
    expect 0 "" $verb --help
    that test -s stdout.txt
    expect 0 "" $verb -h
    expect 0 "" help $verb
    expect 2 "$verb: unknown or ambiguous option: --colour (see clattn $verb --help)" $verb --colour
    expect 2 "$verb: unknown or ambiguous option: -x" $verb -x
    expect 2 "$verb: takes no value: --help=1" $verb --help=1
done
expect 0 "" --help
that test -s stdout.txt
expect 0 "" --version
expect 2 "forward: missing: --q" forward
expect 2 "forward: missing: --k" forward --q q.npy
expect 2 "forward: missing: --out" forward $inputs
expect 2 "backward: missing: --dout" backward $inputs --dq dq.npy
expect 2 "backward: no gradient asked for: give --dq, --dk, --dv, --dbias or --dsink" $backward
expect 2 "forward: unknown or ambiguous option: --dq" $forward --out o.npy --dq dq.npy
expect 2 "backward: unknown or ambiguous option: --out" $backward --dq dq.npy --out o.npy
expect 2 "forward: given twice: --q" $forward --out o.npy --q q.npy
expect 2 "forward: given twice: --causal" $forward --out o.npy --causal --causal
expect 2 "forward: takes no value: --causal=yes" $forward --out o.npy --causal=yes
expect 2 "forward: no value after --scale" $forward --out o.npy --scale
expect 2 "forward: unexpected argument: more" $forward --out o.npy more
expect 2 "devices: unexpected argument: more" devices more
expect 2 "allowed: a file name" forward --q "" --k k.npy --v v.npy --out o.npy
for cap in nan inf -1 1e-30 1e30 2x x "" " 1"; do
    expect 2 "forward: --softcap: found \"$cap\"; allowed: a number from 2^-60 to 2^60" $forward --out o.npy --softcap "$cap"
done
for scale in nan inf -inf 1e39 1e-60 1.5x x "" " 1"; do
    expect 2 "forward: --scale: found \"$scale\"; allowed: a finite float32 number" $forward --out o.npy --scale "$scale"
done
for tile in -1 1.5 64k "" 99999999999999999999 0x10; do
    expect 2 "forward: --q-tile: found \"$tile\"; allowed: a whole number" $forward --out o.npy --q-tile "$tile"
    expect 2 "forward: --k-tile: found \"$tile\"; allowed: a whole number" $forward --out o.npy --k-tile "$tile"
    expect 2 "forward: --kv-splits: found \"$tile\"; allowed: a whole number" $forward --out o.npy --kv-splits "$tile"
done
for align in left 1.5 4611686018427387905 -4611686018427387905 "" +3; do
    expect 2 "forward: --align: found \"$align\"; allowed: top-left, bottom-right, or" $forward --out o.npy --align "$align"
done
for window in 3 3, ,3 -2,3 3,-2 3,4,5 3:4 "3, 4" 1.5,2 1152921504606846977,0 0,1152921504606846977 "" left,right; do
    expect 2 "forward: --window: found \"$window\"; allowed: L,R, two whole numbers" $forward --out o.npy --window "$window"
done
expect 2 "forward: given twice: --window" $forward --out o.npy --window 1,2 --window 1,2
expect 2 "allowed: auto, simt, cpu, nvidia_mma, nvidia_wgmma" forward $inputs --out o.npy --engine gpu
expect 2 "allowed: bhnd, bnhd" $forward --out o.npy --layout bndh
expect 2 "allowed: f32, f16, bf16" $forward --out o.npy --dtype float16
expect 2 "no such device at all" forward $inputs --out o.npy --device "no such device at all"
expect 2 "99999" check --device 99999
that test ! -e o.npy
no_temporaries "bad command lines"

# ---- files ----

# bad_q TEXT: q as it stands in bad.npy is refused with this text, which follows the file's name.
bad_q() {
    expect 2 "clattn: --q bad.npy: $1" forward --q bad.npy --k k.npy --v v.npy --out o.npy
}

expect 2 "--q none.npy: cannot be opened: No such file" forward --q none.npy --k k.npy --v v.npy --out o.npy
expect 2 "--k .: cannot be read" forward --q q.npy --k . --v v.npy --out o.npy
: >bad.npy
bad_q "empty file"
echo "hello, world" >bad.npy
bad_q "not a .npy file"
head -c 8 q.npy >bad.npy
bad_q "truncated"
head -c 50 q.npy >bad.npy
bad_q "truncated within the header"
head -c 1000 q.npy >bad.npy
bad_q "truncated"
{ cat q.npy; echo; } >bad.npy
bad_q "too long"
{ printf '\223NUMPY\005\000'; tail -c +9 q.npy; } >bad.npy
bad_q ".npy version 5.0; allowed: 1.0, 2.0, 3.0"
sed "s/'<f4'/'>f4'/" q.npy >bad.npy
bad_q "elements of type '>f4' (big-endian); allowed: float32 ('<f4'), float16 ('<f2')"
sed "s/'<f4'/'<f8'/" q.npy >bad.npy
bad_q "elements of type '<f8'; allowed: float32 ('<f4'), float16 ('<f2')"
sed "s/False/True /" q.npy >bad.npy
bad_q "Fortran order; allowed: C order"
sed "s/'descr'/'fescr'/" q.npy >bad.npy
bad_q "malformed header: unknown key 'fescr'"
sed "s/(2, 4, 33, 12, )/(2, 4, 33, -12,)/" q.npy >bad.npy
bad_q "malformed header: a dimension is not a number"
make bad.npy f4 2,4,33 1
bad_q "shape (2, 4, 33); allowed: 4 dimensions (B,H,N,D)"
make bad.npy f4 0,4,33,12 1
bad_q "shape (0, 4, 33, 12); allowed: no dimension of 0"
make bad.npy f4 1,1,2,577 1
bad_q "shape (1, 1, 2, 577); allowed: a last dimension of at most 576"

# bad_shape OPTION TYPE SHAPE TEXT: another file for this option is refused.
bad_shape() {
    make bad.npy "$2" "$3" 1
    case $1 in
    k) set -- "$4" --q q.npy --k bad.npy --v v.npy --dout dout.npy ;;
    v) set -- "$4" --q q.npy --k k.npy --v bad.npy --dout dout.npy ;;
    dout) set -- "$4" $inputs --dout bad.npy ;;
    *) set -- "$4" $inputs --dout dout.npy "--$1" bad.npy ;;
    esac
    text=$1
    shift
    expect 2 "$text" backward "$@" --dq o.npy
}

bad_shape k f4 3,2,47,12 "--k bad.npy: shape (3, 2, 47, 12), found B = 3; allowed: 2, as --q has it"
bad_shape k f4 2,2,47,11 "found D = 11; allowed: 12, as --q has it"
bad_shape k f4 2,3,47,12 "shape (2, 3, 47, 12); allowed: heads that divide 4, the number of heads of --q"
bad_shape v f4 2,2,46,8 "--v bad.npy: shape (2, 2, 46, 8), found M = 46; allowed: 47, as --k has it"
bad_shape v f4 2,1,47,8 "found Hk = 1; allowed: 2, as --k has it"
bad_shape v f4 2,2,47,600 "allowed: a last dimension of at most 576"
bad_shape dout f4 2,4,33,12 "--dout bad.npy: shape (2, 4, 33, 12), found Dv = 12; allowed: 8, as --v has it"
bad_shape dout f4 2,4,32,8 "found N = 32; allowed: 33, as --q has it"
bad_shape dlse f4 2,4,32 "--dlse bad.npy: shape (2, 4, 32), found N = 32; allowed: 33, as --q has it"
bad_shape dlse f4 2,4,33,1 "--dlse bad.npy: shape (2, 4, 33, 1); allowed: 3 dimensions (B,H,N)"
bad_shape dlse i4 2,4,33 "elements of type '<i4'; allowed: float32 ('<f4'), float16 ('<f2')"
bad_shape mask b1 2,46 "--mask bad.npy: shape (2, 46); allowed: (2, 47) or (2, 4, 33, 47), where any dimension may be 1"
bad_shape mask b1 2,2,33,47 "shape (2, 2, 33, 47); allowed: (2, 47) or (2, 4, 33, 47)"
bad_shape mask b1 47 "shape (47,); allowed: (2, 47) or (2, 4, 33, 47)"
bad_shape sink f4 3 "--sink bad.npy: shape (3,); allowed: (4,), one sink a head"
expect 2 "backward: --dsink needs --sink" $backward --dsink dsink.npy
bad_shape alibi f4 3 "--alibi bad.npy: shape (3,); allowed: (4,) or (2, 4), where any dimension may be 1"
bad_shape alibi f4 2,4,1 "shape (2, 4, 1); allowed: (4,) or (2, 4)"
bad_shape bias f4 3,33,47 "--bias bad.npy: shape (3, 33, 47); allowed: (4, 33, 47) or (2, 4, 33, 47), where any"
bad_shape bias f4 47 "shape (47,); allowed: (4, 33, 47) or (2, 4, 33, 47)"
bad_shape alibi b1 4 "elements of type '|b1'; allowed: float32 ('<f4'), float16 ('<f2')"
bad_shape mask f4 2,47 "elements of type '<f4'; allowed: bool ('|b1'), uint8 ('|u1')"
bad_shape kv-len i4 3 "--kv-len bad.npy: shape (3,); allowed: (2,), one length a batch"
bad_shape kv-len i4 2,1 "shape (2, 1); allowed: (2,), one length a batch"
bad_shape kv-len f4 2 "elements of type '<f4'; allowed: int32 ('<i4'), int64 ('<i8')"
that test ! -e o.npy

# ---- outputs ----

expect 2 "--out none/o.npy: No such file or directory" $forward --out none/o.npy
expect 2 "--out .: exists and is not a regular file" $forward --out .
expect 2 "--out none/: is a folder; allowed: a file name" $forward --out none/
expect 2 "--out /dev/null: exists and is not a regular file" $forward --out /dev/null
expect 2 "--out q.npy/o.npy: Not a directory" $forward --out q.npy/o.npy
expect 2 "--out ./k.npy: is also an input; allowed: another file" $forward --out ./k.npy
expect 2 "--lse ./o.npy: is also --out; allowed: another file" $forward --out o.npy --lse ./o.npy
ln -s nowhere dangling.npy
expect 2 "--out dangling.npy: is a symbolic link to nowhere" $forward --out dangling.npy
that test ! -e o.npy

# One bad output: no output changes.
echo old >kept.npy
expect 2 "--lse none/l.npy" $forward --out kept.npy --lse none/l.npy
that test "$(cat kept.npy)" = old
expect 2 "--v bad.npy" forward --q q.npy --k k.npy --v bad.npy --out kept.npy
that test "$(cat kept.npy)" = old
no_temporaries "bad outputs"

# A file that exists is replaced, through a link to it too, and keeps its permissions; a new one follows umask.
chmod 640 kept.npy
ln -s kept.npy link.npy
(umask 027 && tool $forward --causal --out link.npy --lse new.npy 2>stderr.txt) || fail "umask run"
that cmp out.npy kept.npy
that test -L link.npy
that test -n "$(find kept.npy -perm 640)"
that test -n "$(find new.npy -perm 640)"

if [ "$(id -u)" -ne 0 ]; then
    chmod 400 kept.npy
    expect 2 "--out kept.npy: Permission denied" $forward --out kept.npy
    mkdir locked && chmod 500 locked
    expect 2 "--out locked/o.npy: Permission denied" $forward --out locked/o.npy
fi

# A signal in the middle of the work (here: waiting for the rest of q) leaves nothing behind.
{ head -c 1000 q.npy; sleep 20; } >pipe &
feeder=$!
"$clattn" forward --device "${CLATTN_TEST_DEVICE:-}" --q pipe --k k.npy --v v.npy --out killed.npy 2>stderr.txt &
worker=$!
tries=0
while [ -z "$(find . -name '.clattn-*')" ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
that test -n "$(find . -name '.clattn-*')"
kill -TERM $worker
wait $worker 2>/dev/null
that test $? -eq 143
kill $feeder 2>/dev/null
that test ! -e killed.npy
no_temporaries "SIGTERM"

if [ -w /dev/full ]; then
    checks=$((checks + 1))
    "$clattn" --help >/dev/full 2>stderr.txt
    [ $? -eq 1 ] || fail "--help to a full device"
fi

# ---- devices, check ----

expect 0 "" devices
that grep -q '^\[0\] ' stdout.txt
checks=$((checks + 1))
OCL_ICD_VENDORS=/nonexistent "$clattn" devices >stdout.txt 2>stderr.txt
[ $? -eq 1 ] || fail "devices without any"
grep -q "no OpenCL device" stderr.txt || fail "devices without any"
expect 0 "" check --case "b2 h4/2 n33 m47 d12/8 causal"
that grep -q '^passed --case "b2 h4/2 n33 m47 d12/8 causal' stdout.txt
expect 0 "" check --dtype bf16 --case "b2 h4/2 n33 m47 d12/8 causal"
that grep -q '^passed --case "b2 h4/2 n33 m47 d12/8 dtype=bf16 causal' stdout.txt
expect 2 "check: --case: " check --case "b2 h4/2 n33 m47 colour"
expect 2 "check: --case: " check --case "b2 h4/3 n33 m47 d12"
expect 2 "check: --case and --tier exclude each other" check --tier tiny --case "b1 h1 n1 m1 d1"
expect 2 "check: --case and --part exclude each other" check --part 1/2 --case "b1 h1 n1 m1 d1"
expect 2 "allowed: tiny, quick, full, extremes" check --tier enormous
for part in 0/2 3/2 2 /2 1/ 1/0 1/2/3 a/b 1/99999; do
    expect 2 "allowed: K/N with whole numbers, 1 <= K <= N <= 9999" check --part $part
done

expect 2 "tier tiny has only" check --tier tiny --part 9999/9999

# Digests of one library are the same twice, and of another engine's results not all the same.
expect 2 "--digest is of a tier's cases" check --digest --case "b1 h1 n1 m1 d1"
expect 2 "--digest is of a tier's cases" check --digest --tier extremes
expect 0 "" check --digest --tier tiny
that grep -Eq '^[0-9a-f]{16} b[0-9]' stdout.txt
if grep -vEq '^[0-9a-f]{16} b[0-9]' stdout.txt; then
    fail "check --digest prints something else than digests"
fi
cp stdout.txt digests.txt
expect 0 "" check --digest --tier tiny
that cmp stdout.txt digests.txt
expect 0 "" check --digest --tier tiny --engine simt
checks=$((checks + 1))
cmp -s stdout.txt digests.txt && fail "check --digest: two engines give the same bits"

# ---- tune ----

# One kernel, of a few keys: compilers are slow. The file is in a folder of this test's own.
XDG_CACHE_HOME=$folder/cache
export XDG_CACHE_HOME
small="b1 h1 n20 m20 d8 grad=none"
expect 0 "" tune --case "$small" --seconds 0.5 --export -v
that grep -q '^forward ' stdout.txt
that grep -q '^rows of simt_rows' stdout.txt
that grep -qF "kept in $folder/cache/clattn/" stdout.txt
that test "$(grep -c '^engine=.* kernel=forward features=FLOAT32 D=8 ' cache/clattn/*.tuned)" -eq 1
expect 0 "(tuned on this device)" forward --q small.npy --k small.npy --v small.npy --out o.npy -v
expect 0 "(built-in table)" forward --q small.npy --k small.npy --v small.npy --out o.npy -v --causal
expect 2 "tune: --case: " tune --case "b1 h1 n20 m20 colour"
expect 2 "tune: --case: " tune --case "$small" --case "b1 h1 n20"
expect 2 "tune: problem.q_heads is 3" tune --case "b1 h3/2 n20 m20 d8"
for seconds in 0 -1 nan inf 1s "" " 1"; do
    expect 2 "tune: --seconds: found \"$seconds\"; allowed: a number above 0" tune --seconds "$seconds"
done
expect 2 "allowed: f32, f16, bf16" tune --dtype f64
expect 2 "tune: given twice: --seconds" tune --seconds 1 --seconds 2

finish
