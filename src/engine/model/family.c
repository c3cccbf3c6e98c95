/* family.c - the list of families. */
#include "engine/model/family.h"

#include <assert.h>
#include <string.h>

#define FAMILY_ROW(id, name) &eng_family_##id,
static const eng_family *const families[] = {ENG_FAMILY_TABLE(FAMILY_ROW)};
#undef FAMILY_ROW

const eng_family *eng_family_find(const char *arch)
{
    assert(arch);
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
        if (!strcmp(families[i]->arch, arch)) return families[i];
    return NULL;
}

void eng_family_need_experts(eng_config *c)
{
    c->has[ENG_P_ROUTER] = c->has[ENG_P_EXP_GATE] = true;
    c->has[ENG_P_EXP_UP] = c->has[ENG_P_EXP_DOWN] = true;
}

void eng_family_need_shared(eng_config *c)
{
    c->has[ENG_P_SH_GATE] = c->has[ENG_P_SH_UP] = c->has[ENG_P_SH_DOWN] = true;
}

#define FAMILY_NAME(id, name) ", " name
const char *eng_family_names(void)
{
    return (ENG_FAMILY_TABLE(FAMILY_NAME)) + 2;
}
#undef FAMILY_NAME
