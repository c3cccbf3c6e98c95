/* tile.h - AMX tile registers: their configuration (Intel SDM vol. 1, 18.3). */
#ifndef ENG_KERNEL_X86_TILE_H
#define ENG_KERNEL_X86_TILE_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* What LDTILECFG reads; palette 1: eight registers of up to 16 rows of up to 64 bytes. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* Gives register i a shape. */
static inline void tile_shape(tile_config *c, size_t i, size_t rows, size_t row_bytes)
{
    c->rows[i] = (uint8_t)rows;
    c->row_bytes[i] = (uint16_t)row_bytes;
}

/* To be called between writing what p points to and loading it into a tile: gcc's intrinsics do not
 * say that they read memory. */
static inline void tile_written(const void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

/* Loads the configuration; the registers are zero then. */
static inline void tile_configure(const tile_config *c)
{
    tile_written(c);
    _tile_loadconfig(c);
}

#endif
