// app.js - starts the page: each part in its turn.

import { beginCompare } from "./compare.js";
import { beginCompose } from "./compose.js";
import { $ } from "./dom.js";
import { contextGauge, telegraph } from "./gauge.js";
import { beginKeys } from "./keys.js";
import { beginMachine } from "./machine.js";
import { beginModels } from "./models.js";
import { beginRaw } from "./raw.js";
import { beginSettings } from "./settings.js";
import { beginSide } from "./side.js";
import { begin, changed, on } from "./state.js";
import { beginThread } from "./thread.js";
import { offerTraining } from "./train.js";

await begin();
beginThread();
beginCompose();
beginSide();
beginSettings();
beginRaw();
beginCompare();
beginKeys();
for (const what of ["run", "speed"]) on(what, telegraph);
for (const what of ["run", "speed", "thread"]) on(what, contextGauge);
changed("thread", "list", "run");
$("ask").focus();
beginMachine();
offerTraining();
beginModels();
