/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include "random.h"

#include <math.h>
#include <stdlib.h>

/* Tokens and positions start as large as the blocks' outputs, which are added to them. The last
 * gain starts so small that all logits are nearly equal. With GPT-2's TABLE_SPREAD of 0.02 this
 * model learns half as fast. */
#define TABLE_SPREAD 0.5f /* standard deviation */
#define LAST_GAIN 0.02f

#define LONGEST_WAVE 100.0 /* characters per radian in the last components of a position */

static const char *const part_names[] = {
#define PART_NAME(name, many, rows, columns) #name,
    MODEL_LIST(PART_NAME)
#undef PART_NAME
};

const char *model_part_name(enum model_part part)
{
    return part_names[part];
}

static void lay_out(struct model *model)
{
    const struct sizes *s = &model->sizes;
    const struct {
        size_t many, count;
    } parts[] = {
#define PART_SIZE(name, many, rows, columns) {many, (rows) * (columns)},
        MODEL_LIST(PART_SIZE)
#undef PART_SIZE
    };
    size_t at = 0;
    for (int part = 0; part < MODEL_PARTS; ++part) {
        model->start[part] = at;
        model->count[part] = parts[part].count;
        at += parts[part].many * parts[part].count;
    }
    model->start[MODEL_PARTS] = at;
}

size_t model_count(const struct model *model)
{
    return model->start[MODEL_PARTS];
}

static size_t offset_of(const struct model *model, enum model_part part, size_t block)
{
    return model->start[part] + block * model->count[part];
}

clattn_block model_parameter(const struct model *model, enum model_part part, size_t block)
{
    return nn_after(model->parameters, offset_of(model, part, block));
}

clattn_block model_gradient(const struct model *model, enum model_part part, size_t block)
{
    return nn_after(model->gradients, offset_of(model, part, block));
}

clattn_layer model_layer(const struct sizes *sizes, size_t batch)
{
    clattn_layer layer = CLATTN_LAYER_INIT;
    layer.batch = (int64_t)batch;
    layer.len = (int64_t)sizes->length;
    layer.dim = (int64_t)sizes->dim;
    layer.heads = (int64_t)sizes->heads;
    layer.dim_head = (int64_t)(sizes->dim / sizes->heads);
    layer.score.causal = 1;
    return layer;
}

/* Uniform within +-1/sqrt(columns). */
static void fill_linear(float *weights, size_t count, size_t columns, uint64_t seed)
{
    check_fill_uniform(weights, count, seed);
    for (size_t i = 0; i < count; ++i)
        weights[i] /= sqrtf((float)columns);
}

static void fill_block(const struct model *m, float *values, size_t block, uint64_t seed)
{
    const clattn_layer layer = model_layer(&m->sizes, 0);
    const size_t dim = m->sizes.dim;
    nn_try_clattn(clattn_layer_init_weights(&layer, seed, values + offset_of(m, MODEL_wq, block), NULL,
                                            values + offset_of(m, MODEL_wkv, block), NULL,
                                            values + offset_of(m, MODEL_wo, block), NULL),
                  "clattn_layer_init_weights");
    fill_linear(values + offset_of(m, MODEL_w1, block), m->count[MODEL_w1], dim, seed + 1);
    fill_linear(values + offset_of(m, MODEL_w2, block), m->count[MODEL_w2], 4 * dim, seed + 2);
}

static void fill_tokens(const struct model *m, float *values, uint64_t seed)
{
    float *table = values + m->start[MODEL_token];
    check_fill_normal(table, m->count[MODEL_token], seed);
    for (size_t i = 0; i < m->count[MODEL_token]; ++i)
        table[i] *= TABLE_SPREAD;
}

/* Positions are learnt, but start as sines (Vaswani et al. 2017, section 3.5), in which "the
 * character before" is the same rotation at every position: attention learns it in a few hundred
 * steps. From random positions it does not. */
static void fill_positions(const struct model *m, float *values)
{
    const size_t dim = m->sizes.dim;
    float *table = values + m->start[MODEL_position];
    for (size_t n = 0; n < m->sizes.length; ++n)
        for (size_t e = 0; e < dim; ++e) {
            const double angle = (double)n * pow(LONGEST_WAVE, -(double)(e / 2 * 2) / (double)dim);
            table[n * dim + e] = TABLE_SPREAD * (float)(sqrt(2.0) * (e % 2 ? cos(angle) : sin(angle)));
        }
}

static void fill_gain(const struct model *m, float *values, enum model_part part, float gain)
{
    for (size_t i = m->start[part]; i < m->start[part + 1]; ++i)
        values[i] = gain;
}

void model_open(struct model *model, struct nn *nn, const struct sizes *sizes, uint64_t seed)
{
    model->nn = nn;
    model->sizes = *sizes;
    lay_out(model);
    struct check_random seeds = {seed};
    float *values = calloc(model_count(model), sizeof *values);
    if (!values)
        nn_fail("calloc", "no memory");
    fill_tokens(model, values, check_random_bits(&seeds));
    fill_positions(model, values);
    for (size_t block = 0; block < sizes->blocks; ++block)
        fill_block(model, values, block, check_random_bits(&seeds));
    fill_gain(model, values, MODEL_gain_1, 1.0f);
    fill_gain(model, values, MODEL_gain_2, 1.0f);
    fill_gain(model, values, MODEL_gain_end, LAST_GAIN);
    model->parameters = nn_from_floats(nn, values, model_count(model));
    model->gradients = nn_buffer(nn, model_count(model));
    model->mean = nn_buffer(nn, model_count(model));
    model->square = nn_buffer(nn, model_count(model));
    free(values);
}

void model_close(struct model *model)
{
    nn_release(model->parameters);
    nn_release(model->gradients);
    nn_release(model->mean);
    nn_release(model->square);
}
