/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts. */
#include "options.h"

static const char tool_text[] = "clattn - exact attention and its gradients on any OpenCL device\n"
                                "\n"
                                "  clattn devices         list OpenCL devices, and what clattn would use on each\n"
                                "  clattn forward         attention on .npy files\n"
                                "  clattn backward        its gradients\n"
                                "  clattn layer-forward   a transformer's attention layer, with its projections\n"
                                "  clattn layer-backward  its gradients\n"
                                "  clattn check           test a device against a double-precision reference\n"
                                "  clattn tune            find the fastest configurations on a device, and keep them\n"
                                "\n"
                                "  clattn VERB --help\n"
                                "  clattn --version\n"
                                "\n"
                                "Exit status: 0 success; 1 the device or the machine failed, or a check did not pass;\n"
                                "2 bad input (command line, files).\n";

static const char devices_text[] =
    "usage: clattn devices\n"
    "\n"
    "Lists every OpenCL device with its index for --device, its properties, and the engine that\n"
    "clattn would use, or why clattn cannot use the device.\n";

#define SCORE_FILE_HELP(slot, member, of, shape, whole, fewer, help) help
#define PROBLEM_TEXT                                                                                                   \
    SCORE_FILES(SCORE_FILE_HELP)                                                                                       \
    "  --sink FILE       sinks, (H): a logit for each head that takes weight and has no key\n"                         \
    "  --max-logit FILE  writes (B,H,N), the largest score of each query; -inf if it sees no key\n"                    \
    "  --kv-len FILE     int32 or int64 (B): number of keys of each batch; later keys are padding\n"                   \
    "  --causal          query i sees the keys j <= i + offset\n"                                                      \
    "  --align WHERE     bottom-right (offset = M - N, the default), top-left (offset = 0),\n"                         \
    "                    or the offset itself\n"                                                                       \
    "  --window L,R      query i sees the keys i + offset - L <= j <= i + offset + R; -1: no end on\n"                 \
    "                    that side\n"                                                                                  \
    "  --scale X         factor of Q K^T; default (or 0): 1/sqrt(D)\n"                                                 \
    "  --softcap C       C tanh(S / C) in place of each scaled score S; default (or 0): none\n"                        \
    "  --q-tile N        most query rows of a tile; default (or 0): tuned\n"                                           \
    "  --k-tile N        the same for keys\n"                                                                          \
    "  --engine NAME     simt, cpu, nvidia_mma, nvidia_wgmma or auto (the default)\n"                                  \
    "  --device WHICH    index (see clattn devices) or part of a name; default: the best\n"

#define LAYOUT_TEXT                                                                                                    \
    "  --layout NAME     bhnd: files are (B,H,N,D) (the default); bnhd: (B,N,H,D)\n"                                   \
    "  --dtype NAME      type of tensors on the device: f32 (the default), f16 or bf16; all\n"                         \
    "                    arithmetic is float32\n"

#define VERBOSE_TEXT                                                                                                   \
    "  -v, --verbose     print plan, times and bytes on standard error\n"                                              \
    "  -h, --help\n"                                                                                                   \
    "\n"

#define WHOLE_TEXT                                                                                                     \
    "Output files appear complete or not at all, and replace existing files. No output may be an\n"                    \
    "input of the same call.\n"

#define FILES_TEXT                                                                                                     \
    VERBOSE_TEXT "Input is .npy in C order, little-endian, float32 or float16 (converted on reading).\n"               \
                 "Output is float32.\n" WHOLE_TEXT

#define TYPED_FILES_TEXT                                                                                               \
    VERBOSE_TEXT "Input is .npy in C order, little-endian, float32 or float16, and is converted\n"                     \
                 "to --dtype. Output is float16 with --dtype f16, else float32 (NumPy has no bfloat16);\n"             \
                 "lse and max-logit are always float32.\n" WHOLE_TEXT

static const char forward_text[] =
    "usage: clattn forward --q FILE --k FILE --v FILE --out FILE [--lse FILE]\n"
    "                      [--max-logit FILE] [options]\n"
    "\n"
    "out = softmax(scale Q K^T, masked) V.\n"
    "\n"
    "  --q FILE          (B,Hq,N,D)\n"
    "  --k FILE          (B,Hk,M,D), Hq a multiple of Hk\n"
    "  --v FILE          (B,Hk,M,Dv)\n"
    "  --out FILE        writes (B,Hq,N,Dv)\n"
    "  --lse FILE        writes (B,Hq,N), log sum_j exp S_ij; -inf for a query that sees no key\n"
    "  --kv-splits N     splits of the keys among work-groups; default (or 0): tuned\n" PROBLEM_TEXT LAYOUT_TEXT
        TYPED_FILES_TEXT;

static const char backward_text[] =
    "usage: clattn backward --q FILE --k FILE --v FILE --dout FILE [--dlse FILE] [--dq FILE]\n"
    "                       [--dk FILE] [--dv FILE] [--dbias FILE] [--dsink FILE] [options]\n"
    "\n"
    "The gradients of sum(dout * out), plus sum(dlse * lse) with --dlse, with respect to Q, K, V,\n"
    "a bias and sinks. Request at least one.\n"
    "\n"
    "  --q FILE          (B,Hq,N,D)\n"
    "  --k FILE          (B,Hk,M,D), Hq a multiple of Hk\n"
    "  --v FILE          (B,Hk,M,Dv)\n"
    "  --dout FILE       (B,Hq,N,Dv), the gradient of out\n"
    "  --dlse FILE       (B,Hq,N), the gradient of lse; default: none\n"
    "  --dq FILE         writes (B,Hq,N,D)\n"
    "  --dk FILE         writes (B,Hk,M,D)\n"
    "  --dv FILE         writes (B,Hk,M,Dv)\n"
    "  --dbias FILE      writes the gradient of --bias, in its shape, float32\n"
    "  --dsink FILE      writes (Hq), float32; only with --sink\n" PROBLEM_TEXT LAYOUT_TEXT TYPED_FILES_TEXT;

#define LAYER_TEXT                                                                                                     \
    "  --x FILE          (B,N,E)\n"                                                                                    \
    "  --context FILE    (B,M,C), input of K and V; default: x, with M = N and C = E\n"                                \
    "  --wq FILE         (H D,E), head by head\n"                                                                      \
    "  --wkv FILE        (2 Hk D,C): all heads of K, then all of V\n"                                                  \
    "  --wo FILE         (E,H D)\n"                                                                                    \
    "  --heads H         heads of Q; default: 8; D = rows of wq / H\n"                                                 \
    "  --kv-heads Hk     heads of K and V, a divisor of H; default: H\n"                                               \
    "  --bq FILE         (H D), added to Q\n"                                                                          \
    "  --bkv FILE        (2 Hk D), added to K and V\n"

static const char layer_forward_text[] =
    "usage: clattn layer-forward --x FILE --wq FILE --wkv FILE --wo FILE --out FILE [options]\n"
    "\n"
    "Multi-head attention with its projections; weights are (out, in), as in PyTorch.\n"
    "\n"
    "  Q = x wq^T + bq       K, V = context wkv^T + bkv\n"
    "  out = softmax(scale Q K^T, masked) V wo^T + bo\n"
    "\n" LAYER_TEXT "  --bo FILE         (E), added to out\n"
    "  --out FILE        writes (B,N,E)\n" PROBLEM_TEXT FILES_TEXT;

static const char layer_backward_text[] =
    "usage: clattn layer-backward --x FILE --wq FILE --wkv FILE --wo FILE --dout FILE\n"
    "                             [--dx FILE] [--dcontext FILE] [--dwq FILE] [--dwkv FILE]\n"
    "                             [--dwo FILE] [--dbq FILE] [--dbkv FILE] [--dbo FILE] [--dbias FILE]\n"
    "                             [--dsink FILE]\n"
    "                             [options]\n"
    "\n"
    "The gradients of sum(dout * out), with the out of clattn layer-forward, with respect to\n"
    "inputs, weights and biases. Request at least one. Without --context, dx includes the\n"
    "gradient through keys and values. No gradient depends on bo.\n"
    "\n" LAYER_TEXT "  --dout FILE       (B,N,E), the gradient of out\n"
    "  --dx FILE         writes (B,N,E)\n"
    "  --dcontext FILE   writes (B,M,C); only with --context\n"
    "  --dwq FILE        writes (H D,E)\n"
    "  --dwkv FILE       writes (2 Hk D,C)\n"
    "  --dwo FILE        writes (E,H D)\n"
    "  --dbq FILE        writes (H D); gradients of biases do not need the biases\n"
    "  --dbkv FILE       writes (2 Hk D)\n"
    "  --dbo FILE        writes (E)\n"
    "  --dbias FILE      writes the gradient of --bias, in its shape\n"
    "  --dsink FILE      writes (H); only with --sink\n" PROBLEM_TEXT FILES_TEXT;

static const char check_text[] =
    "usage: clattn check [--device WHICH] [--engine NAME] [--dtype NAME] [--tier NAME]\n"
    "                    [--part K/N | --case \"LINE\"] [--digest]\n"
    "\n"
    "Runs clattn's own test cases on a device, forward and backward, and compares them with a\n"
    "double-precision reference on the host. Run this first on a new device.\n"
    "\n"
    "  --device WHICH    index (see clattn devices) or part of a name; default: the best\n"
    "  --engine NAME     simt, cpu, nvidia_mma, nvidia_wgmma or auto (the default)\n"
    "  --dtype NAME      f32 (the default), f16 or bf16; replaces the type of float32 cases\n"
    "  --tier NAME       tiny (seconds), quick (the default), extremes (known answers at the limits\n"
    "                    of float32), or full (all cases, extremes, and a tensor of more than 2^31\n"
    "                    elements if the device's memory allows)\n"
    "  --part K/N        every N-th case of the tier, starting at the K-th: N programs at once, with\n"
    "                    K = 1 to N, share the compilation of kernels\n"
    "  --case LINE       only this case, as printed after a failure, for instance\n"
    "                    \"b2 h4/2 n113 m203 d64 causal\"\n"
    "  --digest          print a digest of the outputs before each case and compare nothing: shows\n"
    "                    whether two libraries or drivers give the same bits\n"
    "  -v, --verbose     print every case\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all passed, 1 not.\n";

static const char tune_text[] =
    "usage: clattn tune [--device WHICH] [--engine NAME] [--dtype NAME] [--seconds S]\n"
    "                   [--case \"LINE\"]... [--export]\n"
    "\n"
    "Times many configurations of the kernels on a device, forward and backward, and stores the\n"
    "fastest in a file that every program with clattn reads. Every configuration is verified.\n"
    "Run it on an idle machine. Ctrl-C ends the search and keeps the results so far.\n"
    "\n"
    "  --device WHICH    index (see clattn devices) or part of a name; default: the best\n"
    "  --engine NAME     simt, cpu, nvidia_mma, nvidia_wgmma or auto (the default)\n"
    "  --dtype NAME      type of the tensors: f32 (the default), f16 or bf16\n"
    "  --seconds S       seconds to search for each case; default: 60\n"
    "  --case LINE       a problem to tune for, for instance \"b4 h16/4 n2048 m2048 d128 causal\";\n"
    "                    may be repeated; default: head dimensions 64 and 128, with and without\n"
    "                    causality\n"
    "  --export          print the results as rows of the built-in table of engine simt\n"
    "  -v, --verbose     print the number of refused configurations\n"
    "  -h, --help\n"
    "\n"
    "See docs/tuning.md.\n";

const char *usage(verb which)
{
    switch (which) {
    case VERB_DEVICES:
        return devices_text;
    case VERB_FORWARD:
        return forward_text;
    case VERB_BACKWARD:
        return backward_text;
    case VERB_LAYER_FORWARD:
        return layer_forward_text;
    case VERB_LAYER_BACKWARD:
        return layer_backward_text;
    case VERB_CHECK:
        return check_text;
    case VERB_TUNE:
        return tune_text;
    }
    return tool_text;
}
