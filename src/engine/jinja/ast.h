/* ast.h - a parsed template: nodes in the program's memory, names made unique.
 *
 * One struct serves all kinds; the comment behind each kind says what a, b, c, list hold.
 */
#ifndef ENG_JINJA_AST_H
#define ENG_JINJA_AST_H

#include "engine/jinja/run.h"

typedef enum jn_kind {
    /* expressions */
    JK_CONST,   /* val */
    JK_NAME,    /* name */
    JK_LIST,    /* list */
    JK_TUPLE,   /* list */
    JK_DICT,    /* list: key, value, key, value */
    JK_ATTR,    /* a.name */
    JK_ITEM,    /* a[b] */
    JK_SLICE,   /* a:b:c, each may be NULL; only as b of JK_ITEM */
    JK_CALL,    /* a(args) */
    JK_FILTER,  /* a | name(args), fn; a is NULL for the text of a block */
    JK_TEST,    /* a is name(args), fn */
    JK_NOT,     /* not a */
    JK_NEG,     /* -a */
    JK_POS,     /* +a */
    JK_BINARY,  /* a op b */
    JK_AND,     /* a and b */
    JK_OR,      /* a or b */
    JK_CONCAT,  /* list joined by ~ */
    JK_COMPARE, /* a, then list of JK_OPERAND */
    JK_OPERAND, /* op a */
    JK_COND,    /* b if a else c (NULL: undefined) */
    JK_NSREF,   /* target: name.attr (attr in b as a constant) */
    /* statements; bodies are lists linked by next */
    JK_DATA,        /* val */
    JK_PRINT,       /* a */
    JK_IF,          /* if a: b, else c */
    JK_FOR,         /* for a in b if c: body, else other; flag: recursive */
    JK_SET,         /* a = b */
    JK_SETBLOCK,    /* a = body through the filters b (may be NULL) */
    JK_MACRO,       /* name, params, body */
    JK_CALLBLOCK,   /* call a with the macro b as caller */
    JK_FILTERBLOCK, /* body through the filters a */
    JK_WITH,        /* list: target, value, target, value; body */
    JK_SCOPE,       /* body in a scope of its own (generation, block) */
    JK_BREAK,
    JK_CONTINUE
} jn_kind;

/* Operators of JK_BINARY and JK_OPERAND. */
typedef enum jn_op {
    JO_ADD,
    JO_SUB,
    JO_MUL,
    JO_DIV,
    JO_FLOORDIV,
    JO_MOD,
    JO_POW,
    JO_EQ,
    JO_NE,
    JO_LT,
    JO_LE,
    JO_GT,
    JO_GE,
    JO_IN,
    JO_NOT_IN
} jn_op;

/* Arguments as written. */
typedef struct jn_call {
    jn_node **arg;
    size_t n_arg;
    jn_str **kw;
    jn_node **kw_val;
    size_t n_kw;
    jn_node *dyn, *dyn_kw; /* *dyn, **dyn_kw; NULL: none */
} jn_call;

/* Parameters of a macro. */
typedef struct jn_params {
    jn_str **name;
    jn_node **deflt; /* NULL: none */
    size_t n;
    bool varargs, kwargs, caller; /* the body reads the variables of these names */
} jn_params;

struct jn_node {
    uint8_t kind, op; /* jn_kind, jn_op */
    bool flag;
    int line;
    jn_str *name;
    jn_val val;
    jn_node *a, *b, *c, *body, *other, *next;
    jn_node **list;
    size_t n;
    jn_call *call;
    jn_params *params;
    const jn_fn *fn;
};

/* Names of a program, each once: equal names are equal pointers. */
typedef struct jn_names {
    jn_str **name;
    size_t n, cap;
} jn_names;

/* A parsed template. */
typedef struct jn_program {
    jn_node *body;
    jn_names names;
} jn_program;

/* Parses text[0..n) in r's memory. */
sk_status eng_jn_parse(jn_run *r, const char *text, size_t n, jn_program *out);

#endif
