#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The benchmark from end to end on tiny cases: its table and files are whole and plausible, bad command lines are named, wrong
# results are not timed. Use: test_bench.sh CLATTN_BENCH. CLATTN_TEST_DEVICE and CLATTN_TEST_ENGINE choose what it runs on.
set -u
bench=$1
. "$(dirname "$0")/checks.sh"

# expect CODE TEXT ARGUMENT...: the benchmark leaves with CODE and says TEXT on standard error (any where TEXT is empty).
expect() {
    code=$1
    text=$2
    shift 2
    checks=$((checks + 1))
    [ -z "${CLATTN_TEST_ENGINE:-}" ] || set -- --engine "$CLATTN_TEST_ENGINE" "$@"
    case " $* " in
    *" --device "*) ;;
    *) [ -z "${CLATTN_TEST_DEVICE:-}" ] || set -- --device "$CLATTN_TEST_DEVICE" "$@" ;;
    esac
    "$bench" "$@" >stdout.txt 2>stderr.txt </dev/null
    found=$?
    if [ "$found" -ne "$code" ]; then
        fail "clattn-bench $*: exit code $found, expected $code"
    elif [ -n "$text" ] && ! grep -qF -e "$text" stderr.txt; then
        fail "clattn-bench $*: no \"$text\" on standard error"
    fi
}

# says TEXT: it was on standard output.
says() {
    checks=$((checks + 1))
    grep -qF -e "$1" stdout.txt || fail "no \"$1\" on standard output"
}

# ---- bad command lines, refused before anything runs ----

expect 2 "--bogus" --bogus
expect 2 "--repeats: \"2\"" --repeats 2
expect 2 "--repeats: \"7x\"" --repeats 7x
expect 2 "--engine: \"fast\"" --engine fast
expect 2 "--baseline: \"openblas,fast\"" --baseline openblas,fast
expect 2 "\"x3\"" "b1 h1 n8 m8 d8 x3"
expect 2 "there is no d" "b1 h1 n8 m8 d8" "b1 h1 n8 m8"
expect 2 "missing/x.csv" --csv missing/x.csv "b1 h1 n8 m8 d8"
expect 2 "--memory and --startup" --memory --startup
expect 1 "no device is called" --device "no such device" "b1 h1 n8 m8 d8"
expect 0 "" --help
says "--baseline LIST"

# ---- wrong results: every work-group computes the first one's tile ----

expect 1 "is wrong" --build-options "-Dget_group_id=get_global_offset" --baseline none --repeats 3 "b1 h2 n20 m20 d16 grad=none"

# ---- each dtype, every file ----

expect 0 "" --repeats 3 --baseline openblas --csv out.csv --plot out.svg "b1 h2 n20 m40 d16" "b1 h2 n40 m80 d16" \
    "b1 h2/1 n1 m40 d16 dtype=f16 grad=none" "b1 h2 n20 m40 d16 dtype=bf16 mask=1,1,20,40 grad=none"
says "measured here:"
says "b1 h2 n40 m80 d16"
checks=$((checks + 1))
# Commas within quotes become semicolons; then columns by their names.
awk '
    BEGIN { FS = "," }
    { line = ""; inside = 0
      for (i = 1; i <= length($0); ++i) {
          c = substr($0, i, 1)
          if (c == "\"") inside = !inside
          line = line (c == "," && inside ? ";" : c)
      }
      $0 = line }
    NR == 1 { columns = NF; for (i = 1; i <= NF; ++i) at[$i] = i; next }
    NF != columns { print "row " NR " has " NF " columns, not " columns; bad = 1 }
    { ours = $at["implementation"] == "clattn"
      seen[$at["dtype"]] = 1; rows += ours
      split("device driver platform version commit case", names, " ")
      for (i in names) if ($at[names[i]] == "") { print "row " NR ": no " names[i]; bad = 1 }
      if (ours && $at["engine"] == "") { print "row " NR ": no engine"; bad = 1 }
      if (!($at["device_ms"] > 0 && $at["wall_ms"] > 0 && $at["tflops"] > 0)) { print "row " NR ": no time"; bad = 1 }
      if (!($at["device_ms_min"] + 0 <= $at["device_ms"] + 0 && $at["device_ms"] + 0 <= $at["device_ms_max"] + 0)) {
          print "row " NR ": the median is not between the extremes"; bad = 1 }
      if (!($at["error_ratio"] >= 0 && $at["error_ratio"] <= 1)) { print "row " NR ": error"; bad = 1 }
      if (!($at["peak_share"] > 0)) { print "row " NR ": share " $at["peak_share"]; bad = 1 }
      if (!($at["peak_tflops"] > 0 && $at["copy_gb_s"] > 0)) { print "row " NR ": no peaks"; bad = 1 }
      narrow = $at["case"] ~ / n1 /
      if (narrow != ($at["gb_s"] > 0)) { print "row " NR ": GB/s " $at["gb_s"]; bad = 1 } }
    END { if (rows != 6) { print rows " rows of clattn, not 6"; bad = 1 }
          if (!(seen["f32"] && seen["f16"] && seen["bf16"])) { print "a dtype is missing"; bad = 1 }
          exit bad }' out.csv >awk.txt || fail "out.csv: $(cat awk.txt)"
checks=$((checks + 1))
if ! head -n 1 out.svg | grep -q '^<svg ' || ! tail -n 1 out.svg | grep -q '^</svg>$' || ! grep -q '<path' out.svg; then
    fail "out.svg is no picture"
fi

# ---- the other modes ----

expect 0 "" --memory "b1 h2 n40 m80 d16 grad=none"
says "b1 h2 n40 m80 d16 grad=none                       25600"
expect 0 "" --startup "b1 h2 n40 m80 d16"
says "compute, read"
expect 0 "do not differ in length" --repeats 3 --baseline none --plot same.svg "b1 h2 n20 m40 d16 grad=none"

# ---- reports that are drawn ----

expect 2 "--from is for --plot" --from out.csv
expect 2 "--csv needs a CASE beside --from" --plot drawn.svg --csv new.csv --from out.csv
expect 1 "missing.csv: No such file" --plot drawn.svg --from missing.csv
expect 1 "out.svg: line 1: this is not the head" --plot drawn.svg --from out.csv --from out.svg
expect 0 "" --plot drawn.svg --from out.csv
cp out.csv same.csv
expect 0 "" --repeats 3 --baseline none --csv same.csv --plot drawn.svg --from same.csv "b1 h2 n30 m30 d16 grad=none"
checks=$((checks + 1))
[ "$(grep -c "" same.csv)" -eq 2 ] || fail "same.csv is not the new report"
checks=$((checks + 1))
grep -q "forward: h2 d16<" drawn.svg || fail "drawn.svg has no curve"

finish
