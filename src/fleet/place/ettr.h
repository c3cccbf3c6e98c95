/* ettr.h - what failures take of a run's time.
 *
 * Nodes fail independently at a constant rate, any of them stops the run.  The expected share of
 * time that is productive (ETTR, effective training time ratio) is the closed form of Kokolis et
 * al., "Revisiting Reliability in Large-Scale Machine Learning Research Clusters" (HPCA 2025,
 * arXiv 2410.21680):
 *
 *     E[ETTR] = (1 - n r (u + c/2)) / (1 + w/c)
 *
 * n nodes, r failures a node and second, u seconds to come back, c seconds between checkpoints, w
 * seconds that one keeps the run waiting.  It holds while a run meets few failures between two
 * checkpoints; where it says 0 or less, nothing is ever done.
 */
#ifndef FLT_FLEET_PLACE_ETTR_H
#define FLT_FLEET_PLACE_ETTR_H

/* How a run meets failures. */
typedef struct flt_upkeep {
    double failures_per_node_day;
    double restart_s;          /* from a failure until it computes again */
    double checkpoint_every_s; /* 0: as is best (flt_best_checkpoint_s) */
    double checkpoint_write_s; /* that the run waits for one */
} flt_upkeep;

/* The closed form above for a run on `nodes`; may be 0 or negative.  Without an interval the best
 * one is taken, and without failures that is 1.  Pure; nothing is checked. */
double flt_ettr(double nodes, const flt_upkeep *u);

/* The interval that makes the closed form largest: -w + sqrt(w^2 + 2 w (1 - n r u) / (n r)), which
 * for small w is Young's sqrt(2 w MTTI) (1974), less w as in Daly (2006).  0 where no number of
 * seconds is best: no failures, no time to write, or too many failures to come back from. */
double flt_best_checkpoint_s(double nodes, const flt_upkeep *u);

/* Mean time to an interruption in seconds: 1 / (n r); infinite without failures. */
double flt_mtti_s(double nodes, double failures_per_node_day);

#endif
