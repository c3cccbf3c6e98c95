/* engine.h - the engine's door: open a model, open a session, step it, train it.
 *
 * Lifetimes: an eng_exec (threads, kernels) outlives what is opened with it; an eng_model is
 * immutable once open and may be shared by threads; an eng_session is one mutable inference state,
 * stepped by one thread at a time.
 *
 * Same bytes: for one ISA, the logits of a token are a function of the model and the tokens before
 * it, whatever else is in the step, however the prompt was cut into chunks, and whatever the number
 * of threads.
 *
 * What it offers is declared by subject, in door/ and in the headers of the rooms below it that
 * stand on their own; who is outside the engine includes this file alone.
 */
#ifndef ENG_ENGINE_H
#define ENG_ENGINE_H

#include "base/status.h"
#include "engine/data/build.h"
#include "engine/data/stream.h"
#include "engine/door/evaluate.h"
#include "engine/door/gate.h"
#include "engine/door/learn.h"
#include "engine/door/model.h"
#include "engine/door/sample.h"
#include "engine/door/session.h"
#include "engine/format/gguf.h"
#include "engine/format/llama2c.h"
#include "engine/format/quantize.h"
#include "engine/grammar/grammar.h"
#include "engine/hf/hf.h"
#include "engine/jinja/jinja.h"
#include "engine/kernel/exec.h"
#include "engine/tensor/dtype.h"
#include "engine/token/chat.h"
#include "engine/token/ids.h"
#include "engine/train/eventline.h"
#include "engine/train/runlog.h"
#include "engine/train/runmodel.h"

#endif
