/* house_in.h - what the files of the house share. */
#ifndef UP_HOUSE_IN_H
#define UP_HOUSE_IN_H

#include "up/house.h"

/* Adds an action with its sentence; what the action is about is set in the row that is returned. */
up_action *up_do(up_actions *out, up_action_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- house.c ---- */

/* The version may go live no more. */
void up_house_spoil(up_house *h, uint32_t version);

/* The process of a role is gone; it counts as well if it had run for a while. */
void up_house_ended(up_house *h, up_role role);

/* True when the role's process may be started now. */
bool up_house_may_start(const up_house *h, up_role role);

/* A process of the role is begun. */
void up_house_begun(up_house *h, up_role role, up_proc_state state);

/* It is told to end (UP_DO_STOP), or ended (UP_DO_KILL). */
void up_house_end(up_house *h, up_role role, up_action_kind kind, const char *why, up_actions *out);

/* ---- house_server.c: the server and which version it serves ---- */

void up_server_event(up_house *h, const up_event *ev, up_actions *out);
void up_server_settle(up_house *h, up_actions *out);
uint64_t up_server_due(const up_house *h);

/* ---- house_train.c: rounds, the gate ---- */

void up_train_event(up_house *h, const up_event *ev, up_actions *out);
void up_train_settle(up_house *h, up_actions *out);
uint64_t up_train_due(const up_house *h);

#endif
