/* SPDX-License-Identifier: Apache-2.0 */
#include "pass.h"

#include "message.h"

int pass_open_runner(verb which, const options *o, clattn_runner **runner)
{
    clattn_options library = CLATTN_OPTIONS_INIT;
    library.engine = o->engine;
    progress("%s: opening the device", options_verb_name(which));
    clattn_status status = clattn_runner_create(o->device, &library, runner);
    return status == CLATTN_SUCCESS ? -1 : library_failed(options_verb_name(which), status);
}

static void report(clattn_runner *runner, const clattn_run_info *info)
{
    const char *context = clattn_context_describe(clattn_runner_context(runner));
    note("%.*s\n%.*s", trimmed(context), context, trimmed(info->plan), info->plan);
    note("plan      %12.3f ms\nupload    %12.3f ms\nkernels   %12.3f ms\ndownload  %12.3f ms", info->plan_seconds * 1e3,
         info->upload_seconds * 1e3, info->kernel_seconds * 1e3, info->download_seconds * 1e3);
    note("device    %12zu bytes\nworkspace %12zu bytes of them", info->device_bytes, info->workspace_bytes);
}

int pass_end(verb which, const options *o, clattn_runner *runner, clattn_status status, const clattn_run_info *info)
{
    if (status != CLATTN_SUCCESS) {
        return library_failed(options_verb_name(which), status);
    }
    if (o->verbose) {
        report(runner, info);
    }
    progress("%s: writing", options_verb_name(which));
    return -1;
}
