/* serve.h - what a service takes: nodes for reading prompts and for writing answers, memory for
 * keys and values, dollars; and what is left for training between its peaks.
 *
 * Demand is tokens a day (or users, prompts and tokens of each); supply is the measured rate of a
 * node.  A prefill rate counts all tokens of prompts, those that came from the prefix cache among
 * them, as DeepSeek publishes it (73,700 a second and node "including cache hits"): it holds for
 * the share of hits it was measured at, and is converted where another share is planned for.
 *
 * Source of the example that the tests hold: deepseek-ai/open-infra-index, day 6 (1 March 2025).
 */
#ifndef FLT_FLEET_PLAN_SERVE_H
#define FLT_FLEET_PLAN_SERVE_H

#include "base/status.h"

#include <stdint.h>

/* The shape of a model's keys and values. */
typedef struct flt_kv_shape {
    double layers, kv_heads, head_dim;
    double bytes_per_element; /* 2 for f16 */
    double latent;            /* more than 0: elements a token and layer in all (MLA) */
} flt_kv_shape;

/* Bytes a token takes: 2 * layers * kv_heads * head_dim * bytes, or layers * latent * bytes. */
double flt_kv_bytes_per_token(const flt_kv_shape *s);

typedef struct flt_serve_plan_in {
    double input_tokens_per_day, output_tokens_per_day; /* or, where both are 0: */
    double users, prompts_per_day;                      /* of a user */
    double input_tokens, output_tokens;                 /* of a prompt */
    double cached;                    /* share of prompt tokens that the prefix cache has, 0 to 1 */
    double rate_cached;               /* that share when prefill_rate was measured; -1: the same */
    double prefill_rate, decode_rate; /* tokens a second and node */
    int64_t chips_per_node;
    int64_t price_micros; /* a chip-hour; -1: not known */
    /* What users pay for a million tokens: of prompts, of prompts from the cache, of answers.  All
     * 0: not planned. */
    int64_t ask_input_micros, ask_cached_micros, ask_output_micros;
    double peak_to_mean;      /* of the demand; 0: not known */
    double peak_nodes;        /* more than 0: nodes there are, instead */
    double headroom;          /* share kept free above the peak, 0.2 is a fifth more */
    double tpot_s;            /* seconds a token that a user is promised (SLO); 0: none */
    flt_kv_shape kv;          /* layers 0: not planned */
    double mean_context;      /* tokens that an answer under way holds, on average */
    double weights_bytes;     /* of the model, once a node */
    double node_memory_bytes; /* all chips of a node; 0: not known */
} flt_serve_plan_in;

typedef struct flt_serve_plan {
    double input_tokens_per_day, output_tokens_per_day;
    double prefill_rate;                       /* at the planned share of hits */
    double prefill_nodes, decode_nodes, nodes; /* busy on average, not rounded */
    double peak_nodes;                /* to be had for the peak, whole nodes; 0: no peak known */
    double training_share;            /* of the peak's node-hours, what serving leaves to others */
    double node_hours_left;           /* the same, node-hours a day */
    int64_t cost_per_day_micros;      /* of the nodes that serve on average; -1: no price */
    int64_t peak_cost_per_day_micros; /* of all nodes held for the peak; -1 */
    int64_t cost_per_million_micros;  /* a million tokens, in and out; -1 */
    int64_t cost_per_million_out_micros; /* a million answered ones bear everything; -1 */
    int64_t revenue_per_day_micros;      /* -1: no prices asked */
    double margin;                       /* (revenue - cost) / cost; 0 without one of them */
    double answers_under_way;            /* on average, by the promised pace; 0: none promised */
    double kv_bytes_per_answer;          /* 0: not planned */
    double kv_bytes;                     /* of all answers under way */
    double kv_nodes; /* decode nodes that memory alone would need; more than decode_nodes says that
                        memory, not speed, decides, and nodes counts them */
} flt_serve_plan;

/* SK_E_INVALID for figures that make no plan, among them a model that does not fit into a node. */
sk_status flt_serve_plan_make(const flt_serve_plan_in *in, flt_serve_plan *out, sk_err *e);

#endif
