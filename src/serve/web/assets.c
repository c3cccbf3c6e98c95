/* assets.c - draws the packed files of the page into the program.
 *
 * The assembler's .incbin is the one way that needs no generated C; the Makefile packs the files
 * into web/NAME.gz and points the assembler there.
 */
#include "serve/web/assets.h"

#define ASSET(id, name)                                                                            \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 16\n" #id "_begin:\n"                                                         \
            ".incbin \"web/" name ".gz\"\n" #id "_end:\n"                                          \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const unsigned char id##_begin[] __asm__(#id "_begin");                                 \
    extern const unsigned char id##_end[] __asm__(#id "_end")

/* id, type and name of every file but the first, in src/serve/web and at /assets/NAME. */
#define FILES(X)                                                                                   \
    X(style, CSS, "style.css")                                                                     \
    X(answer_css, CSS, "answer.css")                                                               \
    X(logo, SVG, "logo.svg")                                                                       \
    X(answer, JS, "answer.js")                                                                     \
    X(app, JS, "app.js")                                                                           \
    X(attach, JS, "attach.js")                                                                     \
    X(chat, JS, "chat.js")                                                                         \
    X(code, JS, "code.js")                                                                         \
    X(compare, JS, "compare.js")                                                                   \
    X(compose, JS, "compose.js")                                                                   \
    X(dom, JS, "dom.js")                                                                           \
    X(gauge, JS, "gauge.js")                                                                       \
    X(keys, JS, "keys.js")                                                                         \
    X(lives, JS, "lives.js")                                                                       \
    X(machine, JS, "machine.js")                                                                   \
    X(markdown, JS, "markdown.js")                                                                 \
    X(math, JS, "math.js")                                                                         \
    X(message, JS, "message.js")                                                                   \
    X(metrics, JS, "metrics.js")                                                                   \
    X(models, JS, "models.js")                                                                     \
    X(plot, JS, "plot.js")                                                                         \
    X(raw, JS, "raw.js")                                                                           \
    X(sanitize, JS, "sanitize.js")                                                                 \
    X(settings, JS, "settings.js")                                                                 \
    X(side, JS, "side.js")                                                                         \
    X(state, JS, "state.js")                                                                       \
    X(store, JS, "store.js")                                                                       \
    X(theme, JS, "theme.js")                                                                       \
    X(thread, JS, "thread.js")                                                                     \
    X(train, JS, "train.js")                                                                       \
    X(transfer, JS, "transfer.js")                                                                 \
    X(tree, JS, "tree.js")                                                                         \
    X(up, JS, "up.js")                                                                             \
    X(views, JS, "views.js")                                                                       \
    X(marked, JS, "vendor/marked.esm.js")                                                          \
    X(purify, JS, "vendor/purify.min.js")                                                          \
    X(hljs, JS, "vendor/highlight.min.js")                                                         \
    X(temml, JS, "vendor/temml.min.js")                                                            \
    X(uplot, JS, "vendor/uPlot.iife.min.js")                                                       \
    X(uplot_css, CSS, "vendor/uPlot.min.css")                                                      \
    X(licences, TEXT, "vendor/licences.txt")

#define AS_ASSET(id, type, name) ASSET(srv_web_##id, name);
ASSET(srv_web_index, "index.html");
FILES(AS_ASSET)

#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"
#define SVG "image/svg+xml"
#define TEXT "text/plain; charset=utf-8"
#define AS_ROW(id, type, name) {"/assets/" name, type, srv_web_##id##_begin, srv_web_##id##_end},

static const srv_asset assets[] = {
    {"/", "text/html; charset=utf-8", srv_web_index_begin, srv_web_index_end}, FILES(AS_ROW)};

/* All assets. */
const srv_asset *srv_assets(size_t *n)
{
    *n = sizeof assets / sizeof *assets;
    return assets;
}
