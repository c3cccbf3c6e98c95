/* fleet.h - the fleet's door: contracts, ledger, placement, plan, simulator.
 *
 * A fleet's rows are a flt_book (book/book.h), kept by a store.  Rating, placement, plan and
 * simulation are functions over a book.  This room knows base only: replicas and training jobs
 * reach it as plain numbers, so that all of it can be built and tested alone.
 *
 * What it offers is declared by subject in the rooms below; who is outside includes this file.
 */
#ifndef FLT_FLEET_FLEET_H
#define FLT_FLEET_FLEET_H

#include "fleet/book/book.h"
#include "fleet/book/field.h"
#include "fleet/book/promise.h"
#include "fleet/book/usage.h"
#include "fleet/focus/export.h"
#include "fleet/focus/reconcile.h"
#include "fleet/ledger/audit.h"
#include "fleet/ledger/catalog.h"
#include "fleet/ledger/close.h"
#include "fleet/ledger/report.h"
#include "fleet/ledger/usage_csv.h"
#include "fleet/ledger/usage_take.h"
#include "fleet/money/money.h"
#include "fleet/place/place.h"
#include "fleet/place/snapshot.h"
#include "fleet/plan/buy.h"
#include "fleet/plan/buy_book.h"
#include "fleet/plan/buy_file.h"
#include "fleet/plan/chips.h"
#include "fleet/plan/serve.h"
#include "fleet/plan/train.h"
#include "fleet/rate/intervals.h"
#include "fleet/sim/events.h"
#include "fleet/sim/fluid.h"
#include "fleet/sim/scenario.h"
#include "fleet/store/draft.h"
#include "fleet/store/store.h"
#include "fleet/store/yaml.h"

#endif
