/* buy_model.h - a question of what to buy as a mixed integer program, and where its columns are. */
#ifndef FLT_FLEET_PLAN_BUY_MODEL_H
#define FLT_FLEET_PLAN_BUY_MODEL_H

#include "fleet/plan/buy.h"
#include "fleet/plan/lp.h"

/* What is asked of the program. */
typedef enum flt_buy_goal {
    FLT_BUY_CHEAPEST,
    FLT_BUY_BY_THE_HOUR, /* the same without commitments, spot and promises that are not signed */
    FLT_BUY_LEAST_SHORT  /* how little of the demand has to stay unmet, whatever it costs */
} flt_buy_goal;

/* Columns by what they mean; SIZE_MAX where there is none. */
typedef struct flt_buy_model {
    const flt_buy *b;
    flt_lp *lp;
    int levels;                   /* different hours of a day */
    int level_of[FLT_BUY_HOURS];  /* hour to level */
    double weight[FLT_BUY_HOURS]; /* hours a day of a level */
    int hour_of[FLT_BUY_HOURS];   /* its first hour */
    size_t *commit;               /* [offer][month]: units that begin */
    size_t *hourly;               /* [1 + spend][offer][month][level]: chips; 0: no discount */
    size_t *paid;                 /* [spend][month]: of the interval that begins there */
    size_t *firm, *spot;          /* [train][month][level]: chips a run has of either */
    size_t *short_serve;          /* [month][level] */
    size_t *short_train;          /* [train] */
} flt_buy_model;

/* Builds it; m->lp is to be freed with flt_lp_free, arrays live in mem. */
sk_status flt_buy_model_make(const flt_buy *b, flt_buy_goal goal, sk_arena *mem, flt_buy_model *m,
                             sk_err *e);

/* Index of a slot of a table of months and levels, of the i-th such table. */
size_t flt_buy_slot(const flt_buy_model *m, size_t i, int month, int level);

/* Days of a month of the plan (months beyond its end too). */
double flt_buy_days(const flt_buy *b, int month);

/* Hours of a commitment's whole term. */
double flt_buy_term_hours(const flt_buy *b, const flt_buy_offer *o, int month);

/* Chips that serving needs. */
double flt_buy_need(const flt_buy_model *m, int month, int level);

#endif
