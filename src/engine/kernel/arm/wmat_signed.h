/* wmat_signed.h - the other two dot products that vec/wmat_tmpl.h wants, where dot_codes(), defined
 * before, multiplies signed bytes by signed ones: they are the same, and no bias is to be taken
 * off.
 */
#ifndef ENG_KERNEL_ARM_WMAT_SIGNED_H
#define ENG_KERNEL_ARM_WMAT_SIGNED_H

static inline vi dot_bytes(vi acc, vi w, vi a)
{
    return dot_codes(acc, w, a);
}

static inline vi dot_tile(vi acc, vi a, vi w, vi abs_w)
{
    (void)abs_w;
    return dot_codes(acc, w, a);
}

#endif
