#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source file says its licence in its first line, or in the second after a #! line: lint_licence.sh SOURCE_DIR
#
# Sources are the files of the project that end in .c, .h, .cl, .cpp, .cmake, .in, .sh or .py, CMakeLists.txt and .ci/run.
set -eu

if [ $# -ne 1 ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

# The sources under the folder $1, one a line.
sources() {
    for part in .ci CMakeLists.txt bench check cmake examples host include kernels scripts tests tools; do
        [ ! -e "$1/$part" ] || find "$1/$part" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cl' -o -name '*.cpp' \
            -o -name '*.cmake' -o -name '*.in' -o -name '*.sh' -o -name '*.py' -o -name CMakeLists.txt \
            -o -path '*/.ci/run' \)
    done
}

# Names the sources under the folder $1 that do not say it.
without() {
    sources "$1" | while IFS= read -r file; do
        awk 'NR == 1 && /^#!/ { next }
             { said = /^(\/\*|\/\/|#) SPDX-License-Identifier: Apache-2\.0( \*\/)?$/; exit }
             END { exit !said }' "$file" || echo "$file"
    done
}

# It finds one that does not, or says it too late.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/host" "$scratch/scripts"
printf '/* SPDX-License-Identifier: Apache-2.0 */\nint a;\n' >"$scratch/host/said.c"
printf 'int a;\n/* SPDX-License-Identifier: Apache-2.0 */\n' >"$scratch/host/late.c"
printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n' >"$scratch/scripts/said.sh"
printf '#!/bin/sh\n# no licence\n' >"$scratch/scripts/not.sh"
if [ "$(without "$scratch" | sed 's,.*/,,' | tr '\n' ' ')" != "late.c not.sh " ]; then
    echo "lint_licence: of four files it names $(without "$scratch" | tr '\n' ' ')" >&2
    exit 1
fi

missing=$(without "$1")
if [ -n "$missing" ]; then
    printf 'lint_licence: no line "SPDX-License-Identifier: Apache-2.0" at the head of\n%s\n' "$missing" >&2
    exit 1
fi
number=$(sources "$1" | wc -l)
if [ "$number" -lt 400 ]; then
    echo "lint_licence: only $number sources under $1" >&2
    exit 1
fi
echo "$number sources say their licence"
