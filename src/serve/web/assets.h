/* assets.h - the page's files as they lie in the program, packed with gzip. */
#ifndef SRV_WEB_ASSETS_H
#define SRV_WEB_ASSETS_H

#include <stddef.h>

typedef struct srv_asset {
    const char *path, *type;          /* where it is served and as what */
    const unsigned char *begin, *end; /* gzip */
} srv_asset;

/* All assets; *n gets their number. */
const srv_asset *srv_assets(size_t *n);

#endif
