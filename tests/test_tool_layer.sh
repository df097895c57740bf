#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clattn layer-forward and layer-backward from end to end: test_tool_layer.sh CLATTN NPY_HELPER
#
# Good runs against the double reference, bad command lines and files, output files whole or not at all. What these
# verbs share with forward and backward is test_tool.sh's. CLATTN_TEST_DEVICE and CLATTN_TEST_ENGINE choose what it runs
# on.
# shellcheck disable=SC2086 # lists of options are split on purpose
set -eu
. "$(dirname "$0")/tool_checks.sh"

# ---- inputs: B 2, N 13, E 24, M 9, C 18, 4 heads of 10 for Q, 2 for K and V ----

make x.npy f4 2,13,24 1
make context.npy f4 2,9,18 2
make wq.npy f4 40,24 3 small
make wkv.npy f4 40,24 4 small
make wkv_context.npy f4 40,18 5 small
make wo.npy f4 24,40 6 small
make bq.npy f4 40 7
make bkv.npy f4 40 8
make bo.npy f4 24 9
make dout.npy f4 2,13,24 10
make mask2.npy b1 2,9 11
make mask4.npy u1 2,4,13,1 12
make slopes.npy f4 4 13
make bias.npy f4 4,13,9 14
make sink.npy f4 4 14
"$helper" lengths lengths.npy i4 9,4
"$helper" lengths long.npy i8 5,99
for name in x:2,13,24:1 wq:40,24:3:small wkv:40,24:4:small wo:24,40:6:small; do
    old_ifs=$IFS
    IFS=:
    set -- $name
    IFS=$old_ifs
    make "$1.half.npy" f2 "$2" "$3" ${4:-}
done

weights="--x x.npy --wq wq.npy --wkv wkv.npy --wo wo.npy"
heads="--heads 4 --kv-heads 2"
biases="--bq bq.npy --bkv bkv.npy"
cross="--x x.npy --wq wq.npy --wkv wkv_context.npy --wo wo.npy --context context.npy $biases $heads"
forward="layer-forward $weights $heads"
backward="layer-backward $weights $heads --dout dout.npy"
reference="layer x.npy wq.npy wkv.npy wo.npy heads=4 kvheads=2"
cross_reference="layer x.npy wq.npy wkv_context.npy wo.npy context=context.npy bq=bq.npy bkv=bkv.npy heads=4 kvheads=2"
gradients="--dx dx.npy --dwq dwq.npy --dwkv dwkv.npy --dwo dwo.npy --dbq dbq.npy --dbkv dbkv.npy --dbo dbo.npy"
results="dx=dx.npy dwq=dwq.npy dwkv=dwkv.npy dwo=dwo.npy dbq=dbq.npy dbkv=dbkv.npy dbo=dbo.npy"

# ---- good runs ----

# self WORDS OPTIONS...: forward and backward with these options give what the reference gives with these words.
self() {
    words=$1
    shift
    expect 0 "" $forward "$@" --out out.npy
    that "$helper" $reference $words out=out.npy
    expect 0 "" $backward "$@" $gradients
    that "$helper" $reference $words dout=dout.npy $results
    no_temporaries "$*"
    rm -f out.npy d[wbx]*.npy
}

# with_context WORDS OPTIONS...: the same for keys and values of a context, and with all biases.
with_context() {
    words=$1
    shift
    expect 0 "" layer-forward $cross --bo bo.npy "$@" --out out.npy
    that "$helper" $cross_reference $words bo=bo.npy out=out.npy
    expect 0 "" layer-backward $cross --dout dout.npy "$@" $gradients --dcontext dcontext.npy
    that "$helper" $cross_reference $words dout=dout.npy $results dcontext=dcontext.npy
    no_temporaries "$*"
    rm -f out.npy d[wbx]*.npy dcontext.npy
}

self ""
self "causal scale=-0.4" --causal --scale=-0.4
with_context ""
with_context "causal offset=-3 mask=mask4.npy" --causal --align -3 --mask mask4.npy
with_context "window=2,1 offset=-3" --window 2,1 --align -3
with_context "causal alibi=slopes.npy" --causal --alibi slopes.npy
with_context "causal softcap=0.5" --causal --softcap 0.5
with_context "bias=bias.npy" --bias bias.npy
with_context "causal sink=sink.npy" --causal --sink sink.npy
with_context "mask=mask2.npy kvlen=lengths.npy" --mask mask2.npy --kv-len lengths.npy

expect 0 "warning: --kv-len long.npy: 1 of 2 lengths lie outside 0 to M = 13" $forward --kv-len long.npy --out out.npy
that "$helper" $reference kvlen=long.npy out=out.npy

expect 0 "" layer-forward $cross --causal --out out.npy --max-logit max.npy
expect 0 "" layer-backward $cross --causal --dout dout.npy --dwo dwo.npy --max-logit max2.npy
that cmp max.npy max2.npy
rm -f max.npy max2.npy dwo.npy

# As many heads as the library takes by default, and K and V with as many as Q.
make wkv80.npy f4 80,24 13 small
expect 0 "" layer-forward --x x.npy --wq wq.npy --wkv wkv80.npy --wo wo.npy --q-tile 7 --k-tile 5 --out out.npy
that "$helper" layer x.npy wq.npy wkv80.npy wo.npy heads=8 out=out.npy
expect 0 "" layer-forward --x x.npy --wq wq.npy --wkv wkv80.npy --wo wo.npy --heads 4 --out out.npy
that "$helper" layer x.npy wq.npy wkv80.npy wo.npy heads=4 out=out.npy

for engine in cpu simt; do
    expect 0 "" $forward --engine $engine --out out.npy
    that "$helper" $reference out=out.npy
done
expect 0 "" $forward --causal --out out.npy
expect 0 "" layer-forward --x x.half.npy --wq wq.half.npy --wkv wkv.half.npy --wo wo.half.npy $heads --causal \
    --out half.npy
that cmp out.npy half.npy

# One gradient at a time, each without the others.
for name in dx dwkv dbq dcontext; do
    expect 0 "" layer-backward $cross --dout dout.npy --$name $name.npy
    that "$helper" $cross_reference dout=dout.npy $name=$name.npy
    that test "$(find . -name 'd*.npy' ! -name dout.npy)" = ./$name.npy
    rm -f $name.npy
done
expect 0 "projections by" $forward --out out.npy -v
cp stderr.txt report.txt
that grep -q '^workspace ' report.txt
that test ! -s stdout.txt

# ---- command lines ----

for verb in layer-forward layer-backward; do
    expect 0 "" $verb --help
    that grep -q "^usage: clattn $verb " stdout.txt
    expect 2 "$verb: unknown or ambiguous option: --colour (see clattn $verb --help)" $verb --colour
    expect 2 "$verb: unknown or ambiguous option: --layout" $verb --layout bnhd
    expect 2 "$verb: unknown or ambiguous option: --lse" $verb --lse x.npy
    expect 2 "$verb: missing: --x" $verb
    expect 2 "$verb: missing: --wq" $verb --x x.npy
    expect 2 "$verb: missing: --wkv" $verb --x x.npy --wq wq.npy
    expect 2 "$verb: missing: --wo" $verb --x x.npy --wq wq.npy --wkv wkv.npy
    for number in 0 -1 1.5 x "" 9223372036854775808; do
        expect 2 "$verb: --heads: found \"$number\"; allowed: a whole number of 1 or more" $verb --heads "$number"
        expect 2 "$verb: --kv-heads: found \"$number\"; allowed: a whole number of 1 or more" $verb --kv-heads "$number"
    done
done
expect 2 "layer-forward: missing: --out" $forward
expect 2 "layer-forward: unknown or ambiguous option: --dout" $forward --out o.npy --dout dout.npy
expect 2 "layer-forward: unknown or ambiguous option: --dx" $forward --out o.npy --dx dx.npy
expect 2 "layer-forward: given twice: --wq" $forward --out o.npy --wq wq.npy
expect 2 "layer-backward: missing: --dout" layer-backward $weights --dx o.npy
expect 2 "layer-backward: unknown or ambiguous option: --out" $backward --dx dx.npy --out o.npy
expect 2 "layer-backward: unknown or ambiguous option: --bo" $backward --dx dx.npy --bo bo.npy
expect 2 "layer-backward: no gradient asked for: give --dx, --dcontext, --dwq, --dwkv, --dwo, --dbq, --dbkv, --dbo, --dbias or --dsink" \
    $backward
expect 2 "layer-backward: --dcontext needs --context" $backward --dx o.npy --dcontext dcontext.npy
expect 2 "layer-forward: --kv-heads: found \"3\"; allowed: a divisor of 4, the number of heads" \
    layer-forward $weights --heads 4 --kv-heads 3 --out o.npy
expect 2 "layer-forward: --kv-heads: found \"16\"; allowed: a divisor of 8, the number of heads" \
    layer-forward $weights --kv-heads 16 --out o.npy
expect 2 "no such device at all" $forward --out o.npy --device "no such device at all"
expect 2 "forward: unknown or ambiguous option: --wq" forward --wq wq.npy
that test ! -e o.npy
no_temporaries "bad command lines"

# ---- files ----

# bad_shape OPTION TYPE SHAPE TEXT: another file for this option is refused, in the layer with a context and all biases.
bad_shape() {
    make bad.npy "$2" "$3" 1
    arguments=
    for file in x:x context:context wq:wq wkv:wkv_context wo:wo bq:bq bkv:bkv dout:dout; do
        [ "$1" = "${file%%:*}" ] || arguments="$arguments --${file%%:*} ${file##*:}.npy"
    done
    expect 2 "clattn: --$1 bad.npy: $4" layer-backward $heads $arguments --$1 bad.npy --dx o.npy
}

bad_shape x f4 2,13 "shape (2, 13); allowed: 3 dimensions (B,N,E)"
bad_shape x f4 2,0,24 "shape (2, 0, 24); allowed: no dimension of 0"
bad_shape x i4 2,13,24 "elements of type '<i4'; allowed: float32 ('<f4'), float16 ('<f2')"
bad_shape context f4 2,9,18,1 "shape (2, 9, 18, 1); allowed: 3 dimensions (B,M,C)"
bad_shape context f4 3,9,18 "shape (3, 9, 18), found B = 3; allowed: 2, as --x has it"
bad_shape wq f4 40 "shape (40,); allowed: 2 dimensions (H D,E)"
bad_shape wq f4 40,23 "shape (40, 23), found E = 23; allowed: 24, as --x has it"
bad_shape wq f4 42,24 "shape (42, 24); allowed: a number of rows that --heads, 4, divides"
bad_shape wq f4 2,24 "shape (2, 24); allowed: a number of rows that --heads, 4, divides"
bad_shape wq f4 2308,24 "shape (2308, 24); allowed: at most 576 rows for each of the 4 heads"
bad_shape wkv f4 80,18 "shape (80, 18); allowed: 40 rows, for K and V of 2 heads (--kv-heads) of 10, as --wq has them"
bad_shape wkv f4 40,24 "shape (40, 24), found C = 24; allowed: 18, as --context has it"
bad_shape wo f4 40,24 "shape (40, 24), found E = 40; allowed: 24, as --x has it"
bad_shape wo f4 24,20 "shape (24, 20), found H D = 20; allowed: 40, as --wq has it"
bad_shape bq f4 24 "shape (24,), found H D = 24; allowed: 40, as --wq has it"
bad_shape bq f4 40,1 "shape (40, 1); allowed: 1 dimension (H D)"
bad_shape bkv f4 20 "shape (20,), found 2 Hk D = 20; allowed: 40, as --wkv has it"
bad_shape dout f4 2,13,40 "shape (2, 13, 40), found E = 40; allowed: 24, as --x has it"
bad_shape dout f4 2,9,24 "shape (2, 9, 24), found N = 9; allowed: 13, as --x has it"
bad_shape dout f4 1,13,24 "shape (1, 13, 24), found B = 1; allowed: 2, as --x has it"
bad_shape mask b1 2,13 "shape (2, 13); allowed: (2, 9) or (2, 4, 13, 9), where any dimension may be 1"
bad_shape mask b1 2,2,13,9 "shape (2, 2, 13, 9); allowed: (2, 9) or (2, 4, 13, 9)"
bad_shape alibi f4 2 "shape (2,); allowed: (4,) or (2, 4), where any dimension may be 1"
bad_shape mask f4 2,9 "elements of type '<f4'; allowed: bool ('|b1'), uint8 ('|u1')"
bad_shape kv-len i4 3 "shape (3,); allowed: (2,), one length a batch"
make bad.npy f4 40 1
expect 2 "--bo bad.npy: shape (40,), found E = 40; allowed: 24, as --x has it" $forward --bo bad.npy --out o.npy
expect 2 "--wkv wkv_context.npy: shape (40, 18), found E = 18; allowed: 24, as --x has it" \
    layer-forward --x x.npy --wq wq.npy --wkv wkv_context.npy --wo wo.npy $heads --out o.npy
expect 2 "--wkv wkv.npy: shape (40, 24); allowed: 80 rows, for K and V of 8 heads" layer-forward $weights --out o.npy
expect 2 "--context none.npy: cannot be opened: No such file" $forward --context none.npy --out o.npy
head -c 500 wo.npy >bad.npy
expect 2 "--wo bad.npy: truncated" layer-forward --x x.npy --wq wq.npy --wkv wkv.npy --wo bad.npy $heads --out o.npy
that test ! -e o.npy
no_temporaries "bad files"

# ---- outputs ----

# A pipe that breaks off: what is read last of all fails, and still no output changes.
echo old >kept.npy
mkfifo pipe
head -c 500 dout.npy >pipe &
expect 2 "--dout pipe: truncated" layer-backward $weights $heads --dout pipe --dx kept.npy --dbo new.npy
wait
that test "$(cat kept.npy)" = old
that test ! -e new.npy
expect 2 "--dbo none/b.npy: No such file or directory" $backward --dx kept.npy --dwq new.npy --dbo none/b.npy
that test "$(cat kept.npy)" = old
that test ! -e new.npy
expect 2 "--dx ./wkv.npy: is also an input; allowed: another file" $backward --dx ./wkv.npy
expect 2 "--out bo.npy: is also an input; allowed: another file" $forward --bo bo.npy --out bo.npy
expect 2 "--dbo ./new.npy: is also --dx; allowed: another file" $backward --dx new.npy --dbo ./new.npy
that test ! -e new.npy
no_temporaries "bad outputs"
expect 0 "" $backward --dx kept.npy --dbo new.npy
that "$helper" $reference dout=dout.npy dx=kept.npy dbo=new.npy

finish
