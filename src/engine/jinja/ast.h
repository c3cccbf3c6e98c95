/* ast.h - a parsed template: nodes in the program's memory, names made unique.
 *
 * One struct serves all kinds; the comment behind each kind says what a, b, c, list hold.
 *
 * A node is never changed once its template is parsed: eng_jinja is shared by threads, so
 * whatever a rendering works out about a node (a loop's state, a macro's scope) lives in the
 * jn_run and not here.  Every expression kind is evaluated by one function of eval.c, every
 * statement kind by one of exec.c, found through a switch over jn_kind.
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
    JK_NSREF,   /* target: name.attr (attr in val) */
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
    JK_BREAK, /* ends the innermost loop of the same macro; the parser has checked that there is one
               */
    JK_CONTINUE /* likewise, its next pass */
} jn_kind;

/* Operators of JK_BINARY and JK_OPERAND. */
typedef enum jn_op {
    JO_ADD,      /* of strings, lists and tuples too */
    JO_SUB,      /* numbers only, like / // ** */
    JO_MUL,      /* of a string or list too: so many times */
    JO_DIV,      /* always a float, as in Python 3 */
    JO_FLOORDIV, /* rounds down, not towards zero */
    JO_MOD,      /* with a string on the left: printf-like formatting */
    JO_POW,      /* binds looser than a sign, unlike Python's: -2**2 is 4 */
    JO_EQ,       /* the rest compares; a < b < c is one node, JK_COMPARE */
    JO_NE,
    JO_LT,
    JO_LE,
    JO_GT,
    JO_GE,
    JO_IN,
    JO_NOT_IN /* not the negation of the comparison's chain but of `in` alone */
} jn_op;

/* Arguments as written. */
typedef struct jn_call {
    jn_node **arg; /* [n_arg] positional ones, in order */
    size_t n_arg;
    jn_str **kw;      /* [n_kw] names, interned */
    jn_node **kw_val; /* [n_kw] their values, evaluated behind the positional ones */
    size_t n_kw;
    jn_node *dyn, *dyn_kw; /* *dyn, **dyn_kw; NULL: none */
} jn_call;

/* Parameters of a macro.  Python's rule holds: once one has a default, all behind it have one. */
typedef struct jn_params {
    jn_str **name;
    jn_node **deflt; /* NULL: none */
    size_t n;
    bool varargs, kwargs, caller; /* the body reads the variables of these names */
} jn_params;

/* Large for what most kinds need, and rightly so: a template has some hundred nodes, and one
 * layout makes the parser and the evaluator plain switches without casts. */
struct jn_node {
    uint8_t kind, op; /* jn_kind, jn_op */
    bool flag;        /* JK_FOR: recursive */
    int line;         /* of the template, counted from 1: where errors point */
    jn_str *name;     /* interned: compared by address (jn_names) */
    jn_val val;       /* of constants and text, with the template's mark */
    jn_node *a, *b, *c, *body, *other, *next;
    jn_node **list; /* [n] */
    size_t n;
    jn_call *call;     /* the arguments of calls, filters and tests */
    jn_params *params; /* of JK_MACRO */
    const jn_fn *fn;   /* found when the template was parsed; NULL: fails when it is reached */
};

/* Names of a program, each once: equal names are equal pointers. */
typedef struct jn_names {
    jn_str **name;
    size_t n, cap;
} jn_names;

/* A parsed template. */
typedef struct jn_program {
    jn_node *body; /* the first statement, the others follow by next */
    jn_names names;
} jn_program;

/* Parses text[0..n) in r's memory.  The text is copied.  SK_E_FORMAT for a syntax error and
 * SK_E_UNSUPPORTED for a construct of jinja2 that this engine lacks, both with the line;
 * SK_E_TOOBIG where it nests deeper than 150: the parser is recursive, and its stack is the
 * thread's. */
sk_status eng_jn_parse(jn_run *r, const char *text, size_t n, jn_program *out);

#endif
