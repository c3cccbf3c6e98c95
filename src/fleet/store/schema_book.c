/* schema_book.c - migration 1: the rows of the book (fleet/book/book.h), and what runs where.
 *
 * References that may be 0 in the book ("any", "none") are null here.  Money in micro-units, shares
 * in parts per million, times in seconds of UTC; enums by their words.
 */
#include "fleet/store/schema.h"

#include <stddef.h>

static const char sql[] =
    "CREATE TABLE provider (id {id}, {name} UNIQUE, kind TEXT NOT NULL CHECK (kind IN\n"
    " ('aws','azure','gcp','own','other'))) {table};\n"

    "CREATE TABLE chip (id {id}, {name} UNIQUE, {size:peak_bf16}, {size:memory},\n"
    " {size:bandwidth}, {size:prefill_rate}, {size:decode_rate}, source TEXT NOT NULL) {table};\n"

    "CREATE TABLE pool (id {id}, {name} UNIQUE, provider {int} NOT NULL REFERENCES\n"
    " provider(id), chip {int} NOT NULL REFERENCES chip(id), region TEXT NOT NULL, zone\n"
    " TEXT NOT NULL, engine TEXT NOT NULL CHECK (engine IN\n"
    " ('local','slurm-cli','slurm-rest','sim')), endpoint TEXT NOT NULL, {count:nodes},\n"
    " chips_per_node {int} NOT NULL CHECK (chips_per_node > 0), {size:net_gbps},\n"
    " {count:egress_micros}, {currency}, state TEXT NOT NULL CHECK (state IN\n"
    " ('up','draining','no-launch','silent','gone')), {count:epoch}) {table};\n"

    "CREATE TABLE offer (id {id}, provider {int} NOT NULL REFERENCES provider(id), chip\n"
    " {int} NOT NULL REFERENCES chip(id), region TEXT NOT NULL, sku TEXT NOT NULL,\n"
    " {category}, price_micros {int} CHECK (price_micros >= 0), {currency}, chips_per_unit\n"
    " {int} NOT NULL CHECK (chips_per_unit > 0), {count:limit_chips}, valid_from {int} NOT\n"
    " NULL, valid_to {int} NOT NULL, source TEXT NOT NULL, CHECK (valid_from < valid_to),\n"
    " UNIQUE (provider, chip, region, sku, category, valid_from)) {table};\n"

    "CREATE TABLE contract (id {id}, provider {int} NOT NULL REFERENCES provider(id),\n"
    " {name} UNIQUE, {currency}, {span}) {table};\n"

    "CREATE TABLE commitment (id {id}, contract {int} NOT NULL REFERENCES contract(id),\n"
    " {name}, kind TEXT NOT NULL CHECK (kind IN ('spend','usage')), model TEXT NOT NULL\n"
    " CHECK (model IN ('continuous','discontinuous')), fulfilment TEXT NOT NULL CHECK\n"
    " (fulfilment IN\n"
    " ('hourly','daily','weekly','monthly','quarterly','semi-annual','annual','full')),\n"
    " {count:amount}, {share:discount_ppm}, {count:rate_micros}, {share:upfront_ppm},\n"
    " overage_ppm {int} NOT NULL CHECK (overage_ppm BETWEEN -1 AND 1000000), chip {int}\n"
    " REFERENCES chip(id), region TEXT NOT NULL, sku TEXT NOT NULL, categories {int} NOT\n"
    " NULL CHECK (categories BETWEEN 0 AND 15), shortfall TEXT NOT NULL CHECK (shortfall IN\n"
    " ('charge','carry')), {span}, UNIQUE (contract, name)) {table};\n"

    "CREATE TABLE commitment_step (commitment {int} NOT NULL REFERENCES commitment(id),\n"
    " list TEXT NOT NULL CHECK (list IN ('ramp','milestone')), t {int} NOT NULL, {count:amount},\n"
    " PRIMARY KEY (commitment, list, t)) {table};\n"

    "CREATE TABLE reservation (id {id}, pool {int} NOT NULL REFERENCES pool(id), commitment\n"
    " {int} REFERENCES commitment(id), chips {int} NOT NULL CHECK (chips > 0), {span})\n"
    " {table};\n"

    "CREATE TABLE workload (id {id}, {name} UNIQUE, kind TEXT NOT NULL CHECK (kind IN\n"
    " ('train','serve','batch')), model TEXT NOT NULL, chip {int} REFERENCES chip(id),\n"
    " {count:min_chips}, max_chips {int} NOT NULL CHECK (max_chips >= min_chips), priority\n"
    " {int} NOT NULL, {size:memory}, {size:checkpoint}, {count:checkpoint_s}, {count:restart_s},\n"
    " {count:min_run_s}, {size:slo_ttft_s}, {size:slo_tpot_s}, {count:deadline}) {table};\n"

    "CREATE TABLE replica (id {id}, workload {int} NOT NULL REFERENCES workload(id), pool\n"
    " {int} NOT NULL REFERENCES pool(id), model_version TEXT NOT NULL, state TEXT NOT NULL,\n"
    " endpoint TEXT NOT NULL) {table};\n"

    "CREATE TABLE placement (id {id}, workload {int} NOT NULL REFERENCES workload(id), pool\n"
    " {int} NOT NULL REFERENCES pool(id), chips {int} NOT NULL CHECK (chips > 0), reason\n"
    " TEXT NOT NULL, {span}) {table};\n"

    "CREATE TABLE lease (workload {int} PRIMARY KEY REFERENCES workload(id), {count:epoch}, pool\n"
    " {int} NOT NULL REFERENCES pool(id), holder TEXT NOT NULL, expires {int} NOT NULL)\n"
    " {table};\n"

    "CREATE TABLE checkpoint (workload {int} NOT NULL REFERENCES workload(id),\n"
    " {count:step}, {count:tokens}, {count:epoch}, uri TEXT NOT NULL, sha256 TEXT NOT NULL,\n"
    " t {int} NOT NULL, PRIMARY KEY (workload, epoch, step)) {table};\n";

static const char *const keep[] = {NULL};

const flt_migration flt_migration_book = {"book", sql, keep};
