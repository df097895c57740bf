/* SPDX-License-Identifier: Apache-2.0 */
/* clattn: the command-line tool. */
#include "check_device.h"
#include "devices.h"
#include "layer_run.h"
#include "message.h"
#include "options.h"
#include "outputs.h"
#include "run.h"
#include "signals.h"
#include "tune.h"

#include <stdio.h>
#include <string.h>

/* Runs a verb that writes files. Called before any library starts a thread (signals.h). */
static int run_with_outputs(int (*run)(verb, const options *), verb which, const options *o)
{
    int code = signals_begin(outputs_remove_temporaries);
    return code < 0 ? run(which, o) : code;
}

static int run_verb(verb which, const options *o)
{
    switch (which) {
    case VERB_DEVICES:
        return devices_list();
    case VERB_FORWARD:
    case VERB_BACKWARD:
        return run_with_outputs(run_pass, which, o);
    case VERB_LAYER_FORWARD:
    case VERB_LAYER_BACKWARD:
        return run_with_outputs(layer_run_pass, which, o);
    case VERB_TUNE:
        return tune_device(o);
    case VERB_CHECK:
        break;
    }
    return check_device(o);
}

static int dispatch(int argc, char **argv)
{
    options o;
    if (argc < 2) {
        fputs(usage((verb)0), stderr);
        return EXIT_BAD_INPUT;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("clattn %s\n", clattn_version_string());
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(usage(argc > 2 ? options_verb(argv[2]) : (verb)0), stdout);
        return EXIT_GOOD;
    }
    verb which = options_verb(argv[1]);
    if (which == (verb)0) {
        return bad_input("unknown verb: %s; allowed: devices, forward, backward, layer-forward, layer-backward, check, "
                         "tune",
                         argv[1]);
    }
    int code = options_parse(which, argc - 1, argv + 1, &o);
    return code < 0 ? run_verb(which, &o) : code;
}

int main(int argc, char **argv)
{
    int code = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return code == EXIT_GOOD ? failed("standard output cannot be written") : code;
    }
    return code;
}
