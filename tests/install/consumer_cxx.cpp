// SPDX-License-Identifier: Apache-2.0
// The header is also a C++ header: it compiles, its initialisers fit, and its functions link by their C names.
#include <clattn.h>
#include <cstddef>
#include <cstdio>

int main()
{
    clattn_options options = CLATTN_OPTIONS_INIT;
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    clattn_tensors tensors = CLATTN_TENSORS_INIT;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    std::size_t sizes = options.struct_size + problem.struct_size + tensors.struct_size + arrays.struct_size;
    clattn_plan *plan = nullptr;
    clattn_status status = clattn_plan_create(nullptr, &problem, CLATTN_FORWARD, &plan);
    std::printf("C++: %zu bytes of structs, %s\n", sizes, clattn_status_name(status));
    return status == CLATTN_INVALID_ARGUMENT && plan == nullptr ? 0 : 1;
}
