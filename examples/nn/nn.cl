/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of nn.h; it defines what each computes. Tensors are row-major and contiguous; NAME_at
 * is the index of tensor NAME's first element in its buffer. The order of sums is fixed: two runs
 * on one device give the same bits.
 *
 * Two grids: EACH, a work-item per element in groups of ITEMS, the last partly idle; TOGETHER, a
 * group of ROW_ITEMS work-items per row (or column), which share its elements. ROW_ITEMS is a power
 * of two. */
#if !defined(ITEMS) || !defined(ROW_ITEMS)
#error "ITEMS and ROW_ITEMS must be given with -D"
#endif

#define INLINE static inline __attribute__((always_inline))
#define EACH __kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1)))
#define TOGETHER __kernel __attribute__((reqd_work_group_size(ROW_ITEMS, 1, 1)))

/* The sum, and the maximum, of `value` over a group; all work-items get the result. */
INLINE float group_sum(__local float *part, float value)
{
    const int me = get_local_id(0);
    part[me] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = ROW_ITEMS / 2; half_of > 0; half_of /= 2) {
        if (me < half_of)
            part[me] += part[me + half_of];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float sum = part[0];
    barrier(CLK_LOCAL_MEM_FENCE); /* part is free again */
    return sum;
}

INLINE float group_max(__local float *part, float value)
{
    const int me = get_local_id(0);
    part[me] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = ROW_ITEMS / 2; half_of > 0; half_of /= 2) {
        if (me < half_of)
            part[me] = fmax(part[me], part[me + half_of]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float largest = part[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return largest;
}

/* ---- layer norm: x, y, dy, dx (rows,columns), gain, bias (columns), stats (rows,2) or NULL
 * ---- */

/* A group per row. A second pass computes the variance from differences to the mean: no
 * cancellation. */
TOGETHER void layer_norm(ulong columns, float epsilon, const __global float *x, ulong x_at, const __global float *gain,
                         ulong gain_at, const __global float *bias, ulong bias_at, __global float *y, ulong y_at,
                         __global float *stats, ulong stats_at)
{
    __local float part[ROW_ITEMS];
    const ulong row = get_group_id(0), me = get_local_id(0);
    x += x_at + row * columns;
    y += y_at + row * columns;
    gain += gain_at;
    bias += bias_at;
    float sum = 0.0f;
    for (ulong c = me; c < columns; c += ROW_ITEMS)
        sum += x[c];
    const float mean = group_sum(part, sum) / columns;
    float square = 0.0f;
    for (ulong c = me; c < columns; c += ROW_ITEMS)
        square = mad(x[c] - mean, x[c] - mean, square);
    const float inverse = 1.0f / sqrt(group_sum(part, square) / columns + epsilon);
    for (ulong c = me; c < columns; c += ROW_ITEMS)
        y[c] = mad((x[c] - mean) * inverse, gain[c], bias[c]);
    if (stats && me == 0) {
        stats[stats_at + 2 * row] = mean;
        stats[stats_at + 2 * row + 1] = inverse;
    }
}

/* A group per row. With h = (x - mean) / deviation and g = dy gain: dx += (g - mean(g) - h mean(g
 * h)) / deviation. */
TOGETHER void layer_norm_dx(ulong columns, const __global float *x, ulong x_at, const __global float *gain,
                            ulong gain_at, const __global float *stats, ulong stats_at, const __global float *dy,
                            ulong dy_at, __global float *dx, ulong dx_at)
{
    __local float part[ROW_ITEMS];
    const ulong row = get_group_id(0), me = get_local_id(0);
    const float mean = stats[stats_at + 2 * row], inverse = stats[stats_at + 2 * row + 1];
    x += x_at + row * columns;
    dy += dy_at + row * columns;
    dx += dx_at + row * columns;
    gain += gain_at;
    float sum = 0.0f, product = 0.0f;
    for (ulong c = me; c < columns; c += ROW_ITEMS) {
        const float g = dy[c] * gain[c];
        sum += g;
        product = mad(g, (x[c] - mean) * inverse, product);
    }
    const float mean_g = group_sum(part, sum) / columns;
    const float mean_gh = group_sum(part, product) / columns;
    for (ulong c = me; c < columns; c += ROW_ITEMS)
        dx[c] += (dy[c] * gain[c] - mean_g - (x[c] - mean) * inverse * mean_gh) * inverse;
}

/* A group per column. dgain += sum of dy h, dbias += sum of dy. */
TOGETHER void layer_norm_dgain(ulong rows, ulong columns, const __global float *x, ulong x_at,
                               const __global float *stats, ulong stats_at, const __global float *dy, ulong dy_at,
                               __global float *dgain, ulong dgain_at, __global float *dbias, ulong dbias_at)
{
    __local float part[ROW_ITEMS];
    const ulong column = get_group_id(0), me = get_local_id(0);
    float gain = 0.0f, bias = 0.0f;
    stats += stats_at;
    for (ulong r = me; r < rows; r += ROW_ITEMS) {
        const float g = dy[dy_at + r * columns + column];
        gain = mad(g, (x[x_at + r * columns + column] - stats[2 * r]) * stats[2 * r + 1], gain);
        bias += g;
    }
    gain = group_sum(part, gain);
    bias = group_sum(part, bias);
    if (me == 0) {
        dgain[dgain_at + column] += gain;
        dbias[dbias_at + column] += bias;
    }
}

/* ---- an item an element ---- */

/* Phi(x), the normal distribution function, within 1e-7, and its density. Uses Abramowitz and
 * Stegun's formula 7.1.26 for erf, because PoCL's erf takes five times as long. */
INLINE float phi(float x, float *density)
{
    const float bell = exp(-0.5f * x * x);
    const float t = 1.0f / mad(0.3275911f * M_SQRT1_2_F, fabs(x), 1.0f);
    float sum = mad(1.061405429f, t, -1.453152027f);
    sum = mad(sum, t, 1.421413741f);
    sum = mad(sum, t, -0.284496736f);
    sum = mad(sum, t, 0.254829592f);
    const float tail = 0.5f * sum * t * bell; /* Phi(-|x|) */
    *density = 0.5f * M_2_SQRTPI_F * M_SQRT1_2_F * bell;
    return x < 0.0f ? tail : 1.0f - tail;
}

EACH void gelu(ulong count, const __global float *x, ulong x_at, __global float *y, ulong y_at)
{
    const ulong i = get_global_id(0);
    float density;
    if (i < count)
        y[y_at + i] = x[x_at + i] * phi(x[x_at + i], &density);
}

EACH void gelu_backward(ulong count, const __global float *x, ulong x_at, const __global float *dy, ulong dy_at,
                        __global float *dx, ulong dx_at)
{
    const ulong i = get_global_id(0);
    if (i >= count)
        return;
    const float v = x[x_at + i];
    float density;
    const float below = phi(v, &density);
    dx[dx_at + i] = dy[dy_at + i] * mad(v, density, below);
}

EACH void add(ulong count, const __global float *a, ulong a_at, const __global float *b, ulong b_at, __global float *y,
              ulong y_at)
{
    const ulong i = get_global_id(0);
    if (i < count)
        y[y_at + i] = a[a_at + i] + b[b_at + i];
}

/* y (rows,columns); count = rows columns. */
EACH void repeat_row(ulong count, ulong columns, const __global float *row, ulong row_at, __global float *y, ulong y_at)
{
    const ulong i = get_global_id(0);
    if (i < count)
        y[y_at + i] = row[row_at + i % columns];
}

/* Decoupled weight decay for the first `decayed` parameters. correct1 and correct2 are 1 / (1 -
 * beta^step). */
EACH void adamw(ulong count, ulong decayed, float rate, float beta1, float beta2, float correct1, float correct2,
                float epsilon, float decay, __global float *parameters, ulong parameters_at,
                const __global float *gradients, ulong gradients_at, __global float *mean, ulong mean_at,
                __global float *square, ulong square_at)
{
    const ulong i = get_global_id(0);
    if (i >= count)
        return;
    const float g = gradients[gradients_at + i], p = parameters[parameters_at + i];
    const float m = mad(beta1, mean[mean_at + i], (1.0f - beta1) * g);
    const float v = mad(beta2, square[square_at + i], (1.0f - beta2) * g * g);
    mean[mean_at + i] = m;
    square[square_at + i] = v;
    const float shrink = i < decayed ? decay * p : 0.0f;
    parameters[parameters_at + i] = p - rate * (m * correct1 / (sqrt(v * correct2) + epsilon) + shrink);
}

/* ---- rows and columns ---- */

/* A group per column of x (rows,columns). */
TOGETHER void sum_rows(ulong rows, ulong columns, const __global float *x, ulong x_at, __global float *sum,
                       ulong sum_at)
{
    __local float part[ROW_ITEMS];
    const ulong column = get_group_id(0), me = get_local_id(0);
    float mine = 0.0f;
    for (ulong r = me; r < rows; r += ROW_ITEMS)
        mine += x[x_at + r * columns + column];
    mine = group_sum(part, mine);
    if (me == 0)
        sum[sum_at + column] += mine;
}

/* A group per row of y (rows,columns). */
TOGETHER void gather(ulong columns, const __global float *table, ulong table_at, const __global int *ids, ulong ids_at,
                     int accumulate, __global float *y, ulong y_at)
{
    const ulong row = get_group_id(0);
    table += table_at + ids[ids_at + row] * columns;
    y += y_at + row * columns;
    for (ulong c = get_local_id(0); c < columns; c += ROW_ITEMS)
        y[c] = accumulate ? y[c] + table[c] : table[c];
}

/* A group per entry of dtable (entries,columns). Each work-item owns some columns: it scans all ids
 * and adds the rows of its entry in order. */
TOGETHER void gather_backward(ulong rows, ulong columns, const __global float *dy, ulong dy_at, const __global int *ids,
                              ulong ids_at, __global float *dtable, ulong dtable_at)
{
    const ulong entry = get_group_id(0);
    dy += dy_at;
    ids += ids_at;
    dtable += dtable_at + entry * columns;
    for (ulong r = 0; r < rows; ++r)
        if ((ulong)ids[r] == entry)
            for (ulong c = get_local_id(0); c < columns; c += ROW_ITEMS)
                dtable[c] += dy[r * columns + c];
}

/* A group per row of logits (rows,classes). dlogits may be NULL, or logits. */
TOGETHER void cross_entropy(ulong classes, const __global float *logits, ulong logits_at, const __global int *targets,
                            ulong targets_at, float factor, __global float *losses, ulong losses_at,
                            __global float *dlogits, ulong dlogits_at)
{
    __local float part[ROW_ITEMS];
    const ulong row = get_group_id(0), me = get_local_id(0);
    const ulong target = targets[targets_at + row];
    logits += logits_at + row * classes;
    const float at_target = logits[target];
    float largest = -INFINITY;
    for (ulong c = me; c < classes; c += ROW_ITEMS)
        largest = fmax(largest, logits[c]);
    largest = group_max(part, largest);
    float sum = 0.0f;
    for (ulong c = me; c < classes; c += ROW_ITEMS)
        sum += exp(logits[c] - largest);
    sum = group_sum(part, sum);
    if (me == 0)
        losses[losses_at + row] = largest - at_target + log(sum);
    if (!dlogits)
        return;
    dlogits += dlogits_at + row * classes;
    for (ulong c = me; c < classes; c += ROW_ITEMS)
        dlogits[c] = factor * (exp(logits[c] - largest) / sum - (c == target ? 1.0f : 0.0f));
}
