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

ASSET(srv_web_index, "index.html");
ASSET(srv_web_style, "style.css");
ASSET(srv_web_app, "app.js");
ASSET(srv_web_chat, "chat.js");
ASSET(srv_web_store, "store.js");
ASSET(srv_web_text, "text.js");
ASSET(srv_web_train, "train.js");
ASSET(srv_web_logo, "logo.svg");

static const srv_asset assets[] = {
    {"/", "text/html; charset=utf-8", srv_web_index_begin, srv_web_index_end},
    {"/assets/style.css", "text/css; charset=utf-8", srv_web_style_begin, srv_web_style_end},
    {"/assets/app.js", "text/javascript; charset=utf-8", srv_web_app_begin, srv_web_app_end},
    {"/assets/chat.js", "text/javascript; charset=utf-8", srv_web_chat_begin, srv_web_chat_end},
    {"/assets/store.js", "text/javascript; charset=utf-8", srv_web_store_begin, srv_web_store_end},
    {"/assets/text.js", "text/javascript; charset=utf-8", srv_web_text_begin, srv_web_text_end},
    {"/assets/train.js", "text/javascript; charset=utf-8", srv_web_train_begin, srv_web_train_end},
    {"/assets/logo.svg", "image/svg+xml", srv_web_logo_begin, srv_web_logo_end},
};

/* All assets. */
const srv_asset *srv_assets(size_t *n)
{
    *n = sizeof assets / sizeof *assets;
    return assets;
}
